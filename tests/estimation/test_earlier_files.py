"""Files that earlier versions of the library saved are read, and tell what they told then."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import pycmtensor as cmt
from pycmtensor.estimation.saved import VERSION as RESULT
from pycmtensor.results.posterior.saved import VERSION as POSTERIOR
from tests.reference.files.make import model

FILES = Path(__file__).parents[1] / "reference" / "files"


@pytest.mark.parametrize("file", sorted(path.name for path in FILES.glob("result *.cmt")))
def test_results(file: str) -> None:
    """Thirty choices of forty: the constant is log 3, with the variance 1 / 30 + 1 / 10."""
    for results in (cmt.Results.load(FILES / file), cmt.Results.load(FILES / file, model())):
        assert results.params["asc_car"] == pytest.approx(math.log(3), abs=1e-8)
        assert results.bse["asc_car"] == pytest.approx(math.sqrt(1 / 30 + 1 / 10), rel=1e-8)
        assert results.llf == pytest.approx(30 * math.log(3 / 4) + 10 * math.log(1 / 4), rel=1e-12)
        assert results.outcome.ending == "maximum"
    assert results.predict().shares["car"] == pytest.approx(0.75, abs=1e-8)


@pytest.mark.parametrize("file", sorted(path.name for path in FILES.glob("posterior *.cmt")))
def test_posteriors(file: str) -> None:
    """The posterior mean by quadrature is 1.13."""
    posterior = cmt.Posterior.load(FILES / file, model())
    assert posterior.params["asc_car"] == pytest.approx(1.13, abs=0.1)
    assert posterior.verdict.converged
    assert posterior.shares(draws=20).loc["car", "estimate"] == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(("kind", "version"), [("result", RESULT), ("posterior", POSTERIOR)])
def test_there_is_a_file_of_each_version(kind: str, version: int) -> None:
    for earlier in range(1, version + 1):
        assert list(FILES.glob(f"{kind} {earlier} of *.cmt")), f"Write one: {FILES / 'make.py'}"
