"""Posteriors: priors, the density that is sampled, chains, and their diagnostics."""
