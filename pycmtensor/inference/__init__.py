"""Uncertainty of estimates, and tests of hypotheses."""

from pycmtensor.inference.covariance import BHHH, Classical, ClusterRobust, Covariance, Kind, Robust
from pycmtensor.inference.delta import DerivedQuantities, DerivedQuantity, delta
from pycmtensor.inference.hypotheses import HypothesisTest
from pycmtensor.inference.identification import Identification, identification
from pycmtensor.inference.iia import hausman_mcfadden
from pycmtensor.inference.kinds import COVARIANCES, covariance
from pycmtensor.inference.krinsky_robb import SimulatedQuantity, krinsky_robb
from pycmtensor.inference.lagrange_multiplier import lagrange_multiplier
from pycmtensor.inference.latent_classes import class_shares, membership
from pycmtensor.inference.likelihood_ratio import likelihood_ratio
from pycmtensor.inference.nonnested import ben_akiva_swait, vuong
from pycmtensor.inference.profile import profile_intervals
from pycmtensor.inference.replicates import Replicates
from pycmtensor.inference.resampling import Bootstrap, Jackknife, bootstrap, jackknife
from pycmtensor.inference.simulation_noise import SimulationNoise, simulation_noise
from pycmtensor.inference.wald import wald

__all__ = [
    "BHHH",
    "COVARIANCES",
    "Bootstrap",
    "Classical",
    "ClusterRobust",
    "Covariance",
    "DerivedQuantities",
    "DerivedQuantity",
    "HypothesisTest",
    "Identification",
    "Jackknife",
    "Kind",
    "Replicates",
    "Robust",
    "SimulatedQuantity",
    "SimulationNoise",
    "ben_akiva_swait",
    "bootstrap",
    "class_shares",
    "covariance",
    "delta",
    "hausman_mcfadden",
    "identification",
    "jackknife",
    "krinsky_robb",
    "lagrange_multiplier",
    "likelihood_ratio",
    "membership",
    "profile_intervals",
    "simulation_noise",
    "vuong",
    "wald",
]
