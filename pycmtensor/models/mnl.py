"""The multinomial logit model."""

from __future__ import annotations

from collections.abc import Sequence

from pytensor.graph.basic import Variable

from pycmtensor.kernels import log_sum, logit
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.forms import Form, Logit, MixtureOfLogits

__all__ = ["MNL"]


class MNL(ChoiceModel):
    r"""Multinomial logit: independent extreme value errors of scale 1.

    .. math:: P_{jn} = \frac{a_{jn} \exp V_{jn}}{\sum_i a_{in} \exp V_{in}}

    Only differences of utilities matter: at least one alternative must be without a constant, and the scale of the
    errors is normalised to 1.

    Arguments, attributes and errors are those of `ChoiceModel`.

    References:
        McFadden (1974), Conditional logit analysis of qualitative choice behavior.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> b_time = cmt.Beta("b_time", -0.1)
        >>> model = cmt.MNL(ds, {"car": b_time * ds["t_car"], "bus": b_time * ds["t_bus"]})
        >>> model
        MNL(car, bus; b_time)
        >>> round(model.llnull(), 6)  # 3 log(1 / 2)
        -2.079442
    """

    name = "Multinomial logit"
    takes_one_utility = True
    takes_places = True

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The logit kernel of the utilities."""
        return logit(V, self.choice_set, self.dataset.chosen)

    def form(self) -> Form | None:
        """A logit of its utilities, or with draws a mixture of logits."""
        if not self.inherits_likelihood(MNL):
            return super().form()
        choice_set = self.choice_set if isinstance(self.choice_set, list) else [self.choice_set]
        observed = self.dataset.observed if self.dataset.is_panel else None
        kind = Logit if self.sampling is None else MixtureOfLogits
        return kind(self.V, self.logprob_given, choice_set, self.dataset.chosen, observed)

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """The log sum of the utilities."""
        return log_sum(V, self.choice_set)
