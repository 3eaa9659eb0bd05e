"""PyCMTensor: discrete choice models on a symbolic tensor graph."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from pycmtensor.host import libraries as libraries  # isort: skip  # before all that import them
from pycmtensor import coefficients, datasets, exceptions
from pycmtensor.analysis import DesignOptions, compare_held_out, design, pricing, scenario
from pycmtensor.dataset import Dataset, LongDataset, write_partitions
from pycmtensor.engine import Cluster, Streaming
from pycmtensor.estimation import Starts, Stochastic
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.expressions import Beta, Bias, Weight, Weights
from pycmtensor.inference import (
    Bootstrap,
    Jackknife,
    ben_akiva_swait,
    hausman_mcfadden,
    identification,
    lagrange_multiplier,
    likelihood_ratio,
    vuong,
)
from pycmtensor.inference.posterior import priors
from pycmtensor.models import (
    ASUDNN,
    GMNL,
    LMNL,
    MDCEV,
    MNL,
    ChoiceModel,
    ContinuousIndicator,
    CrossNest,
    CrossNestedLogit,
    HeteroscedasticLogit,
    HybridChoice,
    LatentClass,
    LogLikelihood,
    MixedLogit,
    Model,
    MultinomialProbit,
    Nest,
    NestedLogit,
    OrderedIndicator,
    OrderedLogit,
    RankedLogit,
    ResLogit,
    TasteNet,
    joint,
    pooled,
)
from pycmtensor.results import (
    Posterior,
    Results,
    citation,
    compare,
    estimate,
    estimate_many,
    estimate_seeds,
    sample,
    specifications,
)
from pycmtensor.terms.draws import Sampling
from pycmtensor.terms.networks import Embedding, Network
from pycmtensor.terms.regret import random_regret
from pycmtensor.terms.relations import constraint
from pycmtensor.terms.segments import by_segment, scaled
from pycmtensor.terms.sizes import size
from pycmtensor.terms.transforms import box_cox, piecewise_linear

logging.getLogger(__name__).addHandler(logging.NullHandler())  # quiet unless the user listens

__version__ = "0.1.0"
__all__ = [
    "ASUDNN",
    "GMNL",
    "LMNL",
    "MDCEV",
    "MNL",
    "Beta",
    "Bias",
    "Bootstrap",
    "ChoiceModel",
    "Cluster",
    "ContinuousIndicator",
    "CrossNest",
    "CrossNestedLogit",
    "Dataset",
    "DesignOptions",
    "Embedding",
    "HeteroscedasticLogit",
    "HybridChoice",
    "Jackknife",
    "LatentClass",
    "LogLikelihood",
    "LongDataset",
    "MixedLogit",
    "Model",
    "MultinomialProbit",
    "Nest",
    "NestedLogit",
    "Network",
    "OrderedIndicator",
    "OrderedLogit",
    "Posterior",
    "PyCMTensorError",
    "RankedLogit",
    "ResLogit",
    "Results",
    "Sampling",
    "Starts",
    "Stochastic",
    "Streaming",
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
    "design",
    "estimate",
    "estimate_many",
    "estimate_seeds",
    "exceptions",
    "hausman_mcfadden",
    "identification",
    "joint",
    "lagrange_multiplier",
    "likelihood_ratio",
    "piecewise_linear",
    "pooled",
    "pricing",
    "priors",
    "random_regret",
    "sample",
    "scaled",
    "scenario",
    "size",
    "specifications",
    "vuong",
    "write_partitions",
]


#: Earlier path of a module -> where it is now; both give the same module.
_MOVED = {
    "archive": "estimation.archive",
    "checks": "exceptions",
    "citation": "results.citation",
    "draws": "terms.draws",
    "estimates": "results.estimates",
    "formulas": "command.formulas",
    "networks": "terms.networks",
    "output": "results.presentation",
    "plots": "report.plots",
    "priors": "inference.posterior.priors",
    "regret": "terms.regret",
    "relations": "terms.relations",
    "schedules": "optimizers.schedules",
    "seeds": "results.seeds",
    "specification": "command.specification",
    "state": "optimizers.state",
    "transforms": "terms.transforms",
    "utilities": "terms.segments",
}


class _Moved(MetaPathFinder, Loader):
    """Finds modules by their earlier paths, so that programs written for these run."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, earlier = fullname.partition(".")
        found = package == __name__ and earlier in _MOVED
        return ModuleSpec(fullname, self, origin=f"{__name__}.{_MOVED[earlier]}") if found else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(str(spec.origin))
        self._own = module.__spec__
        for name in [name for name in sys.modules if name.startswith(f"{spec.origin}.")]:  # of a package
            sys.modules[spec.name + name.removeprefix(str(spec.origin))] = sys.modules[name]
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # which the import system has replaced by that of the earlier path


sys.meta_path.insert(0, _Moved())  # before the finder that would load submodules a second time


def __getattr__(name: str) -> Any:
    if name == "ChoiceClassifier":  # which alone needs scikit-learn
        return import_module(f"{__name__}.results.classifier").ChoiceClassifier
    if name in _MOVED:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
