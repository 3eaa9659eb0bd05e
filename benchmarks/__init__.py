"""Benchmarks: ratios of interleaved runs on one machine. `make bench` runs them all."""
