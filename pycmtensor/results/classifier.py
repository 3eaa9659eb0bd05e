"""Choice models as classifiers of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta
from pycmtensor.models import MNL, ChoiceModel
from pycmtensor.results.results import estimate

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        _check_sample_weight,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )
except ModuleNotFoundError as missing:
    raise ImportError("ChoiceClassifier needs scikit-learn. Install it: pip install scikit-learn") from missing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChoiceClassifier"]

#: Columns that are added to the features.
CHOICE, WEIGHTS = "chosen alternative", "sample weight"


class ChoiceClassifier(ClassifierMixin, BaseEstimator):
    r"""A choice model as a classifier: ``fit``, ``predict``, ``predict_proba``, ``score``, in pipelines and searches.

    Classes are the alternatives. The probabilities are those of the model, by default a logit in which every feature
    has a coefficient in every class but the first,

    .. math:: P_j = \frac{\exp(\alpha_j + \beta_j' x)}{\sum_i \exp(\alpha_i + \beta_i' x)}

    estimated by maximum likelihood, without a penalty: where features predict classes perfectly there is no maximum,
    which is a warning.

    Args:
        utilities: A function of a `Dataset` whose columns are the features, and whose alternatives are the classes as
            text, which gives utilities or a model, such as ``lambda ds: cmt.NestedLogit(ds, V(ds), nests=...)``. None
            for the logit above. Parameters are made in it, so that every fit begins anew.
        individual: Column of the identifier of people who choose more than once; it is no feature of the logit above.
        method: As in `estimate`.

    Attributes:
        classes_: The classes (J,), in order.
        results_: Results of the estimation; `pycmtensor.Results` answers questions of economics.
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, where they have names.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> X = pd.DataFrame({"cost_car": [1.0, 2, 3, 4, 5, 6], "cost_bus": [3.0, 3, 2, 2, 4, 3]})
        >>> y = ["car", "car", "bus", "bus", "car", "bus"]
        >>> def utilities(ds):
        ...     b_cost = cmt.Beta("b_cost")
        ...     return {"car": b_cost * ds["cost_car"], "bus": b_cost * ds["cost_bus"]}
        >>> classifier = cmt.ChoiceClassifier(utilities).fit(X, y)
        >>> classifier.predict(X).tolist()
        ['car', 'car', 'bus', 'bus', 'bus', 'bus']
        >>> classifier.results_.params.index.tolist()
        ['b_cost']
    """

    def __init__(
        self,
        utilities: Callable[[Dataset], Any] | None = None,
        *,
        individual: str | None = None,
        method: Any = None,
    ) -> None:
        self.utilities, self.individual, self.method = utilities, individual, method

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Estimate the model.

        Args:
            X: Features (N, F), an array or a frame; a column that is not a number can only be an identifier.
            y: The class of each row (N,).
            sample_weight: Weight of each row (N,); constant within an individual.

        Returns:
            The classifier itself.

        Raises:
            PyCMTensorError: As the model and `estimate`.
            ValueError: There is one class only, or features or classes are not usable.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> X = pd.DataFrame({"time": [10.0, 20, 30, 15, 40, 14]})
            >>> cmt.ChoiceClassifier().fit(X, ["car", "bus", "car", "car", "bus", "bus"]).classes_.tolist()
            ['bus', 'car']
        """
        frame = self._frame(X, reset=True)
        if y is None:
            raise ValueError("ChoiceClassifier requires y to be passed, but the target y is None.")
        y = column_or_1d(y, warn=True)
        check_consistent_length(frame, y)
        check_classification_targets(y)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, frame, dtype=float)
            if not weights.any():
                raise ValueError("ChoiceClassifier: every sample weight is zero, so that no row counts.")
            frame, y, weights = frame[weights != 0], y[weights != 0], weights[weights != 0]
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_[0]!r}.")
        frame = frame.assign(**{CHOICE: codes, WEIGHTS: 1.0 if weights is None else weights})
        ds = Dataset(frame, CHOICE, self._alternatives(), self.individual, None if weights is None else WEIGHTS)
        made = self._linear(ds) if self.utilities is None else self.utilities(ds)
        model = made if isinstance(made, ChoiceModel) else MNL(ds, made)
        if model.dataset is not ds:
            raise ModelError("ChoiceClassifier: utilities must make the model with the data set that it takes.")
        self.results_ = estimate(model, method=self.method)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Probabilities of the classes (N, J), in the order of ``classes_``.

        Args:
            X: Features, as in `fit`.

        Returns:
            Probabilities (rows, J), whose rows add up to 1.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> X = pd.DataFrame({"time": [10.0, 20, 30, 15, 40, 14]})
            >>> fitted = cmt.ChoiceClassifier().fit(X, ["car", "bus", "car", "car", "bus", "bus"])
            >>> fitted.predict_proba(X).sum(axis=1).round(6).tolist()
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
        """
        check_is_fitted(self)
        frame = self._frame(X, reset=False).assign(**{WEIGHTS: 1.0})
        probabilities: NDArray[np.floating] = self.results_.predict(frame).probabilities.to_numpy()
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row (N,).

        Args:
            X: Features, as in `fit`.

        Returns:
            Classes, one for each row.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> X = pd.DataFrame({"time": [10.0, 20, 30, 15, 40, 14]})
            >>> cmt.ChoiceClassifier().fit(X, ["car", "bus", "car", "car", "bus", "bus"]).predict(X).tolist()
            ['car', 'car', 'bus', 'car', 'bus', 'car']
        """
        probabilities = self.predict_proba(X)
        found: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return found

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """The features as a frame with names."""
        import narwhals as nw
        import pandas as pd

        if all(isinstance(name, str) for name in getattr(X, "columns", [0])):
            validate_data(self, X, skip_check_array=True, reset=reset)
            return nw.from_native(X, eager_only=True).to_pandas().reset_index(drop=True)
        numbers = validate_data(self, X, dtype=float, reset=reset)
        return pd.DataFrame(numbers, columns=[f"x{k}" for k in range(numbers.shape[1])])

    def _alternatives(self) -> dict[str, int]:
        return {str(name): code for code, name in enumerate(self.classes_)}

    def _linear(self, ds: Dataset) -> dict[str, Any]:
        """Utilities of the logit of all features."""
        first, *others = self._alternatives()
        own = {CHOICE, WEIGHTS, self.individual}
        features = [name for name in ds.columns if name not in own]
        utilities: dict[str, Any] = {first: 0}
        for name in others:
            utility = Beta(f"constant ({name})")()
            for feature in features:
                utility = utility + Beta(f"{feature} ({name})") * ds[feature]
            utilities[name] = utility
        return utilities
