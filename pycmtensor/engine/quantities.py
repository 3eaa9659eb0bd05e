"""What a model says of choice situations besides the likelihood: probabilities, their slopes, expected utilities."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset.symbols import column_of, is_column
from pycmtensor.engine.likelihood import unflattened
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.models import LatentClass

if TYPE_CHECKING:
    from pycmtensor.engine.program import Program

__all__ = ["Quantities", "Quantity", "Term"]

#: (theta, fixed values, columns) of a block -> an array with the axes Q, T, B or Q, T, B, R.
OfBlock: TypeAlias = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Quantity:
    """Q numbers of each choice situation as a function of theta.

    Attributes:
        key: The same for the same quantity, whose compiled program is kept under it.
        of: What makes it of a block.
        columns: Arrays (..., T, N, 1) that ``of`` takes after those of the program.
    """

    key: Hashable
    of: OfBlock
    columns: Sequence[NDArray[Any]] = ()


@dataclass(frozen=True)
class Term:
    """A number at every choice situation and draw, as a function of theta.

    Attributes:
        key: As in `Quantity`.
        at_draws: (theta, fixed values, columns) of a block -> an array that broadcasts to (T, B, R).
    """

    key: Hashable
    at_draws: OfBlock


class Quantities:
    """The quantities of a model's program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._logP = program.lowered([program.model.log_probability(program.model.V)])

    @cached_property
    def probabilities(self) -> Quantity:
        """Choice probabilities, the average over draws, 0 where an alternative is unavailable, (J, T, B)."""
        return Quantity("probabilities", lambda *block: self._at_draws(*block).mean(axis=-1))

    def given_choices(self, observed: Sequence[NDArray[Any]]) -> Quantity:
        """Choice probabilities given other choices of the same individuals, averaged with their likelihood, (J, T, B).

        Args:
            observed: The columns of those choices, as `LocalEngine.columns`, for the individuals in question.
        """
        program = self._program
        classes = program.model.mixture(program.model.V)
        likelihoods = program.lowered([logL for logL, _ in classes])
        choices = [program.lowered([logP]) for _, logP in classes]
        drawn = program.draws is not None and bool(program.draws.draws)

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            own, seen = columns[: len(observed)], columns[len(observed) :]
            own = [*own[:-1], seen[-1]] if drawn else own  # the draws are those of the observed individual
            logL = jnp.stack(jnp.broadcast_arrays(*likelihoods(*unflattened(theta, program.free), *fixed, *seen)))
            w = jax.nn.softmax(logL, axis=(0, -1))
            P = (self._at_draws(theta, fixed, own, logP) for logP in choices)
            return sum((P_c * w_c).sum(axis=-1) for P_c, w_c in zip(P, w, strict=True))

        return Quantity("given choices", of, observed)

    def slopes(self, column: str, alternatives: Sequence[str | None]) -> Quantity:
        r"""Probabilities P_j (J), and with a column's values x_i the derivatives dP_j / dx_i and x_i dP_j / dx_i (I J).

        A choice situation depends on its own columns only, so that one pass moves all of them at once.

        Args:
            column: Its name.
            alternatives: In long data the alternatives i whose attribute moves, each by itself; None moves the column
                of all alternatives together, and that of wide data.
        """
        moving = {p: self._directions(p, alternatives) for p in self._program.places_of(column)}

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            at = {p: columns[p] for p in moving}

            def probabilities(x: Any) -> Any:
                replaced = [x.get(p, own) for p, own in enumerate(columns)]
                return self.probabilities.of(theta, fixed, replaced)

            def along(direction: Any) -> Any:
                direction = {p: jnp.broadcast_to(d, at[p].shape).astype(at[p].dtype) for p, d in direction.items()}
                proportional = {p: d * at[p] for p, d in direction.items()}
                return [jax.jvp(probabilities, (at,), (d,))[1] for d in (direction, proportional)]

            slopes = [slope.reshape(-1, *slope.shape[2:]) for slope in jax.lax.map(along, moving)]
            return jnp.concatenate([probabilities(at), *slopes])

        return Quantity(("slopes", column, tuple(alternatives)), of)

    def _directions(self, place: int, alternatives: Sequence[str | None]) -> NDArray[Any]:
        """Where an input moves with the column of each alternative, (I, [J,] 1, 1, 1)."""
        symbol = self._program.inputs[place]
        names = list(self._program.model.dataset.alternatives)
        if symbol.ndim == 4:
            moves: Any = [[i in (None, name) for name in names] for i in alternatives]
        else:  # of wide data, or of one alternative of long data
            key = column_of(symbol)
            moves = [isinstance(key, str) or i in (None, key[1]) for i in alternatives]
        return np.asarray(moves)[..., None, None, None]

    def expression(self, symbol: Variable, key: Hashable) -> Term:
        """An expression of parameters, draws and columns that the model uses, (1 or T, 1 or B, 1 or R).

        Args:
            symbol: The expression. Columns can be those of any data set; what has the axis of alternatives must be the
                same for all of them, such as an income.
            key: The same for the same expression.

        Raises:
            ModelError: It depends on a column or on draws that the model does not use, or differs between alternatives.
        """
        return self._term(self._of_inputs(symbol), key)

    def _term(self, symbol: Variable, key: Hashable) -> Term:
        """An expression of parameters and inputs."""
        function = self._program.lowered([pt.cast(symbol, pytensor.config.floatX)])

        def at_draws(theta: Any, fixed: Any, columns: Any) -> Any:
            (found,) = function(*unflattened(theta, self._program.free), *fixed, *columns)
            return found if found.ndim == 3 else jnp.reshape(found, (1, 1, 1))

        return Term(key, at_draws)

    def averages(self, terms: Sequence[Term]) -> Quantity:
        """The mean of each term over the draws, (terms, T, B)."""

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            shape = columns[self._program.chosen].shape[:2]
            means = [term.at_draws(theta, fixed, columns).mean(axis=-1) for term in terms]
            return jnp.stack([jnp.broadcast_to(mean, shape) for mean in means])

        return Quantity(("averages", tuple(term.key for term in terms)), of)

    def marginal_utility(self, column: str, alternative: str, of_class: str | None = None) -> Term:
        """dV_j / dx of the utility of an alternative with respect to one of its columns, (T, B, 1 or R).

        Args:
            column: Its name.
            alternative: Its name.
            of_class: The latent class whose utility it is; None in models without classes.
        """
        program, model = self._program, self._program.model
        if of_class is not None:
            assert isinstance(model, LatentClass)
            model = model.classes[of_class]
        of_all = model.utility is not None
        V = program.lowered(
            [model.V[model.alternatives.index(alternative)] if of_all else model.utilities[alternative]]
        )
        moving = {p: self._directions(p, [alternative])[0] for p in program.places_of(column)}

        def at_draws(theta: Any, fixed: Any, columns: Any) -> Any:
            at = {p: columns[p] for p in moving}
            direction = {p: jnp.broadcast_to(d, at[p].shape).astype(at[p].dtype) for p, d in moving.items()}

            def utility(x: Any) -> Any:
                given = [x.get(p, own) for p, own in enumerate(columns)]
                return V(*unflattened(theta, program.free), *fixed, *given)[0]

            return jax.jvp(utility, (at,), (direction,))[1]

        return Term(("marginal utility", column, alternative, of_class), at_draws)

    def posterior(self, terms: Sequence[Term], quantiles: Sequence[float]) -> Quantity:
        """Of each term the mean, standard deviation and quantiles given the choices, and its mean and mean square.

        The axes are (terms * (4 + quantiles), 1, B). Raises an `InferenceError` when a term varies between situations.
        """
        at_draws = self._program.lowered([self._program.model.over_situations(self._program.model.V)])

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            (logL,) = at_draws(*unflattened(theta, self._program.free), *fixed, *columns)
            w = jax.nn.softmax(logL, axis=-1)
            rows = []
            for term in terms:
                found = term.at_draws(theta, fixed, columns)
                if found.shape[0] > 1:
                    raise InferenceError(
                        f"The coefficient {term.key} varies between the choice situations of an individual, whose "
                        "taste is one number. Ask for the coefficients that it is made of."
                    )
                beta = jnp.broadcast_to(found[0], w.shape)
                rows += [*_described(beta, w, quantiles), beta.mean(axis=-1), (beta**2).mean(axis=-1)]
            return jnp.stack(rows)[:, None]

        return Quantity(("posterior", tuple(term.key for term in terms), tuple(quantiles)), of)

    def ratios(self, of_classes: Sequence[tuple[Term, Term]]) -> Quantity:
        """A ratio that means nothing where its denominator is 0, that, and their weight, (3, T, B, classes * draws).

        Args:
            of_classes: Numerator and denominator in each latent class; weights are the probabilities of classes over R.
        """

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            rows = []
            for terms, share in zip(of_classes, self._shares(theta, fixed, columns), strict=True):
                ratio, below = self._divided(*terms, theta, fixed, columns)
                rows.append(jnp.stack([ratio, below, jnp.broadcast_to(share, ratio.shape) / ratio.shape[-1]]))
            T = max(row.shape[1] for row in rows)
            return jnp.concatenate([jnp.broadcast_to(row, (3, T, *row.shape[2:])) for row in rows], axis=-1)

        return Quantity(("ratios", *_keys(of_classes)), of)

    def mean_ratios(self, of_classes: Sequence[tuple[Term, Term]]) -> Quantity:
        """By class the sum of a ratio over the draws at which it is defined, and how many these are, (C 2, T, B).

        Both are over R, and times the probability of the class. As in `ratios`.
        """

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            rows: list[Any] = []
            for terms, share in zip(of_classes, self._shares(theta, fixed, columns), strict=True):
                ratio, denominator = self._divided(*terms, theta, fixed, columns)
                means = jnp.where(denominator != 0, ratio, 0.0).mean(axis=-1), (denominator != 0).mean(axis=-1)
                rows += [share[..., 0] * mean.astype(ratio.dtype) for mean in means]
            shape = columns[self._program.chosen].shape[:2]
            return jnp.stack([jnp.broadcast_to(row, shape) for row in rows])

        return Quantity(("mean ratios", *_keys(of_classes)), of)

    def ratios_given_choices(
        self, of_classes: Sequence[tuple[Term, Term]], quantiles: Sequence[float], observed: NDArray[Any]
    ) -> Quantity:
        """Of each individual the mean, standard deviation and quantiles of a ratio given the choices, (2 + Q, 1, B).

        Over the individual's situations, over draws and classes; where the ratio is nowhere defined, NaN.

        Args:
            of_classes: As in `ratios`.
            quantiles: Q shares.
            observed: 1 for situations and 0 for padding, (T, N, 1).
        """
        classes = self._program.model.mixture(self._program.model.V)
        likelihoods = self._program.lowered([logL for logL, _ in classes])

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            *columns, is_observed = columns
            logL = jnp.stack(
                jnp.broadcast_arrays(*likelihoods(*unflattened(theta, self._program.free), *fixed, *columns))
            )
            posterior = jax.nn.softmax(logL, axis=(0, -1))  # (C, B, R)
            x, w = [], []
            for terms, h in zip(of_classes, posterior, strict=True):
                ratio, below = self._divided(*terms, theta, fixed, columns)
                shape = jnp.broadcast_shapes(ratio.shape, (*is_observed.shape[:2], h.shape[-1]))
                x.append(jnp.broadcast_to(ratio, shape))
                w.append(jnp.where(below != 0, h * is_observed, 0.0))
            values, weights = (
                jnp.moveaxis(jnp.stack(of_all), 2, 0).reshape(is_observed.shape[1], -1) for of_all in (x, w)
            )
            weights = weights / weights.sum(axis=-1, keepdims=True)
            return jnp.stack(_described(values, weights, quantiles))[:, None]

        return Quantity(("ratios given choices", *_keys(of_classes), *quantiles), of, [observed])

    def _divided(self, above: Term, below: Term, theta: Any, fixed: Any, columns: Any) -> tuple[Any, Any]:
        numerator, denominator = (term.at_draws(theta, fixed, columns) for term in (above, below))
        ratio = numerator / jnp.where(denominator != 0, denominator, 1.0)
        shape = jnp.broadcast_shapes(ratio.shape, (1, columns[self._program.chosen].shape[1], 1))
        return jnp.broadcast_to(ratio, shape), jnp.broadcast_to(denominator, shape)

    @cached_property
    def _shares(self) -> Callable[..., list[Any]]:
        """The probabilities of the latent classes before choices are seen, each (1, 1 or B, 1), of a block."""
        terms = [self._term(pt.exp(log_pi)[None], "share of a class") for log_pi in self._program.model.log_shares()]
        return lambda *block: [term.at_draws(*block) for term in terms]

    def surplus(self, costs: Sequence[Term], before: Sequence[NDArray[Any]]) -> Quantity:
        r"""Expected maximum utility in money, and of each class the share of draws without a value, (1 + C, T, B).

        .. math:: \sum_c \pi_{nc} \frac{1}{R} \sum_r \frac{1}{- \beta^{cost}_{cnr}} E \max_j U_{jncr}

        Args:
            costs: The marginal utility of cost of each class, which is negative.
            before: The columns at which it and the probabilities of classes are evaluated, as `LocalEngine.columns`.
        """
        program, model = self._program, self._program.model
        utilities = model.expected_maximum_utilities(model.V)
        maxima = [self._term(maximum, "expected maximum utility") for maximum in utilities]

        def of(theta: Any, fixed: Any, columns: Any) -> Any:
            now, first = (theta, fixed, columns[: len(before)]), (theta, fixed, columns[len(before) :])
            total, meaningless = 0.0, []
            for share, maximum, cost in zip(self._shares(*first), maxima, costs, strict=True):
                income = -cost.at_draws(*first)
                money = maximum.at_draws(*now) / jnp.where(income > 0, income, 1.0)
                total += share * money
                meaningless.append(jnp.broadcast_to(income <= 0, money.shape).astype(money.dtype))
            shape = columns[program.chosen].shape[:2]
            return jnp.stack([jnp.broadcast_to(q.mean(axis=-1), shape) for q in (total, *meaningless)])

        return Quantity(("surplus", *(cost.key for cost in costs)), of, before)

    def _of_inputs(self, symbol: Variable) -> Variable:
        """An expression of columns and draws as one of the inputs, without the axis of alternatives."""
        columns = {}
        for variable in graph_inputs([symbol]):
            if is_column(variable):
                columns[variable] = self._input(column_of(variable))
            if hasattr(variable.tag, "draws") and variable.tag.draws not in self._program.model.draws:
                raise ModelError(f"The expression depends on draws '{variable}', which the model does not use.")
        symbol = clone_replace(symbol, columns, rebuild_strict=False)
        return symbol[0] if symbol.ndim == 4 else symbol

    def _input(self, key: Any) -> Variable:
        """What holds a column: (T, N, 1), or (1, T, N, 1) of long data where it is the same for all alternatives."""
        program, ds = self._program, self._program.model.dataset
        known = {column_of(symbol): symbol for symbol in program.inputs}
        column, alternative = key if isinstance(key, tuple) else (key, None)
        if column not in known and key not in known:
            raise ModelError(f"The expression depends on column {column!r}, which the model does not use.")
        if key not in known:  # of one alternative, where the model has all
            return known[column][list(ds.alternatives).index(alternative)]
        if known[key].ndim == 4 and ds.varies(column):
            raise ModelError(
                f"The expression depends on column {column!r}, which differs between alternatives. Name one of them, "
                f"ds['{column}', 'name of the alternative']."
            )
        return known[key][:1] if known[key].ndim == 4 else known[key]

    def _at_draws(self, theta: Any, fixed: Any, columns: Any, logP: Callable[..., Any] | None = None) -> Any:
        """Choice probabilities at every draw (J, T, B, R), of the whole model or of one class."""
        logP = logP or self._logP
        available, chosen = self._available(theta, fixed, columns), self._program.chosen
        first = jnp.argmax(available, axis=0)

        def alternative(j: Any, is_available: Any) -> Any:
            y = jnp.where(is_available, j, first)[..., None]  # no likelihood of what cannot be chosen
            as_if = [y.astype(x.dtype) if i == chosen else x for i, x in enumerate(columns)]
            (found,) = logP(*unflattened(theta, self._program.free), *fixed, *as_if)
            return jnp.where(is_available[..., None], jnp.exp(found), 0.0)

        return jax.vmap(alternative)(jnp.arange(len(available)), available)

    def _available(self, theta: Any, fixed: Any, columns: Any) -> Any:
        """Which alternatives can be chosen, (J, T, B)."""
        found = self._choice_set(*unflattened(theta, self._program.free), *fixed, *columns)
        shape = *columns[self._program.chosen].shape[:2], 1
        if len(found) == 1:  # one expression for all
            return jnp.broadcast_to(found[0], (self._program.model.dataset.n_alternatives, *shape))[..., 0]
        return jnp.stack([jnp.broadcast_to(a, shape)[..., 0] for a in found])

    @cached_property
    def _choice_set(self) -> Callable[..., Any]:
        given = self._program.model.choice_set
        one_by_one = given if isinstance(given, list) else [given]
        return self._program.lowered([pt.neq(pt.as_tensor_variable(1.0 if a is None else a), 0) for a in one_by_one])


def _keys(pairs: Sequence[tuple[Term, Term]]) -> list[tuple[Hashable, Hashable]]:
    return [(above.key, below.key) for above, below in pairs]


def _described(values: Any, weights: Any, shares: Sequence[float]) -> list[Any]:
    """Mean, standard deviation and quantiles of values (B, R) with weights (B, R) that add up to 1, each (B,).

    A quantile is the smallest of the values up to which the weights add up to its share.
    """
    mean = (weights * values).sum(axis=-1)
    sd = jnp.sqrt((weights * (values - mean[:, None]) ** 2).sum(axis=-1))
    order = jnp.argsort(values, axis=-1)
    ordered = jnp.take_along_axis(values, order, axis=-1)
    reached = jnp.cumsum(jnp.take_along_axis(weights, order, axis=-1), axis=-1)
    places = [jnp.minimum((reached < share).sum(axis=-1), values.shape[-1] - 1) for share in shares]
    return [mean, sd, *(jnp.take_along_axis(ordered, place[:, None], axis=-1)[:, 0] for place in places)]
