"""Designs of stated-choice experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.design.blocks import blocked
from pycmtensor.analysis.design.choice_sets import ChoiceSets, Rows, alternatives_of, levels_of
from pycmtensor.analysis.design.criteria import CRITERIA, a_error, d_error, sample_sizes
from pycmtensor.analysis.design.exchange import Loss, exchanged
from pycmtensor.analysis.design.information import Information, model_of
from pycmtensor.analysis.design.power import samples_of
from pycmtensor.exceptions import ModelError, checked, checked_class, in_range, seed_of, whole
from pycmtensor.host.files import write
from pycmtensor.models import ChoiceModel
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Design", "DesignOptions", "design"]

Array: TypeAlias = NDArray[np.floating]


@checked_class(ModelError)
@dataclass(frozen=True)
class DesignOptions:
    """How a design is searched, and what its choice sets look like.

    Args:
        starts: Random designs from which searches begin; the best end is kept.
        draws: Draws of the priors, for the criterion "Db".
        balance: Weight of unequal numbers of levels: a design whose counts are off by a share d on average counts as
            (1 + balance d) times its error. 0 for none.
        most_equal: Most attributes whose level all alternatives share, for little overlap; None for any number.
        most_varied: Most attributes whose levels differ, for partial profiles; None for any number.

    Raises:
        ModelError: A number is out of its range.

    Examples:
        >>> DesignOptions(starts=5, most_equal=1)
        DesignOptions(starts=5, draws=64, balance=0.0, most_equal=1, most_varied=None)
    """

    starts: int = 10
    draws: int = 64
    balance: float = 0.0
    most_equal: int | None = None
    most_varied: int | None = None

    def __post_init__(self) -> None:
        whole("DesignOptions", "starts", self.starts, least=1, error=ModelError)
        whole("DesignOptions", "draws", self.draws, least=2, error=ModelError)
        in_range("DesignOptions", "balance", self.balance, "[0, inf)", "Write 0 for none.", ModelError)
        for option in ("most_equal", "most_varied"):
            if getattr(self, option) is not None:
                whole("DesignOptions", option, getattr(self, option), least=0, error=ModelError)


@checked_class(ModelError)
@dataclass(frozen=True)
class Design(Answer):
    """Choice sets of an experiment, and what the answers of one person to all of them tell of the parameters.

    Attributes:
        table: One row per choice set and alternative: "block", "set", "alternative", and the attributes.
        criterion: What was made small.
        priors: Name of a parameter -> mean of its prior.
        d_error: D-error at the means of the priors.
        a_error: A-error there, infinite where the design does not identify the parameters.
        db_error: D-error averaged over draws of the priors; that at the means where priors have no spread.
    """

    table: pd.DataFrame
    criterion: str
    priors: Mapping[str, float]
    d_error: float
    a_error: float
    db_error: float
    _rows: Rows = field(repr=False)
    _information: Information = field(repr=False)

    def sample_sizes(self) -> pd.Series:
        """People, each answering all choice sets, who make each parameter differ from 0 at 5% (S-estimates).

        NaN for a parameter with a prior of 0; blocks multiply the number by that of the blocks.

        References:
            Rose & Bliemer (2013), doi:10.1007/s11116-013-9451-z.
        """
        import pandas as pd

        information = self._information.of(self._rows)[:, 0].sum(axis=0)
        return pd.Series(sample_sizes(information, self._information.theta[0]), list(self.priors), name="people")

    def covariance(self) -> pd.DataFrame:
        """Covariance of the estimates of one person who answers all choice sets, (K, K)."""
        import pandas as pd

        information = self._information.of(self._rows)[:, 0].sum(axis=0)
        if not np.isfinite(self.d_error):
            raise ModelError("The design does not identify the parameters. Add choice sets, or take out parameters.")
        return pd.DataFrame(np.linalg.inv(information), list(self.priors), list(self.priors))

    def probabilities(self) -> pd.DataFrame:
        """Choice probabilities at the means of the priors, one row per choice set."""
        import pandas as pd

        P = self._information.probabilities(self._rows, self._information.theta[0])
        names = list(self._information.sets.names)
        return pd.DataFrame(P, pd.RangeIndex(1, len(P) + 1, name="set"), names)

    def correlations(self) -> pd.DataFrame:
        """Correlations of the attributes of alternatives over choice sets; NaN where an attribute stays the same."""
        wide = self._information.sets.wide(self._rows)
        return wide.corr()

    def balance(self) -> pd.DataFrame:
        """How often each level of each attribute is shown: attribute, alternative, level, count."""
        import pandas as pd

        sets = self._information.sets
        rows = [
            (name, alternative, level, int((self._rows[:, k] == position).sum()))
            for k, (name, alternative) in enumerate(sets.cells)
            for position, level in enumerate(sets.levels[k].tolist())
        ]
        return pd.DataFrame(rows, columns=["attribute", "alternative", "level", "count"])

    def power(self, people: int, samples: int = 200, seed: int = 0) -> pd.DataFrame:
        """Estimates of simulated people who choose as the means of the priors say.

        Args:
            people: How many; each answers the choice sets of one block.
            samples: How many such samples.
            seed: Of the choices.

        Returns:
            One row per parameter: "prior", "mean" and "sd" of the estimates, and "power", the share of the samples in
            which it differs from 0 at 5%. Samples without a maximum count as those in which it does not.

        Raises:
            ModelError: A number is too small.
        """
        import pandas as pd

        whole("power", "people", people, least=1, error=ModelError)
        whole("power", "samples", samples, least=1, error=ModelError)
        seed_of("power", seed, ModelError)
        block = self.table.drop_duplicates("set")["block"].to_numpy()
        sizes = np.bincount(np.arange(people) % block.max(), minlength=block.max())
        found = samples_of(self._information, self._rows, sizes[block - 1], samples, seed)
        ends = found.theta[found.converged]
        return pd.DataFrame(
            {
                "prior": self._information.theta[0],
                "mean": ends.mean(axis=0) if len(ends) else np.nan,
                "sd": ends.std(axis=0, ddof=1) if len(ends) > 1 else np.nan,
                "power": found.power,
            },
            index=list(self.priors),
        )

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the table as CSV; raises a `FileError` when that is not possible."""
        return write(path, self.table.to_csv(index=False))

    def questionnaire(self) -> str:
        """The choice sets as Markdown, one table each, as people will see them."""
        sets, parts = self._information.sets, []
        for (block, number), rows in self.table.groupby(["block", "set"], sort=False):
            head = ["", *rows["alternative"]]
            lines = [head, ["---"] * len(head)]
            lines += [[name, *(f"{value:g}" for value in rows[name])] for name in sets.attributes]
            text = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
            parts.append(f"**Block {block}, question {number}.** Which would you choose?\n\n{text}\n")
        return "\n".join(parts)

    def _shown(self) -> list[Part]:
        sets = self._information.sets
        head = f"Design of {len(self._rows)} choice sets between {', '.join(sets.names)}, by {self.criterion}-error"
        blocks = self.table["block"].max()
        averaged = f", averaged over priors {self.db_error:.4g}" if self.db_error != self.d_error else ""
        return [
            head + (f", in {blocks} blocks" if blocks > 1 else ""),
            f"D-error {self.d_error:.4g}{averaged}, A-error {self.a_error:.4g}",
            "People who make a parameter differ from 0 at 5%:",
            self.sample_sizes().round(1),
        ]


@checked(ModelError)
def design(
    utilities: Callable[..., Any] | ChoiceModel,
    attributes: Mapping[str, Any],
    priors: Mapping[str, Any] | None = None,
    sets: int | pd.DataFrame = 8,
    alternatives: int | Sequence[str] = 2,
    criterion: str = "D",
    blocks: int = 1,
    constraints: Sequence[Callable[[Any], Any]] = (),
    no_choice: bool = False,
    seed: int = 0,
    options: DesignOptions | None = None,
) -> Design:
    r"""An efficient design of a stated-choice experiment: choice sets whose answers tell most of the parameters.

    .. math:: I = \sum_s \sum_j P_{sj} \, \frac{\partial \log P_{sj}}{\partial \theta}
        \frac{\partial \log P_{sj}}{\partial \theta'}, \quad \text{D-error} = \det(I)^{-1/K}

    The information is that of the model itself, at the priors, so that nested and other models work like the logit.
    In a model with random coefficients each choice set counts as that of another person.

    Args:
        utilities: A function of a `LongDataset` whose columns are the attributes, which gives one utility for all
            alternatives, a dict of utilities, or a model; or a model of long data.
        attributes: Name -> levels; or name -> alternative -> levels, where they differ. An alternative that is not
            named has 0.
        priors: Parameter -> its value; or (mean, standard deviation) of a normal prior, for "Db". Parameters that are
            not named have the value of their `Beta`.
        sets: Choice sets; or a table of given ones with the columns "set", "alternative" and the attributes, whose
            errors are computed.
        alternatives: Names, or how many, which are called a, b, c.
        criterion: "D", "A", "S" (the sample size that the least certain parameter needs), or "Db" (the D-error
            averaged over the priors).
        blocks: Groups of choice sets, each for some of the people; a divisor of ``sets``.
        constraints: Functions of a table with the columns "attribute_alternative" which tell which rows are allowed.
        no_choice: Whether people may choose "none", an alternative whose attributes are 0; its constant is
            ``x.per_alternative({"none": Beta("asc_none")})``.
        seed: Seed of the searches and of the draws of priors.
        options: `DesignOptions`; None for the usual ones.

    Returns:
        The design: its ``table``, errors, and methods such as ``power``.

    Raises:
        ModelError: An argument cannot be used, constraints leave too few choice sets, or no design of this size
            identifies the parameters.

    References:
        Huber & Zwerina (1996), doi:10.1177/002224379603300305; Sándor & Wedel (2001),
        doi:10.1509/jmkr.38.4.430.18904, for priors with a spread; Rose & Bliemer (2009),
        doi:10.1080/01441640902827623.

    Examples:
        >>> import pycmtensor as cmt
        >>> b_time, b_cost = cmt.Beta("b_time", -0.1), cmt.Beta("b_cost", -0.5)
        >>> efficient = cmt.design(
        ...     lambda x: b_time * x["time"] + b_cost * x["cost"],
        ...     {"time": [10, 20, 30], "cost": [1, 2, 4]},
        ...     sets=6,
        ... )
        >>> efficient.table.shape  # 6 choice sets of 2 alternatives
        (12, 5)
        >>> bool(efficient.d_error < 0.03)
        True
    """
    options = options or DesignOptions()
    seed_of("design", seed, ModelError)
    all_sets = _choice_sets(attributes, alternatives, constraints, no_choice, options, utilities)
    if criterion not in CRITERIA:
        raise ModelError(f"design: criterion must be one of {', '.join(CRITERIA)}, found {criterion!r}.")
    model = model_of(utilities, all_sets)
    mean, sd = _priors(model, priors or {})
    if criterion == "Db" and not sd.any():
        raise ModelError("design: the criterion 'Db' averages over priors. Give (mean, standard deviation) for some.")
    if criterion == "S" and not mean.any():
        raise ModelError("design: the criterion 'S' needs priors other than 0: no sample makes 0 differ from 0.")
    rng = np.random.default_rng(seed)
    at_mean = Information(model, all_sets, mean[None])
    spread = Information(model, all_sets, _drawn(mean, sd, options.draws, seed)) if sd.any() else at_mean
    if isinstance(sets, int):
        whole("design", "sets", sets, least=1, error=ModelError)
        loss = Loss(CRITERIA[criterion], spread if criterion == "Db" else at_mean, options.balance)
        _, rows = min((exchanged(loss, all_sets, sets, rng) for _ in range(options.starts)), key=lambda end: end[0])
    else:
        rows = all_sets.rows_of(sets)
    information = at_mean.of(rows).sum(axis=0)
    over_priors = spread.of(rows).sum(axis=0)
    return Design(
        _table(all_sets, rows, _checked_blocks(blocks, len(rows)), rng),
        criterion,
        dict(zip(model.labels, mean.tolist(), strict=True)),
        float(d_error(information, mean)[0]),
        float(a_error(information, mean)[0]),
        float(d_error(over_priors, spread.theta).mean()),
        rows,
        at_mean,
    )


def _choice_sets(
    attributes: Mapping[str, Any],
    alternatives: int | Sequence[str],
    constraints: Sequence[Callable[[Any], Any]],
    no_choice: bool,
    options: DesignOptions,
    utilities: Any,
) -> ChoiceSets:
    names = alternatives_of(alternatives)
    if callable(constraints):
        raise ModelError("design: constraints must be a list of functions, found one function. Put it into a list.")
    if len(names) + no_choice < 2:
        raise ModelError("design: one alternative is no choice. Give two, or no_choice=True.")
    return ChoiceSets(
        levels_of(attributes, names), names, no_choice, tuple(constraints), options.most_equal, options.most_varied
    )


def _priors(model: ChoiceModel, priors: Mapping[str, Any]) -> tuple[Array, Array]:
    """Means and standard deviations (K,) of the free parameters."""
    unknown = [str(name) for name in priors if name not in model.labels]
    if unknown:
        known = ", ".join(model.labels)
        raise ModelError(f"design: priors names {', '.join(unknown)}; the parameters are {known}.")
    mean = np.concatenate([p.get_value().ravel() for p in model.free]).astype(float)
    sd = np.zeros_like(mean)
    for k, label in enumerate(model.labels):
        if label in priors:
            pair = priors[label] if isinstance(priors[label], tuple | list) else (priors[label], 0.0)
            if len(pair) != 2:
                raise ModelError(f"design: the prior of '{label}' is a number or (mean, sd), found {priors[label]!r}.")
            in_range("design", f"the prior mean of '{label}'", pair[0], "(-inf, inf)", "", ModelError)
            in_range("design", f"the prior standard deviation of '{label}'", pair[1], "[0, inf)", "", ModelError)
            mean[k], sd[k] = pair
    return mean, sd


def _drawn(mean: Array, sd: Array, draws: int, seed: int) -> Array:
    """Draws of normal priors (draws, K), scrambled Sobol points."""
    from scipy.stats import norm, qmc

    points = qmc.Sobol(len(mean), rng=np.random.default_rng(seed)).random(1 << (draws - 1).bit_length())[:draws]
    return mean + sd * norm.ppf(np.clip(points, 1e-12, 1 - 1e-12))


def _checked_blocks(blocks: int, sets: int) -> int:
    whole("design", "blocks", blocks, least=1, error=ModelError)
    if sets % blocks:
        raise ModelError(f"design: blocks must divide the {sets} choice sets, found {blocks}.")
    return blocks


def _table(sets: ChoiceSets, rows: Rows, blocks: int, rng: np.random.Generator) -> pd.DataFrame:
    table = sets.long(rows)
    block = blocked(sets.values(rows), blocks, rng)
    table.insert(0, "block", np.repeat(block, len(sets.names)))
    return table.sort_values("block", kind="stable", ignore_index=True)
