"""A tenth of the Swissmetro survey, as models of the library and as arrays for the logit by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.expressions import Beta

ALTERNATIVES = {"train": 1, "sm": 2, "car": 3}
LABELS = ("ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST", "B_HEADWAY")


@dataclass
class Survey:
    """Data, and the utilities X theta of five parameters."""

    frame: pd.DataFrame
    ds: cmt.Dataset
    betas: dict[str, Beta]
    X: NDArray
    available: NDArray
    chosen: NDArray

    def model(self, *labels: str, ds: cmt.Dataset | None = None) -> cmt.MNL:
        """The logit with some of the parameters, the others left out."""
        data = ds or self.ds
        V = {
            name: sum((self.betas[label] * data[f"{name}_{label}"] for label in labels), start=0.0)
            for name in ALTERNATIVES
        }
        return cmt.MNL(data, V, {name: data[f"{name}_open"] for name in ALTERNATIVES})

    def columns(self, *labels: str) -> NDArray:
        """X (N, J, K) of some of the parameters."""
        return self.X[:, :, [LABELS.index(label) for label in labels]]


@pytest.fixture(scope="session")
def survey() -> Survey:
    raw = cmt.datasets.load("swissmetro")
    raw = raw[raw.PURPOSE.isin([1, 3]) & (raw.CHOICE != 0)].iloc[::10]
    X = np.zeros((len(raw), 3, 5))
    X[:, 0, 0] = X[:, 2, 1] = 1
    X[:, :, 2] = raw[["TRAIN_TT", "SM_TT", "CAR_TT"]] / 100
    X[:, :, 3] = raw[["TRAIN_CO", "SM_CO", "CAR_CO"]] / 100
    X[raw.GA == 1, :2, 3] = 0
    X[:, :2, 4] = raw[["TRAIN_HE", "SM_HE"]] / 100
    available = raw[["TRAIN_AV", "SM_AV", "CAR_AV"]].to_numpy()
    frame = pd.DataFrame({"CHOICE": raw.CHOICE.to_numpy()})
    for j, name in enumerate(ALTERNATIVES):
        frame[f"{name}_open"] = available[:, j]
        for k, label in enumerate(LABELS):
            frame[f"{name}_{label}"] = X[:, j, k]
    ds = cmt.Dataset(frame, "CHOICE", ALTERNATIVES)
    betas = {label: Beta(label) for label in LABELS}
    return Survey(frame, ds, betas, X, available, raw.CHOICE.to_numpy() - 1)


@pytest.fixture(scope="session")
def full(survey: Survey) -> cmt.Results:
    """All parameters but that of the headway."""
    return cmt.estimate(survey.model(*LABELS[:4]))


@pytest.fixture(scope="session")
def restricted(survey: Survey) -> cmt.Results:
    """Without the constant of the car."""
    return cmt.estimate(survey.model("ASC_TRAIN", "B_TIME", "B_COST"))
