"""Logit of utilities that are networks of each alternative's own columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.models.network_logit import NetworkLogit
from pycmtensor.models.specified import Expression
from pycmtensor.terms.networks import Embedding, Network

__all__ = ["ASUDNN"]


@checked_class(ModelError)
class ASUDNN(NetworkLogit):
    r"""Alternative-specific utility networks: the utility of an alternative is a network of its own columns.

    .. math:: V_{jn} = f_j(x_{jn}, z_n)

    Columns of other alternatives do not enter, so that independence of irrelevant alternatives holds. Shared columns z
    enter the first layer of every network; the paper lets them pass some layers before they join.

    Args:
        dataset: As in `ChoiceModel`.
        inputs: Name of every alternative -> its inputs, as in `Network`; an alternative with [] and no shared columns
            has the utility 0.
        availability: As in `ChoiceModel`.
        shared: Inputs of all networks, such as characteristics of who chooses.
        hidden: As in `Network`.
        seed: Of the start values.

    Raises:
        ModelError: As `ChoiceModel` and `Network`.

    References:
        Wang, Mo & Zhao (2020), Deep neural networks for choice analysis: Architecture design with alternative-specific
        utility functions, doi:10.1016/j.trc.2020.01.012.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> cmt.ASUDNN(ds, {"car": [ds["t_car"]], "bus": [ds["t_bus"]]}, hidden=5).networks[0]
        Network('car', inputs 1, hidden 5, outputs output; 16 weights)
    """

    name = "Alternative-specific utility networks"

    def __init__(
        self,
        dataset: Dataset,
        inputs: Mapping[str, Sequence[Variable | Embedding]],
        availability: Mapping[str, Expression] | None = None,
        *,
        shared: Sequence[Variable | Embedding] = (),
        hidden: int | Sequence[int] = (10,),
        seed: int = 0,
    ) -> None:
        if not isinstance(inputs, Mapping):
            raise ModelError(f"ASUDNN: inputs maps alternatives to lists of columns, found {type(inputs).__name__}.")
        own = {
            name: Network(name, [*columns, *shared], data=dataset, hidden=hidden, seed=seed + j)
            for j, (name, columns) in enumerate(inputs.items())
            if columns or shared
        }
        self.networks = tuple(own.values())
        super().__init__(dataset, {name: own[name]() if name in own else 0.0 for name in inputs}, availability)
