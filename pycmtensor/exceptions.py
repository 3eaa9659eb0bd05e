"""Errors and warnings: each says which thing, what was expected, what was found, and what to do."""


class PyCMTensorError(Exception):
    """Base class of every error that the library raises on purpose."""


class DatasetError(PyCMTensorError, ValueError):
    """The data cannot be used as given: a column, a code or a value is missing or wrong."""


class ModelError(PyCMTensorError, ValueError):
    """The specification of a model or of a parameter is incomplete or contradicts itself."""


class IdentificationError(ModelError):
    """The data cannot tell some parameters apart; the message names them."""


class OptimizerError(PyCMTensorError, ValueError):
    """An optimizer or a method of estimation was given something outside its range."""


class InferenceError(PyCMTensorError, ValueError):
    """A question about estimates that they cannot answer."""


class NonFiniteError(PyCMTensorError, ArithmeticError):
    """A cost or a gradient was not finite; the message names the parameters and the step."""


class UnusedParameterWarning(UserWarning):
    """The cost does not depend on a parameter, which is therefore left unchanged."""


class NotConvergedWarning(UserWarning):
    """An estimation ended before it reached a maximum; the estimates are not maximum likelihood."""


class CheckpointError(PyCMTensorError):
    """A checkpoint is damaged, or belongs to another run or version."""


class CheckpointWarning(UserWarning):
    """The newest checkpoint was damaged; an earlier one is used."""


class ResamplingWarning(UserWarning):
    """Some samples of a bootstrap or jackknife have no maximum of the likelihood; the rest is reported."""
