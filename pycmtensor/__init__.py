"""PyCMTensor: discrete choice models on a symbolic tensor graph."""

from pycmtensor import coefficients, datasets, exceptions
from pycmtensor.analysis import scenario
from pycmtensor.citation import citation
from pycmtensor.dataset import Dataset, LongDataset
from pycmtensor.draws import Sampling
from pycmtensor.estimation import Starts, Stochastic
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.expressions import Beta, Bias, Weight, Weights
from pycmtensor.inference import (
    Bootstrap,
    Cluster,
    Jackknife,
    ben_akiva_swait,
    hausman_mcfadden,
    identification,
    lagrange_multiplier,
    likelihood_ratio,
    vuong,
)
from pycmtensor.models import (
    MNL,
    CrossNest,
    CrossNestedLogit,
    HeteroscedasticLogit,
    LatentClass,
    MixedLogit,
    Nest,
    NestedLogit,
    OrderedLogit,
    RankedLogit,
)
from pycmtensor.output import compare
from pycmtensor.regret import random_regret
from pycmtensor.relations import constraint
from pycmtensor.results import Results, estimate
from pycmtensor.transforms import box_cox, piecewise_linear
from pycmtensor.utilities import by_segment, scaled

__version__ = "0.1.0"
__all__ = [
    "MNL",
    "Beta",
    "Bias",
    "Bootstrap",
    "Cluster",
    "CrossNest",
    "CrossNestedLogit",
    "Dataset",
    "HeteroscedasticLogit",
    "Jackknife",
    "LatentClass",
    "LongDataset",
    "MixedLogit",
    "Nest",
    "NestedLogit",
    "OrderedLogit",
    "PyCMTensorError",
    "RankedLogit",
    "Results",
    "Sampling",
    "Starts",
    "Stochastic",
    "Weight",
    "Weights",
    "ben_akiva_swait",
    "box_cox",
    "by_segment",
    "citation",
    "coefficients",
    "compare",
    "constraint",
    "datasets",
    "estimate",
    "exceptions",
    "hausman_mcfadden",
    "identification",
    "lagrange_multiplier",
    "likelihood_ratio",
    "piecewise_linear",
    "random_regret",
    "scaled",
    "scenario",
    "vuong",
]
