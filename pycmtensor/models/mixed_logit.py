"""The mixed logit model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.models.mnl import MNL
from pycmtensor.models.specified import Expression
from pycmtensor.terms.draws import Sampling

__all__ = ["MixedLogit"]


@checked_class(ModelError)
class MixedLogit(MNL):
    r"""Mixed logit: a logit whose coefficients are random, simulated by draws.

    .. math::
        L_n = \frac{1}{R} \sum_r \prod_t P_{y_{nt}}(\beta_{nr}), \quad
        P_j(\beta) = \frac{a_j \exp V_j(\beta)}{\sum_i a_i \exp V_i(\beta)}

    The average is over draws of the product over an individual's choice situations: tastes that stay the same in a
    panel are drawn once for each individual. Random coefficients are expressions of `Draws`; `pycmtensor.coefficients`
    has the usual distributions. The scale of the logit errors is normalised to 1. `NestedLogit` and
    `CrossNestedLogit` take draws too.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`; at least one holds `Draws`.
        availability: As in `ChoiceModel`.
        draws: How many draws, or `Sampling` to say which.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when no utility holds draws.

    References:
        McFadden & Train (2000), doi:10.1002/1099-1255(200009/10)15:5<447::AID-JAE570>3.0.CO;2-1; Train (2009),
        Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, chapter 6.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> from pycmtensor.coefficients import normal
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> b_time = normal("b_time", cmt.Beta("mean", -0.1), cmt.Beta("sd", 0.05))
        >>> cmt.MixedLogit(ds, {"car": b_time * ds["t_car"], "bus": b_time * ds["t_bus"]}, draws=100)
        MixedLogit(car, bus; mean, sd)

        In willingness-to-pay space (Train & Weeks 2005, doi:10.1007/1-4020-3684-1_1) the value of time itself is
        random, V = b_cost (cost + wtp time):

        >>> from pycmtensor.coefficients import lognormal
        >>> ds = cmt.Dataset(frame.assign(c_car=[3.0, 5, 4], c_bus=[2.0, 2, 3]), "mode", {"car": 1, "bus": 2})
        >>> b_cost = lognormal("b_cost", cmt.Beta("mean_log_cost", -2.0), cmt.Beta("sd_log_cost", 0.5), sign=-1)
        >>> wtp = normal("wtp", cmt.Beta("wtp_mean", 0.2), cmt.Beta("wtp_sd", 0.1))
        >>> V = {mode: b_cost * (ds[f"c_{mode}"] + wtp * ds[f"t_{mode}"]) for mode in ds.alternatives}
        >>> cmt.MixedLogit(ds, V, draws=100)
        MixedLogit(car, bus; mean_log_cost, sd_log_cost, wtp_mean, wtp_sd)
    """

    name = "Mixed logit"
    takes_draws = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        draws: int | Sampling = 500,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self.sampling: Sampling = draws if isinstance(draws, Sampling) else Sampling(draws)
        super().__init__(dataset, utilities, availability, params)
