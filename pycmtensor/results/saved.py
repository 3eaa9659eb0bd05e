"""Results as files, and where their numbers come from."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Self

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator, evaluator_of
from pycmtensor.estimation import Fit, load_fit, save_fit
from pycmtensor.estimation.fit import SummedIndividuals
from pycmtensor.exceptions import InferenceError, PyCMTensorError, checked_class
from pycmtensor.models import Model
from pycmtensor.results.hypotheses import Hypotheses

__all__ = ["Saved"]


@checked_class(InferenceError)
class Saved(Hypotheses):
    """Results that can be saved; see `pycmtensor.Results`."""

    def __init__(
        self,
        fit: Fit,
        model: Model | None = None,
        data: Dataset | None = None,
        evaluator: Evaluator | None = None,
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(fit, model, data, evaluator)
        self._provenance = provenance

    @property
    def provenance(self) -> dict[str, str]:
        """Facts for an audit: versions of the libraries, the draws, and the SHA-256 of the data.

        Examples:
            >>> list(results.provenance)
            ['Python', 'pycmtensor', 'pytensor', 'jax', 'numpy', 'data (SHA-256)']
        """
        if self._provenance is not None:
            return dict(self._provenance)
        (model, _, evaluator), versions = self._problem("provenance"), {"Python": platform.python_version()}
        versions |= {name: version(name) for name in ("pycmtensor", "pytensor", "jax", "numpy")}
        draws = {"draws": str(model.sampling)} if model.sampling else {}
        return versions | draws | {"data (SHA-256)": evaluator.data_hash()}

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the results to a file that `load` reads; no pickle. What evaluates the likelihood again is left out.

        Args:
            path: The file; its folder must exist.

        Returns:
            The path of the file.

        Raises:
            FileError: The file cannot be written; one that stood there before is unchanged.

        Examples:
            >>> import pathlib, tempfile
            >>> results.save(pathlib.Path(tempfile.mkdtemp()) / "logit.cmt").name
            'logit.cmt'
        """
        return save_fit(path, self.fit, self.provenance)

    def remove_data(self) -> Self:
        """These results without model, data and contributions of individuals: small to pickle, whatever the sample.

        Estimates, fit, tests, and classical, robust and BHHH errors stay. What needs the data or each individual, such
        as predictions, clustered errors and `save`, is an error.

        Returns:
            Other results; these stay as they are.

        Examples:
            >>> import pickle
            >>> small = results.remove_data()
            >>> len(pickle.dumps(small)) < len(pickle.dumps(results)) / 2
            True
            >>> bool((small.standard_errors("robust") == results.standard_errors("robust")).all())
            True
        """
        individuals = SummedIndividuals({power: self.fit.individuals.outer_product(power) for power in (1, 2)})
        return type(self)(replace(self.fit, individuals=individuals), provenance=self.provenance)

    @classmethod
    def load(cls, path: str | PathLike[str], model: Model | None = None, data: Dataset | None = None) -> Self:
        """Results that `save` wrote.

        Args:
            path: The file.
            model: The model that was estimated; with it the results answer everything again.
            data: Its data, when they are not those that the model was made with.

        Returns:
            The results.

        Raises:
            PyCMTensorError: The file is foreign, of another version, damaged or changed, or of another model or data.

        Examples:
            >>> import tempfile, pathlib, pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
            >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
            >>> path = results.save(pathlib.Path(tempfile.mkdtemp()) / "logit.cmt")
            >>> cmt.Results.load(path).llf == results.llf
            True
        """
        fit, provenance = load_fit(path)
        if model is None:
            return cls(fit, provenance=provenance)
        data = (model.dataset.whole if data is None else data).counted()
        evaluator = evaluator_of(model, data)
        if evaluator.labels != fit.labels:
            raise PyCMTensorError(
                f"{path} holds estimates of {', '.join(fit.labels)}; the model's parameters are "
                f"{', '.join(evaluator.labels)}. Give the model that was estimated."
            )
        if evaluator.data_hash() != provenance["data (SHA-256)"]:
            raise PyCMTensorError(
                f"{path} holds estimates from other data or fixed values than those of the model. Give the data with "
                "data=..., or load without a model."
            )
        return cls(fit, model, data, evaluator, provenance)
