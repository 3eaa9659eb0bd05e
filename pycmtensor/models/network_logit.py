"""Base of logits with networks in their utilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.graph.basic import Variable

from pycmtensor.dataset.symbols import columns_in, name_of
from pycmtensor.exceptions import ModelError
from pycmtensor.models.mnl import MNL
from pycmtensor.terms.networks import Network

__all__ = ["NetworkLogit", "checked_networks", "columns_of"]


class NetworkLogit(MNL):
    """A logit whose utilities hold networks.

    Attributes:
        networks: The networks.
    """

    networks: tuple[Network, ...] = ()

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The networks, whose outputs stand in the utilities."""
        return super().kept_among(alternatives) | {"networks": self.networks}


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
    return {str(name_of(symbol)) for symbol in columns_in([expression])}
