"""PyCMTensor: discrete choice models on a symbolic tensor graph."""

from pycmtensor import coefficients, datasets, exceptions
from pycmtensor.analysis import compare_held_out, scenario
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
    ASUDNN,
    LMNL,
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
    ResLogit,
    TasteNet,
)
from pycmtensor.networks import Embedding, Network
from pycmtensor.output import compare
from pycmtensor.regret import random_regret
from pycmtensor.relations import constraint
from pycmtensor.results import Results, estimate
from pycmtensor.seeds import estimate_seeds
from pycmtensor.transforms import box_cox, piecewise_linear
from pycmtensor.utilities import by_segment, scaled

__version__ = "0.1.0"
__all__ = [
    "ASUDNN",
    "LMNL",
    "MNL",
    "Beta",
    "Bias",
    "Bootstrap",
    "Cluster",
    "CrossNest",
    "CrossNestedLogit",
    "Dataset",
    "Embedding",
    "HeteroscedasticLogit",
    "Jackknife",
    "LatentClass",
    "LongDataset",
    "MixedLogit",
    "Nest",
    "NestedLogit",
    "Network",
    "OrderedLogit",
    "PyCMTensorError",
    "RankedLogit",
    "ResLogit",
    "Results",
    "Sampling",
    "Starts",
    "Stochastic",
    "TasteNet",
    "Weight",
    "Weights",
    "ben_akiva_swait",
    "box_cox",
    "by_segment",
    "citation",
    "coefficients",
    "compare",
    "compare_held_out",
    "constraint",
    "datasets",
    "estimate",
    "estimate_seeds",
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
