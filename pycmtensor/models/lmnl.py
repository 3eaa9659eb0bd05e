"""The learning multinomial logit: coefficients for some columns, a network for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytensor.tensor as pt

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.models.network_logit import NetworkLogit, checked_networks, columns_of
from pycmtensor.models.specified import Expression
from pycmtensor.terms.networks import Network

__all__ = ["LMNL"]


@checked_class(ModelError)
class LMNL(NetworkLogit):
    r"""Learning multinomial logit: a term that a network makes of other columns joins the utilities.

    .. math:: V_{jn} = \beta^\top x_{jn} + r_j(z_n)

    The columns of x and z are different, so that coefficients keep their meaning. A constant of an alternative cannot
    be told from what the network gives it on average; its standard error is conditional on the network.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`, the part with coefficients.
        availability: As in `ChoiceModel`.
        network: A network whose outputs are named after alternatives, or name of an alternative -> a network with one
            output. An alternative that is not named has no such term.
        shared: Whether a column may stand in both parts.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when a column is in both parts, or an output belongs to no alternative.

    References:
        Sifringer, Lurkin & Alahi (2020), Enhancing discrete choice models with representation learning,
        doi:10.1016/j.trb.2020.08.006.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "time": [10.0, 20, 30], "age": [20, 40, 60]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> V = {"car": cmt.Beta("b_time") * ds["time"], "bus": 0}
        >>> cmt.LMNL(ds, V, network=cmt.Network("r", [ds["age"]], ["bus"], data=ds, hidden=()))
        LMNL(car, bus; b_time, r.weight1, r.bias1)
    """

    name = "Learning multinomial logit"

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression],
        availability: Mapping[str, Expression] | None = None,
        *,
        network: Network | Mapping[str, Network],
        shared: bool = False,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        if isinstance(network, Mapping):
            self.networks = checked_networks("LMNL: network", list(network.values()))
            terms = {name: own() for name, own in network.items()}
        else:
            (only,) = self.networks = checked_networks("LMNL: network", network)
            terms = dict(only.outputs)
        if not isinstance(utilities, Mapping):
            raise ModelError("LMNL takes a utility for each alternative, {'car': b_cost * ds['CAR_CO'], ...}.")
        strangers = [name for name in terms if name not in utilities]
        if strangers:
            raise ModelError(
                f"LMNL: the network has an output for {', '.join(strangers)}, the utilities are those of "
                f"{', '.join(utilities)}. Name outputs after alternatives."
            )
        if not shared:
            self._check_apart(utilities)
        super().__init__(
            dataset,
            {name: V + terms[name] if name in terms else V for name, V in utilities.items()},
            availability,
            params,
        )

    def _check_apart(self, utilities: Mapping[str, Expression]) -> None:
        known = set().union(*(columns_of(pt.as_tensor_variable(V)) for V in utilities.values()))
        both = sorted(known & {column for network in self.networks for column in network.columns})
        if both:
            raise ModelError(
                f"LMNL: {', '.join(both)} in the utilities and in the network too; what a coefficient of it means "
                "would depend on the network. Take it out of one of them, or say shared=True."
            )
