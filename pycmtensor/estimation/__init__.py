"""Methods of estimation: a log-likelihood and start values in, a Fit out."""

from pycmtensor.estimation.fit import Ending, Fit, Outcome
from pycmtensor.estimation.maximise import maximise, maximise_together
from pycmtensor.estimation.preparation import Options, start_values
from pycmtensor.estimation.saved import load_fit, save_fit
from pycmtensor.estimation.starts import Starts
from pycmtensor.estimation.stochastic import Stochastic

__all__ = [
    "Ending",
    "Fit",
    "Options",
    "Outcome",
    "Starts",
    "Stochastic",
    "load_fit",
    "maximise",
    "maximise_together",
    "save_fit",
    "start_values",
]
