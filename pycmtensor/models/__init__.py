"""Choice models: utilities and a kernel. A model is symbols; it cannot fit itself."""

from pycmtensor.models.asu_dnn import ASUDNN
from pycmtensor.models.base import Model
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.cross_nested_logit import CrossNest, CrossNestedLogit
from pycmtensor.models.gmnl import GMNL
from pycmtensor.models.heteroscedastic_logit import HeteroscedasticLogit
from pycmtensor.models.hybrid_choice import HybridChoice
from pycmtensor.models.indicators import ContinuousIndicator, OrderedIndicator
from pycmtensor.models.joint import Joint, joint
from pycmtensor.models.latent_class import LatentClass
from pycmtensor.models.lmnl import LMNL
from pycmtensor.models.log_likelihood import LogLikelihood
from pycmtensor.models.mdcev import MDCEV
from pycmtensor.models.mixed_logit import MixedLogit
from pycmtensor.models.mnl import MNL
from pycmtensor.models.multinomial_probit import MultinomialProbit
from pycmtensor.models.nested_logit import Nest, NestedLogit
from pycmtensor.models.ordered_logit import OrderedLogit
from pycmtensor.models.pooled import Pooled, pooled
from pycmtensor.models.ranked_logit import RankedLogit
from pycmtensor.models.res_logit import ResLogit
from pycmtensor.models.taste_net import TasteNet

__all__ = [
    "ASUDNN",
    "GMNL",
    "LMNL",
    "MDCEV",
    "MNL",
    "ChoiceModel",
    "ContinuousIndicator",
    "CrossNest",
    "CrossNestedLogit",
    "HeteroscedasticLogit",
    "HybridChoice",
    "Joint",
    "LatentClass",
    "LogLikelihood",
    "MixedLogit",
    "Model",
    "MultinomialProbit",
    "Nest",
    "NestedLogit",
    "OrderedIndicator",
    "OrderedLogit",
    "Pooled",
    "RankedLogit",
    "ResLogit",
    "TasteNet",
    "joint",
    "pooled",
]
