"""Answers after an estimation: predictions, elasticities, scenarios, values of time, tastes of individuals."""

from pycmtensor.analysis.calibrate import calibrated
from pycmtensor.analysis.calibration import calibration
from pycmtensor.analysis.conditional import ConditionalEstimates, conditional_estimates
from pycmtensor.analysis.cross_effects import cross_effects
from pycmtensor.analysis.design import Design, DesignOptions, design
from pycmtensor.analysis.elasticities import elasticities, marginal_effects
from pycmtensor.analysis.fit_measures import (
    CrossValidation,
    confusion,
    cross_validate,
    hit_rate,
    llconstants,
    shares_by,
)
from pycmtensor.analysis.held_out import compare_held_out
from pycmtensor.analysis.partial_dependence import partial_dependence
from pycmtensor.analysis.post_estimation import PostEstimation
from pycmtensor.analysis.predict import Prediction, predict
from pycmtensor.analysis.pricing import Pricing, pricing
from pycmtensor.analysis.responses import Responses
from pycmtensor.analysis.scenario import Scenarios, scenario
from pycmtensor.analysis.segments import Segments
from pycmtensor.analysis.simulate import simulate
from pycmtensor.analysis.tastes import regularity, tastes
from pycmtensor.analysis.wtp import WillingnessToPay, wtp

__all__ = [
    "ConditionalEstimates",
    "CrossValidation",
    "Design",
    "DesignOptions",
    "PostEstimation",
    "Prediction",
    "Pricing",
    "Responses",
    "Scenarios",
    "Segments",
    "WillingnessToPay",
    "calibrated",
    "calibration",
    "compare_held_out",
    "conditional_estimates",
    "confusion",
    "cross_effects",
    "cross_validate",
    "design",
    "elasticities",
    "hit_rate",
    "llconstants",
    "marginal_effects",
    "partial_dependence",
    "predict",
    "pricing",
    "regularity",
    "scenario",
    "shares_by",
    "simulate",
    "tastes",
    "wtp",
]
