"""Makes estimates.json: ordered logit and probit of 80 ratings, by statsmodels.

Run it in an environment of its own: pip install statsmodels==0.15.0 numpy pandas; python make_ordered.py
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def ratings() -> pd.DataFrame:
    """Ratings from 1 to 4 of waits and fares, rounded so that the file holds them exactly."""
    rng = np.random.default_rng(1975)
    wait, fare = rng.uniform(0, 20, 80).round(1), rng.uniform(1, 6, 80).round(2)
    latent = -0.15 * wait - 0.4 * fare + rng.logistic(size=80)
    return pd.DataFrame({"wait": wait, "fare": fare, "rating": 1 + np.digitize(latent, [-4.5, -3.0, -1.5])})


def estimated(frame: pd.DataFrame, link: str) -> dict[str, Any]:
    """Log-likelihood, estimates with thresholds as such, standard errors of coefficients, and probabilities."""
    OrderedModel = import_module("statsmodels.miscmodels.ordinal_model").OrderedModel
    model = OrderedModel(frame["rating"], frame[["wait", "fare"]], distr=link)
    found = model.fit(method="newton", maxiter=100, disp=False)
    thresholds = model.transform_threshold_params(found.params.to_numpy())[1:-1]
    return {
        "llf": float(found.llf),
        "coefficients": found.params.iloc[:2].to_list(),
        "thresholds": thresholds.tolist(),
        "bse": found.bse.iloc[:2].to_list(),
        "probabilities of the first": np.asarray(found.predict())[0].tolist(),
    }


if __name__ == "__main__":
    frame = ratings()
    written = {"data": frame.to_dict("list"), **{link: estimated(frame, link) for link in ("logit", "probit")}}
    (HERE / "estimates.json").write_text(json.dumps(written, indent=1) + "\n")
