"""Base of logits with networks in their utilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError
from pycmtensor.models.base import Expression, Model
from pycmtensor.models.mnl import MNL
from pycmtensor.terms.networks import Network

__all__ = ["NetworkLogit", "checked_networks", "columns_of"]


class NetworkLogit(MNL):
    """A logit whose utilities hold networks.

    Attributes:
        networks: The networks.
    """

    networks: tuple[Network, ...] = ()

    def _respecified(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Variable] | Variable,
        availability: Mapping[str, Expression] | Variable | None,
    ) -> Model:
        """A logit: the utilities hold the networks already."""
        return MNL(dataset, utilities, availability)


def checked_networks(what: str, given: Any) -> tuple[Network, ...]:
    """One network or several as a tuple.

    Raises:
        ModelError: Something else is given.
    """
    networks = (given,) if isinstance(given, Network) else tuple(given) if isinstance(given, Sequence) else ()
    if not networks or not all(isinstance(network, Network) for network in networks):
        raise ModelError(f"{what} must be a Network or a list of them, found {given!r}.")
    return networks


def columns_of(expression: Variable) -> set[str]:
    """Names of the columns that an expression depends on."""
    keys = [v.tag.column for v in graph_inputs([expression]) if hasattr(v.tag, "column")]
    return {str(key[0] if isinstance(key, tuple) else key) for key in keys}
