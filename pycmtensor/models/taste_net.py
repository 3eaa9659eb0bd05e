"""The logit whose coefficients are networks of who chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.models.network_logit import NetworkLogit, checked_networks
from pycmtensor.models.specified import Expression
from pycmtensor.terms.networks import Network

__all__ = ["TasteNet"]


@checked_class(ModelError)
class TasteNet(NetworkLogit):
    r"""Logit with tastes that a network makes of characteristics, beside coefficients that are the same for all.

    .. math:: V_{jn} = \beta^\top x_{jn} + \tau(z_n)^\top w_{jn}

    with the network's outputs tau, whose sign can be given: ``output="negative"`` for time and cost. Utilities stay
    linear in attributes, so that values of time are ratios of tastes.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`; they use the outputs, such as ``tastes["b_time"] * ds["TRAIN_TT"]``.
        availability: As in `ChoiceModel`.
        tastes: The network, or several.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when no utility uses a network, or an output of it.

    References:
        Han, Pereira, Ben-Akiva & Zegras (2022), A neural-embedded discrete choice model: Learning taste representation
        with strengthened interpretability.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "time": [10.0, 20, 30], "age": [20, 40, 60]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> tastes = cmt.Network("tastes", [ds["age"]], ["b_time"], data=ds, hidden=5, output="negative")
        >>> model = cmt.TasteNet(ds, {"car": tastes["b_time"] * ds["time"], "bus": cmt.Beta("asc")}, tastes=tastes)
        >>> len(model.labels)  # 5 + 5 weights and biases, 5 + 1, and the constant
        17
    """

    name = "TasteNet logit"

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        tastes: Network | Sequence[Network],
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self.networks = checked_networks("TasteNet: tastes", tastes)
        super().__init__(dataset, utilities, availability, params)
        used = set(ancestors(self.named_utilities.values()))
        for network in self.networks:
            idle = [name for name, output in network.outputs.items() if output not in used]
            if idle:
                raise ModelError(
                    f"No utility uses {', '.join(idle)} of the network '{network.name}'. Write "
                    f"network['{idle[0]}'] * ds['TIME'] in a utility, or make the network without that output."
                )
