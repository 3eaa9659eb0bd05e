"""A log-likelihood that is written as one expression."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Parameter
from pycmtensor.kernels.applied import Applied, applied_in
from pycmtensor.kernels.logit import logit
from pycmtensor.models.base import Model
from pycmtensor.models.forms import Form, KernelOfUtilities, Logit, MixtureOfLogits, Utilities
from pycmtensor.terms.draws import Sampling, sampling_of

__all__ = ["LogLikelihood"]


class LogLikelihood(Model):
    r"""Any log-likelihood, written with columns, parameters and draws.

    .. math:: \log L = \sum_n w_n \log \frac{1}{R} \sum_r \exp \sum_t \ell_{tnr}(\theta)

    The sum over the rows of a person is inside the average over draws. Everything that needs only a likelihood works:
    all methods of estimation, covariances, tests, intervals, functions of parameters, cross-validation.

    Where the expression is what a kernel of `pycmtensor.kernels` returns, such as ``kernels.logit(...)``, evaluations
    are as fast as in the model of that kernel. Any other expression is differentiated as it stands.

    Args:
        dataset: The data whose columns the expression is written with. It needs no choice:
            ``cmt.Dataset(frame, individual="id")``.
        expression: Log-likelihood of each row, with the axes (T, N, R) that columns have, or of each individual,
            (N, R).
        draws: How many draws, or `Sampling` to say which; needed when the expression holds random coefficients.
        name: What the model is called in tables.
        params: As in `Model`.

    Raises:
        ModelError: The expression has other axes, holds an unknown input, or nothing is left to estimate; draws are
            missing, or nothing is random.
        DatasetError: A used column holds missing values.

    Examples:
        Numbers of trips are Poisson distributed:

        >>> import numpy as np, pandas as pd, pycmtensor as cmt, pytensor.tensor as pt
        >>> frame = pd.DataFrame({"trips": [1, 2, 3, 4, 4, 4], "car": [0, 0, 0, 1, 1, 1]})
        >>> ds = cmt.Dataset(frame)
        >>> log_mean = cmt.Beta("constant") + cmt.Beta("b_car") * ds["car"]
        >>> y = ds["trips"]
        >>> results = cmt.estimate(cmt.LogLikelihood(ds, y * log_mean - pt.exp(log_mean) - pt.gammaln(y + 1)))
        >>> np.exp(results.params.cumsum()).round(6).tolist()  # the mean without and with a car
        [2.0, 4.0]
    """

    def __init__(
        self,
        dataset: Dataset,
        expression: Variable,
        draws: int | Sampling | None = None,
        *,
        name: str = "Log-likelihood",
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self._check_dataset(dataset)
        self.name, self.sampling, self.expression = name, sampling_of(draws), expression
        if not isinstance(expression, Variable) or expression.ndim not in (2, 3):
            found = f"{expression.type}" if isinstance(expression, Variable) else repr(expression)
            raise ModelError(
                "The log-likelihood is one number for each row, an expression with the axes (T, N, R) of the data "
                f"set's columns, or for each individual, (N, R); found {found}."
            )
        super().__init__(dataset, params)

    def log_likelihood(self) -> Variable:
        """Log-likelihood of each individual at each draw, (N, R)."""
        return self._of_individuals(self.expression)

    def expressions(self) -> list[Variable]:
        """The expression, which holds all parameters and draws."""
        return [self.expression]

    def form(self) -> Form | None:
        """That of the kernel which the expression is made by; None for any other expression."""
        applied = applied_in(self.expression)
        return None if applied is None else self._form_of(applied)

    def _form_of(self, applied: Applied) -> Form:
        V = applied.utilities
        alone = isinstance(V, Variable) and V.ndim < 4  # one latent utility, without an axis of alternatives
        utilities: Utilities = [V] if alone else V

        def logprob(utilities: Utilities) -> Variable:
            expression = applied.again(utilities[0] if alone else utilities)
            return self.averaged(self._of_individuals(expression))

        if applied.kernel is not logit:
            return KernelOfUtilities(utilities, logprob)
        arguments = signature(logit).bind(V, *applied.args, **applied.options).arguments
        available, chosen = arguments["available"], arguments["chosen"]
        if available is None and not isinstance(V, Variable):
            available = [None] * len(V)
        choice_set = list(available) if isinstance(available, Sequence) else [available]
        observed = self.dataset.observed if self.dataset.is_panel else None
        kind = Logit if self.sampling is None else MixtureOfLogits
        return kind(utilities, logprob, choice_set, chosen, observed)

    def _of_individuals(self, expression: Variable) -> Variable:
        if expression.ndim == 2:
            return expression
        return self.over_time(pt.as_tensor_variable(expression))

    def _instead_of_draws(self) -> str:
        return "Say how many draws to take: draws=500."
