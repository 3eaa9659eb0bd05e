"""What parameters do: the utilities that hold them, and what they multiply there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pytensor import scalar
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.tensor.elemwise import Elemwise

from pycmtensor.analysis.marginal import unit_of
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import columns_in
from pycmtensor.expressions import networks_in
from pycmtensor.models import Model
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.terms.relations import text_of

__all__ = ["Role", "roles"]


@dataclass(frozen=True)
class Role:
    """The place of a parameter in a model.

    Attributes:
        utilities: The alternatives in whose utilities it is; none for what is beside utilities, such as a scale.
        multiplies: What of the data it multiplies, with the unit where the data know it; none for a constant.
    """

    utilities: tuple[str, ...]
    multiplies: tuple[str, ...]


def roles(model: Model, ds: Dataset) -> dict[str, Role]:
    """The role of each parameter of a choice model, weights of networks left out.

    Args:
        model: The model; of one without utilities there are none.
        ds: Its data, which know units.

    Examples:
        >>> roles(results.model, results.data)["b_cost"].multiplies
        ('gc (Australian dollars)',)
    """
    found: dict[str, Role] = {}
    parts = {name: part for name, part in model.by_class().items() if isinstance(part, ChoiceModel)}
    labels = [label for parameter in model.params for label in parameter.labels()] if parts else []
    within = {labels[k] for own in networks_in(labels).values() for k in own}
    for parameter in model.params if parts else ():
        utilities, multiplies = dict[str, None](), dict[str, None]()
        for of_class, part in parts.items():
            for alternative, terms in part.terms_of_alternatives().items():
                if parameter() in ancestors(terms):
                    name = "all alternatives" if alternative == "all" else alternative
                    utilities[name if of_class is None else f"{name} of {of_class}"] = None
                    multiplies |= dict.fromkeys(_with_unit(factor, ds) for factor in _factors(terms, parameter()))
        role = Role(tuple(utilities), tuple(multiplies))
        found |= {label: role for label in parameter.labels() if label not in within}
    return found


def _factors(terms: Collection[Variable], parameter: Variable) -> list[Variable]:
    """What products on the way from a parameter to utilities hold beside it, as far as it depends on columns."""
    moving, found = {parameter}, dict[Variable, None]()
    for node in io_toposort([], list(terms)):
        if moving.isdisjoint(node.inputs):
            continue
        moving.update(node.outputs)
        if isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Mul):
            others = [other for other in node.inputs if other not in moving]
            found |= dict.fromkeys(other for other in others if columns_in([other]))
    return list(found)


def _with_unit(factor: Variable, ds: Dataset) -> str:
    units = dict.fromkeys(filter(None, (unit_of(ds, column) for column in columns_in([factor]))))
    return f"{text_of(factor)} ({', '.join(units)})" if units else text_of(factor)
