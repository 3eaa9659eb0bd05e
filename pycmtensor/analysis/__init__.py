"""Answers after an estimation: predictions, elasticities, scenarios, values of time, tastes of individuals."""

from pycmtensor.analysis.answers import Answers
from pycmtensor.analysis.conditional import ConditionalEstimates, conditional_estimates
from pycmtensor.analysis.elasticities import Responses, elasticities, marginal_effects
from pycmtensor.analysis.predict import Prediction, predict
from pycmtensor.analysis.scenario import Scenarios, scenario
from pycmtensor.analysis.wtp import WillingnessToPay, wtp

__all__ = [
    "Answers",
    "ConditionalEstimates",
    "Prediction",
    "Responses",
    "Scenarios",
    "WillingnessToPay",
    "conditional_estimates",
    "elasticities",
    "marginal_effects",
    "predict",
    "scenario",
    "wtp",
]
