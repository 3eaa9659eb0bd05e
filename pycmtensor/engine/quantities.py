"""Functions that compute quantities of choice situations: probabilities, their slopes, expected utilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, singledispatchmethod
from typing import Any, TypeAlias

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
from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.demand import demands
from pycmtensor.engine.likelihood import unflattened
from pycmtensor.engine.quantity import (
    Averages,
    Demands,
    Expression,
    LikelihoodsAtDraws,
    MarginalUtility,
    MeanRatios,
    Posterior,
    Probabilities,
    ProbabilitiesAtDraws,
    ProbabilitiesGivenChoices,
    Quantity,
    Ratio,
    Ratios,
    RatiosGivenChoices,
    Slopes,
    Surplus,
    Term,
)
from pycmtensor.engine.types import Columns, Fixed, Theta, Weights
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.models.choice import choice_of
from pycmtensor.models.forms import Logit
from pycmtensor.models.mdcev import Forecast

__all__ = ["OfBlock", "Quantities"]

#: (theta, fixed values, columns) of a block -> an array with the axes (Q, T, B) or (Q, T, B, R).
OfBlock: TypeAlias = Callable[[Any, Any, Any], Any]


class Quantities:
    """The functions that compute quantities of a model for a block of individuals.

    Columns of other data that a quantity takes follow those of the block itself.

    Args:
        arguments: What the functions of the model take.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments

    @singledispatchmethod
    def of(self, quantity: Quantity) -> OfBlock:
        """The function that computes a quantity."""
        raise InferenceError(f"No evaluator knows how to compute {quantity!r}.")

    @of.register
    def _(self, quantity: Probabilities) -> OfBlock:
        return lambda *block: self._at_draws(*block).mean(axis=-1)

    @of.register
    def _(self, quantity: Demands) -> OfBlock:
        return demands(self._arguments)

    @of.register
    def _(self, quantity: ProbabilitiesAtDraws) -> OfBlock:
        model = self._arguments.choice_model
        choices = [self._arguments.lowered([logP]) for _, logP in model.mixture(model.V)]

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            return jnp.concatenate([self._at_draws(theta, fixed, columns, logP) for logP in choices])

        return of

    @of.register
    def _(self, quantity: LikelihoodsAtDraws) -> OfBlock:
        likelihoods = self._arguments.lowered(self._arguments.model.class_likelihoods())

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            found = likelihoods(*unflattened(theta, self._arguments.free), *fixed, *columns)
            return jnp.stack(jnp.broadcast_arrays(*found))[:, None]

        return of

    @of.register
    def _(self, quantity: ProbabilitiesGivenChoices) -> OfBlock:
        arguments, model = self._arguments, self._arguments.choice_model
        classes = model.mixture(model.V)
        likelihoods = arguments.lowered([logL for logL, _ in classes])
        choices = [arguments.lowered([logP]) for _, logP in classes]
        size, drawn = arguments.columns, bool(model.draws)

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            own, seen = columns[:size], columns[size:]
            own = [*own[:-1], seen[-1]] if drawn else own  # the draws are those of the observed individual
            logL = jnp.stack(jnp.broadcast_arrays(*likelihoods(*unflattened(theta, arguments.free), *fixed, *seen)))
            w = jax.nn.softmax(logL, axis=(0, -1))
            P = (self._at_draws(theta, fixed, own, logP) for logP in choices)
            return sum((P_c * w_c).sum(axis=-1) for P_c, w_c in zip(P, w, strict=True))

        return of

    @of.register
    def _(self, quantity: Slopes) -> OfBlock:
        """A choice situation depends on its own columns only, so that one pass moves all of them at once."""
        alternatives = quantity.alternatives
        moving = {p: self._directions(p, alternatives) for p in self._arguments.places_of(quantity.column)}
        responding = self._responding()
        one_number = len(moving) == 1 and all((d.sum(axis=1) == 1).all() for d in moving.values() if d.ndim == 5)

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            at = {p: columns[p] for p in moving}

            def response(x: Any) -> Any:
                return responding(theta, fixed, [x.get(p, own) for p, own in enumerate(columns)])

            level, moved = jax.linearize(response, at)

            def along(direction: Any) -> Any:
                direction = {p: jnp.broadcast_to(d, at[p].shape).astype(at[p].dtype) for p, d in direction.items()}
                proportional = {p: d * at[p] for p, d in direction.items()}
                slope = moved(direction)
                if one_number:  # x dP / dx, in which x is what moves
                    (x,) = (x.reshape(-1, *x.shape[-3:-1]).sum(axis=0) for x in proportional.values())
                    return [slope, x * slope]
                return [slope, moved(proportional)]

            slopes = [slope.reshape(-1, *slope.shape[2:]) for slope in jax.lax.map(along, moving)]
            return jnp.concatenate([level, *slopes])

        return of

    @of.register
    def _(self, quantity: Averages) -> OfBlock:
        terms = [self._at_every_draw(term) for term in quantity.terms]

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            shape = self._arguments.shape(columns)
            means = [term(theta, fixed, columns).mean(axis=-1) for term in terms]
            return jnp.stack([jnp.broadcast_to(mean, shape) for mean in means])

        return of

    @of.register
    def _(self, quantity: Posterior) -> OfBlock:
        model = self._arguments.model
        at_draws = self._arguments.lowered([model.log_likelihood()])
        terms = [(term.key, self._at_every_draw(term)) for term in quantity.terms]

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            (logL,) = at_draws(*unflattened(theta, self._arguments.free), *fixed, *columns)
            w = jax.nn.softmax(logL, axis=-1)
            rows = []
            for key, term in terms:
                found = term(theta, fixed, columns)
                if found.shape[0] > 1:
                    raise InferenceError(
                        f"The coefficient {key} varies between the choice situations of an individual, whose "
                        "taste is one number. Ask for the coefficients that it is made of."
                    )
                beta = jnp.broadcast_to(found[0], w.shape)
                rows += [*_described(beta, w, quantity.quantiles), beta.mean(axis=-1), (beta**2).mean(axis=-1)]
            return jnp.stack(rows)[:, None]

        return of

    @of.register
    def _(self, quantity: Ratios) -> OfBlock:
        ratios = self._pairs(quantity.of_classes)

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            rows = []
            for terms, share in zip(ratios, self._shares(theta, fixed, columns), strict=True):
                ratio, below = self._divided(*terms, theta, fixed, columns)
                rows.append(jnp.stack([ratio, below, jnp.broadcast_to(share, ratio.shape) / ratio.shape[-1]]))
            T = max(row.shape[1] for row in rows)
            return jnp.concatenate([jnp.broadcast_to(row, (3, T, *row.shape[2:])) for row in rows], axis=-1)

        return of

    @of.register
    def _(self, quantity: MeanRatios) -> OfBlock:
        ratios = self._pairs(quantity.of_classes)

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            rows: list[Any] = []
            for terms, share in zip(ratios, self._shares(theta, fixed, columns), strict=True):
                ratio, denominator = self._divided(*terms, theta, fixed, columns)
                means = jnp.where(denominator != 0, ratio, 0.0).mean(axis=-1), (denominator != 0).mean(axis=-1)
                rows += [share[..., 0] * mean.astype(ratio.dtype) for mean in means]
            shape = self._arguments.shape(columns)
            return jnp.stack([jnp.broadcast_to(row, shape) for row in rows])

        return of

    @of.register
    def _(self, quantity: RatiosGivenChoices) -> OfBlock:
        arguments, model = self._arguments, self._arguments.model
        likelihoods = arguments.lowered(model.class_likelihoods())
        ratios = self._pairs(quantity.of_classes)
        observed = model.dataset.observed
        place = arguments.inputs.index(observed) if observed in arguments.inputs else None

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            logL = jnp.stack(jnp.broadcast_arrays(*likelihoods(*unflattened(theta, arguments.free), *fixed, *columns)))
            posterior = jax.nn.softmax(logL, axis=(0, -1))  # (C, B, R)
            is_observed = (
                jnp.ones((*arguments.shape(columns), 1), columns[0].dtype) if place is None else columns[place]
            )
            x, w = [], []
            for terms, h in zip(ratios, posterior, strict=True):
                ratio, below = self._divided(*terms, theta, fixed, columns)
                shape = jnp.broadcast_shapes(ratio.shape, (*is_observed.shape[:2], h.shape[-1]))
                x.append(jnp.broadcast_to(ratio, shape))
                w.append(jnp.where(below != 0, h * is_observed, 0.0))
            values, weights = (
                jnp.moveaxis(jnp.stack(of_all), 2, 0).reshape(is_observed.shape[1], -1) for of_all in (x, w)
            )
            weights = weights / weights.sum(axis=-1, keepdims=True)
            return jnp.stack(_described(values, weights, quantity.quantiles))[:, None]

        return of

    @of.register
    def _(self, quantity: Surplus) -> OfBlock:
        arguments, model = self._arguments, self._arguments.choice_model
        maxima = [self._lowered(maximum) for maximum in model.expected_maximum_utilities(model.V)]
        costs = [self._at_every_draw(cost) for cost in quantity.costs]
        size = arguments.columns

        def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            now, first = (theta, fixed, columns[:size]), (theta, fixed, columns[size:])
            total: Any = 0.0
            meaningless = []
            for share, maximum, cost in zip(self._shares(*first), maxima, costs, strict=True):
                income = -cost(*first)
                money = maximum(*now) / jnp.where(income > 0, income, 1.0)
                total += share * money
                meaningless.append(jnp.broadcast_to(income <= 0, money.shape).astype(money.dtype))
            shape = arguments.shape(columns)
            return jnp.stack([jnp.broadcast_to(q.mean(axis=-1), shape) for q in (total, *meaningless)])

        return of

    # ---- terms --------------------------------------------------------------------------------------------------

    @singledispatchmethod
    def _at_every_draw(self, term: Term) -> OfBlock:
        """The function that computes a term, an array that broadcasts to (T, B, R)."""
        raise InferenceError(f"No evaluator knows how to compute {term!r}.")

    @_at_every_draw.register
    def _(self, term: Expression) -> OfBlock:
        return self._lowered(self._of_inputs(term.symbol))

    @_at_every_draw.register
    def _(self, term: MarginalUtility) -> OfBlock:
        arguments, alternative = self._arguments, term.alternative
        model = choice_of(arguments.model.by_class()[term.of_class], "marginal utilities")
        of_all = model.utility is not None
        V = arguments.lowered(
            [model.V[model.alternatives.index(alternative)] if of_all else model.utilities[alternative]]
        )
        moving = {p: self._directions(p, [alternative])[0] for p in arguments.places_of(term.column)}

        def at_draws(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            at = {p: columns[p] for p in moving}
            direction = {p: jnp.broadcast_to(d, at[p].shape).astype(at[p].dtype) for p, d in moving.items()}

            def utility(x: Any) -> Any:
                replaced = [x.get(p, own) for p, own in enumerate(columns)]
                return V(*unflattened(theta, arguments.free), *fixed, *replaced)[0]

            return jax.jvp(utility, (at,), (direction,))[1]

        return at_draws

    def _lowered(self, symbol: Variable) -> OfBlock:
        """The function that computes an expression of parameters and inputs."""
        function = self._arguments.lowered([pt.cast(symbol, pytensor.config.floatX)])

        def at_draws(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
            (found,) = function(*unflattened(theta, self._arguments.free), *fixed, *columns)
            return found if found.ndim == 3 else jnp.reshape(found, (1, 1, 1))

        return at_draws

    def _pairs(self, of_classes: Ratio) -> list[tuple[OfBlock, OfBlock]]:
        return [(self._at_every_draw(above), self._at_every_draw(below)) for above, below in of_classes]

    def _divided(self, above: OfBlock, below: OfBlock, theta: Theta, fixed: Fixed, columns: Columns) -> tuple[Any, Any]:
        numerator, denominator = (term(theta, fixed, columns) for term in (above, below))
        ratio = numerator / jnp.where(denominator != 0, denominator, 1.0)
        shape = jnp.broadcast_shapes(ratio.shape, (1, self._arguments.shape(columns)[1], 1))
        return jnp.broadcast_to(ratio, shape), jnp.broadcast_to(denominator, shape)

    @cached_property
    def _shares(self) -> Callable[..., list[Any]]:
        """The probabilities of the latent classes before choices are seen, each (1, 1 or B, 1), of a block."""
        terms = [self._lowered(pt.exp(log_pi)[None]) for log_pi in self._arguments.model.log_shares()]
        return lambda *block: [term(*block) for term in terms]

    def _directions(self, place: int, alternatives: Sequence[str | None]) -> NDArray[Any]:
        """Direction in which an input moves with the column of each alternative, (I, [J,] 1, 1, 1)."""
        symbol = self._arguments.inputs[place]
        names = list(self._arguments.model.dataset.alternatives)
        if symbol.ndim == 4:
            moves: Any = [[i in (None, name) for name in names] for i in alternatives]
        else:  # of wide data, or of one alternative of long data
            key = column_of(symbol)
            moves = [isinstance(key, str) or i in (None, key[1]) for i in alternatives]
        return np.asarray(moves)[..., None, None, None]

    def _of_inputs(self, symbol: Variable) -> Variable:
        """An expression of columns and draws as one of the inputs, without the axis of alternatives."""
        columns = {}
        for variable in graph_inputs([symbol]):
            if is_column(variable):
                columns[variable] = self._input(column_of(variable))
            if hasattr(variable.tag, "draws") and variable.tag.draws not in self._arguments.model.draws:
                raise ModelError(f"The expression depends on draws '{variable}', which the model does not use.")
        symbol = clone_replace(symbol, columns, rebuild_strict=False)
        return symbol[0] if symbol.ndim == 4 else symbol

    def _input(self, key: Any) -> Variable:
        """The input that holds a column: (T, N, 1), or (1, T, N, 1) of long data when alternatives share it."""
        ds = self._arguments.model.dataset
        known = {column_of(symbol): symbol for symbol in self._arguments.inputs}
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

    def _responding(self) -> OfBlock:
        """What moves with columns: choice probabilities, or quantities of goods, (J, T, B)."""
        if isinstance(self._arguments.model, Forecast):
            of, J = demands(self._arguments), len(self._arguments.model.quantities)
            return lambda *block: of(*block)[:J]
        return lambda *block: self._at_draws(*block).mean(axis=-1)

    # ---- probabilities ------------------------------------------------------------------------------------------

    @cached_property
    def _log_probability(self) -> Callable[..., Any]:
        model = self._arguments.choice_model
        return self._arguments.lowered([model.log_probability(model.V)])

    def _at_draws(self, theta: Theta, fixed: Fixed, columns: Columns, logP: Callable[..., Any] | None = None) -> Any:
        """Choice probabilities at every draw (J, T, B, R), of the whole model or of one class."""
        if logP is None and self._utilities is not None:
            return self._logit(theta, fixed, columns)
        logP = logP or self._log_probability
        available, chosen = self._available(theta, fixed, columns), self._arguments.chosen
        first = jnp.argmax(available, axis=0)

        def alternative(j: Any, is_available: Any) -> Any:
            y = jnp.where(is_available, j, first)[..., None]  # no likelihood of what cannot be chosen
            as_if = [y.astype(x.dtype) if i == chosen else x for i, x in enumerate(columns)]
            (found,) = logP(*unflattened(theta, self._arguments.free), *fixed, *as_if)
            return jnp.where(is_available[..., None], jnp.exp(found), 0.0)

        return jax.vmap(alternative)(jnp.arange(len(available)), available)

    def _logit(self, theta: Theta, fixed: Fixed, columns: Columns) -> Any:
        """Probabilities of a logit (J, T, B, R), of differences to the utility of the most likely alternative.

        That one has the term exp(0), so that derivatives keep their digits where a choice is nearly certain.
        """
        assert self._utilities is not None
        every = self._utilities(*unflattened(theta, self._arguments.free), *fixed, *columns)
        shape = (*self._arguments.shape(columns), 1)
        *found, _ = jnp.broadcast_arrays(*every, jnp.zeros(shape, theta.dtype))
        V: Any = jnp.stack(found) if found[0].ndim == 3 else found[0]
        available = self._available(theta, fixed, columns)[..., None]
        best = jnp.argmax(jnp.where(available, V, -jnp.inf), axis=0, keepdims=True)
        difference = jnp.where(available, V - jnp.take_along_axis(V, best, axis=0), -jnp.inf)
        e = jnp.exp(difference)
        return e / jnp.maximum(e.sum(axis=0), 1.0)  # at least exp(0), unless nothing is available

    @cached_property
    def _utilities(self) -> Callable[..., Any] | None:
        """Utilities as a function of a block, where probabilities are those of a logit; None elsewhere."""
        form = self._arguments.model.form()
        if not isinstance(form, Logit):
            return None
        return self._arguments.lowered(
            [form.utilities] if isinstance(form.utilities, Variable) else list(form.utilities)
        )

    def _available(self, theta: Theta, fixed: Fixed, columns: Columns) -> Any:
        """Availability of each alternative, (J, T, B)."""
        found = self._choice_set(*unflattened(theta, self._arguments.free), *fixed, *columns)
        shape = (*self._arguments.shape(columns), 1)
        if len(found) == 1:  # one expression for all
            return jnp.broadcast_to(found[0], (self._arguments.model.dataset.n_alternatives, *shape))[..., 0]
        return jnp.stack([jnp.broadcast_to(a, shape)[..., 0] for a in found])

    @cached_property
    def _choice_set(self) -> Callable[..., Any]:
        found = self._arguments.choice_model.choice_set
        one_by_one = found if isinstance(found, list) else [found]
        return self._arguments.lowered([pt.neq(pt.as_tensor_variable(1.0 if a is None else a), 0) for a in one_by_one])


def _described(values: Any, weights: Weights, shares: Sequence[float]) -> list[Any]:
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
