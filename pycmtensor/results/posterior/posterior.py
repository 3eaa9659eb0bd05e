"""Posteriors: draws of parameters and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.marginal import coefficients_of, expressed
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator, evaluator_of
from pycmtensor.estimation import Fit
from pycmtensor.exceptions import InferenceError, PyCMTensorError, checked_class, in_range
from pycmtensor.host.escaping import printed
from pycmtensor.inference.posterior.diagnostics import Diagnostics, Verdict, diagnosed
from pycmtensor.inference.posterior.libraries import arviz, arviz_data
from pycmtensor.inference.protocol import problem_of
from pycmtensor.models import Model
from pycmtensor.results.posterior.answers import PosteriorAnswers
from pycmtensor.results.posterior.draws import Draws, Individuals, PosteriorSummary
from pycmtensor.results.posterior.saved import load_draws, save_draws
from pycmtensor.terms.relations import Expression

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Posterior"]

Array = NDArray[np.floating]


@checked_class(InferenceError)
class Posterior(PosteriorAnswers):
    """The posterior of a model, as draws.

    Answers have the form that `pycmtensor.Results` gives them. They are evaluated at some draws of the parameters,
    spread evenly over all: ``estimate`` is the mean over these, ``std_err`` the standard deviation, and intervals hold
    quantiles.

    Args:
        fit: Of the posterior means, with the names of the parameters.
        draws: The draws.
        model: The model; None when it is not at hand any more, nor data and evaluator.
        data: The data.
        evaluator: The log-likelihood of the model on the data.
        provenance: Where a loaded posterior came from.

    Examples:
        In the examples of its members, `posterior` is this one:

        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 1, 1] * 20, "time": [2.0, 1, 1, 2] * 20, "cost": [1.0, 2.0] * 40})
        >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
        >>> V = {"car": cmt.Beta("b_time") * ds["time"] + cmt.Beta("b_cost") * ds["cost"], "bus": 0}
        >>> posterior = cmt.sample(cmt.MNL(ds, V), warmup=300, draws=500, seed=1)
        >>> posterior.frame.shape  # four chains of 500 draws, two parameters
        (2000, 2)
    """

    def __init__(
        self,
        fit: Fit,
        draws: Draws,
        model: Model | None = None,
        data: Dataset | None = None,
        evaluator: Evaluator | None = None,
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        self.fit, self.draws = fit, draws
        self.model, self.data, self.evaluator, self._provenance = model, data, evaluator, provenance

    # ---- parameters -----------------------------------------------------------------------------------------------

    @property
    def params(self) -> pd.Series:
        """Posterior means of the free parameters, by name.

        Examples:
            >>> posterior.params.index.tolist()
            ['b_time', 'b_cost']
        """
        return self.frame.mean().rename("mean")

    @property
    def sd(self) -> pd.Series:
        """Posterior standard deviations, by name.

        Examples:
            >>> bool((posterior.sd > 0).all())
            True
        """
        return self.frame.std().rename("sd")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All draws, one row each with the index (chain, draw), one column per parameter.

        Examples:
            >>> posterior.frame.columns.tolist()
            ['b_time', 'b_cost']
        """
        import pandas as pd

        C, S, K = self.draws.theta.shape
        index = pd.MultiIndex.from_product([range(C), range(S)], names=["chain", "draw"])
        return pd.DataFrame(self.draws.theta.reshape(-1, K), index, list(self.fit.labels))

    def cov_params(self) -> pd.DataFrame:
        """Posterior covariance of the parameters (K, K).

        Returns:
            Covariances, by name.

        Examples:
            >>> posterior.cov_params().shape
            (2, 2)
        """
        return self.frame.cov()

    def interval(self, alpha: float = 0.05) -> pd.DataFrame:
        """Intervals between the quantiles alpha / 2 and 1 - alpha / 2: columns 'lower' and 'upper', by name.

        Args:
            alpha: One minus the coverage, in (0, 1).

        Returns:
            The intervals.

        Examples:
            >>> posterior.interval().columns.tolist()
            ['lower', 'upper']
        """
        in_range("interval", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
        return self.frame.quantile([alpha / 2, 1 - alpha / 2]).T.set_axis(["lower", "upper"], axis=1)

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """R-hat and effective numbers of draws of each parameter, and the verdict.

        Examples:
            >>> posterior.diagnostics.rhat.shape
            (2,)
        """
        return diagnosed(self.fit.labels, self.draws.theta, self.draws.steps, self.draws.asked)

    @property
    def verdict(self) -> Verdict:
        """Whether the draws can be relied on, in words.

        Examples:
            >>> posterior.verdict.converged
            True
        """
        return self.diagnostics.verdict

    @property
    def hierarchical(self) -> bool:
        """Whether the tastes of individuals were sampled too.

        Examples:
            >>> posterior.hierarchical
            False
        """
        return bool(self.draws.latent)

    def summary(self, alpha: float = 0.05) -> PosteriorSummary:
        """Table of the parameters with the verdict on the chains.

        Args:
            alpha: One minus the coverage of the intervals, in (0, 1).

        Returns:
            The table; print it.

        Examples:
            >>> type(posterior.summary()).__name__
            'PosteriorSummary'
        """
        found, bounds = self.diagnostics, self.interval(alpha)
        table = self.params.to_frame().assign(sd=self.sd, median=self.frame.median(), **bounds)
        table = table.assign(ess=found.ess, ess_tail=found.ess_tail, rhat=found.rhat, prior=list(self.draws.priors))
        C, S, _ = self.draws.theta.shape
        kind = "hierarchical posterior" if self.hierarchical else "posterior"
        about = f"{self.fit.model}, {kind} of {len(self.fit.weights):,} individuals, {C} chains of {S:,} draws"
        return PosteriorSummary(table, found.verdict, f"{about} in {self.draws.seconds:.1f} s", alpha)

    # ---- individuals ----------------------------------------------------------------------------------------------

    def individual(self, name: Expression, alpha: float = 0.05) -> Individuals:
        """A random coefficient of each individual, given all choices: part-worths with their intervals.

        Args:
            name: Of a coefficient that `pycmtensor.coefficients` made, or an expression of coefficients and parameters,
                such as "time / cost".
            alpha: One minus the coverage of lower to upper, in (0, 1).

        Returns:
            Part-worths of each individual: its ``table`` has mean, deviation and quantiles.

        Raises:
            InferenceError: The posterior is not hierarchical, or the expression varies within individuals.
            ModelError: A name is unknown.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2, 1, 2, 2, 2] * 5, "who": [1, 1, 1, 1, 2, 2, 2, 2] * 5})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who")
            >>> taste = cmt.coefficients.normal("car", cmt.Beta("mean"), 1.0)
            >>> model = cmt.MixedLogit(ds, {"car": taste, "bus": 0}, draws=50)
            >>> people = cmt.sample(model, hierarchical=True, warmup=300, draws=500, seed=1)
            >>> means = people.individual("car").table["mean"]
            >>> bool(means.loc[1] > means.loc[2])  # the first chose the car more often
            True
        """
        import pandas as pd

        in_range("individual", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
        asked = problem_of(self.at(self.fit.theta), "individuals")
        if not self.hierarchical:
            raise InferenceError(
                "Tastes of individuals were not sampled. Sample with hierarchical=True, or ask results for their "
                "conditional_estimates."
            )
        known = coefficients_of(asked.model)
        symbol = expressed(asked.model, name)
        if symbol.ndim not in (0, 3):
            raise InferenceError(f"{name}: it differs between alternatives. Ask for a coefficient: {', '.join(known)}.")
        if symbol.ndim == 3 and symbol.type.shape[0] != 1:
            raise InferenceError(
                f"{name}: it varies between the choice situations of an individual. Ask for a taste that an individual "
                f"keeps: {', '.join(known)}."
            )
        theta = self.draws.theta.reshape(-1, self.draws.theta.shape[-1])
        latent = [z.reshape(-1, *z.shape[2:]) for z in self.draws.latent]
        values = asked.evaluator.given_draws().values(symbol, theta, latent)
        lower, median, upper = np.quantile(values, [alpha / 2, 0.5, 1 - alpha / 2], axis=0)
        columns = {"mean": values.mean(axis=0), "sd": values.std(axis=0, ddof=1), "lower": lower, "median": median}
        table = pd.DataFrame({**columns, "upper": upper}, asked.data.individual_labels)
        return Individuals(str(name), table, alpha)

    # ---- elsewhere ------------------------------------------------------------------------------------------------

    def to_arviz(self, log_likelihood: bool = False) -> Any:
        """The posterior as arviz holds it: an InferenceData, or a DataTree of arviz 1.

        Args:
            log_likelihood: Whether with the log-likelihood of each individual at each draw, which loo and waic need.

        Returns:
            What arviz functions take.

        Examples:
            >>> sorted(posterior.to_arviz().posterior.data_vars)
            ['b_cost', 'b_time']
        """
        steps = self.draws.steps
        stats = {"diverging": steps.divergent, "acceptance_rate": steps.acceptance, "n_steps": steps.gradients}
        groups = {
            "posterior": {label: self.draws.theta[..., k] for k, label in enumerate(self.fit.labels)},
            "sample_stats": {**stats, "lp": steps.log_density},
        }
        dims, coords = {}, {}
        if log_likelihood:
            asked = problem_of(self.at(self.fit.theta), "log-likelihoods")
            groups["log_likelihood"] = {"individuals": self.log_likelihood()}
            dims, coords = {"individuals": ["individual"]}, {"individual": np.asarray(asked.data.individual_labels)}
        return arviz_data(groups, dims, coords)

    def log_likelihood(self) -> Array:
        """Log-likelihood of each individual at each draw, (C, S, N), of averages over random coefficients.

        Returns:
            Numbers (C, S, N): chains, draws, individuals.

        Examples:
            >>> posterior.log_likelihood().shape
            (4, 500, 80)
        """
        asked, (C, S, K) = problem_of(self.at(self.fit.theta), "log-likelihoods"), self.draws.theta.shape
        found = [asked.evaluator.individuals_at(theta).numbers[1] for theta in self.draws.theta.reshape(-1, K)]
        return np.array(found).reshape(C, S, -1)

    def loo(self) -> Any:
        """Expected log-likelihood of individuals who were not used, by arviz's Pareto-smoothed importance sampling.

        Returns:
            What ``arviz.loo`` gives.

        References:
            Vehtari, Gelman & Gabry (2017), Practical Bayesian model evaluation using leave-one-out cross-validation and
            WAIC, doi:10.1007/s11222-016-9696-4.

        Examples:
            >>> type(posterior.loo()).__name__
            'ELPDData'
        """
        return arviz().loo(self.to_arviz(log_likelihood=True))

    # ---- files ----------------------------------------------------------------------------------------------------

    @property
    def provenance(self) -> dict[str, str]:
        """Facts for an audit: versions of the libraries, the draws of the likelihood, and the SHA-256 of the data.

        Examples:
            >>> "pycmtensor" in posterior.provenance
            True
        """
        if self._provenance is not None:
            return dict(self._provenance)
        asked = problem_of(self.at(self.fit.theta), "provenance")
        versions = {name: version(name) for name in ("pycmtensor", "pytensor", "jax", "numpy", "blackjax", "arviz")}
        draws = {"draws": str(asked.model.sampling)} if asked.model.sampling else {}
        return versions | draws | {"data (SHA-256)": asked.evaluator.data_hash()}

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the posterior to a file that `load` reads; no pickle. What evaluates the likelihood is left out.

        Args:
            path: The file; its folder must exist.

        Returns:
            The path of the file.

        Raises:
            FileError: The file cannot be written; one that stood there before is unchanged.

        Examples:
            >>> import pathlib, tempfile
            >>> posterior.save(pathlib.Path(tempfile.mkdtemp()) / "posterior.cmt").name
            'posterior.cmt'
        """
        return save_draws(path, self.fit, self.draws, self.provenance)

    @classmethod
    def load(cls, path: str | PathLike[str], model: Model | None = None, data: Dataset | None = None) -> Posterior:
        """A posterior that `save` wrote.

        Args:
            path: The file.
            model: The model that was sampled; with it the posterior answers everything again.
            data: Its data, when they are not those that the model was made with.

        Returns:
            The posterior.

        Raises:
            PyCMTensorError: The file is foreign, of another version, damaged or changed, or of another model or data.

        Examples:
            >>> import pathlib, tempfile
            >>> path = posterior.save(pathlib.Path(tempfile.mkdtemp()) / "posterior.cmt")
            >>> bool((Posterior.load(path).params == posterior.params).all())
            True
        """
        fit, draws, provenance = load_draws(path)
        if model is None:
            return cls(fit, draws, provenance=provenance)
        data = (model.dataset.whole if data is None else data).counted()
        evaluator = evaluator_of(model, data)
        if evaluator.labels != fit.labels or evaluator.data_hash() != provenance["data (SHA-256)"]:
            raise PyCMTensorError(
                f"{path} holds draws of {', '.join(fit.labels)} from other data, fixed values or parameters than those "
                "of the model. Give the model that was sampled, and its data with data=..., or load without a model."
            )
        return cls(fit, draws, model, data, evaluator, provenance)

    @printed
    def __repr__(self) -> str:
        C, S, _ = self.draws.theta.shape
        return f"Posterior({self.fit.model}, {C} chains of {S:,} draws, {self.verdict})"
