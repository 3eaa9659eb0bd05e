"""How certain estimates are, and what they say about hypotheses."""

from pycmtensor.inference.covariance import COVARIANCES, covariance
from pycmtensor.inference.delta import DerivedQuantities, DerivedQuantity, delta
from pycmtensor.inference.hypotheses import HypothesisTest
from pycmtensor.inference.iia import hausman_mcfadden
from pycmtensor.inference.krinsky_robb import SimulatedQuantity, krinsky_robb
from pycmtensor.inference.lagrange_multiplier import lagrange_multiplier
from pycmtensor.inference.likelihood_ratio import likelihood_ratio
from pycmtensor.inference.nonnested import ben_akiva_swait, vuong
from pycmtensor.inference.wald import wald

__all__ = [
    "COVARIANCES",
    "DerivedQuantities",
    "DerivedQuantity",
    "HypothesisTest",
    "SimulatedQuantity",
    "ben_akiva_swait",
    "covariance",
    "delta",
    "hausman_mcfadden",
    "krinsky_robb",
    "lagrange_multiplier",
    "likelihood_ratio",
    "vuong",
    "wald",
]
