"""What the benchmarks count with: the data, the protocol of a worker, the judgement, the slope. No timings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.comparison import BY_HAND, OURS, Case, Participant, Worker, remark
from benchmarks.data import as_arrays, as_table, electricity_table, shape, swissmetro_arrays, synthetic
from benchmarks.environments import Failed
from benchmarks.growth import Size, slope
from benchmarks.peers.worker import Answer
from benchmarks.report import keep
from examples import swissmetro_mnl
from tests import by_hand

SMALL = Case("synthetic", "", lambda: as_table(synthetic(60, 3, 2)), peers_goal=1, repeats=1)


def test_a_table_holds_what_it_was_made_of() -> None:
    X, available, chosen = synthetic(7, 3, 2)
    table = as_table((X, available, chosen))
    assert shape(table) == (3, 2)
    for found, expected in zip(as_arrays(table), (X, available, chosen), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_arrays_of_swissmetro_give_the_published_log_likelihood() -> None:
    theta = np.array([-0.701187, -0.154633, -1.277859, -1.083790])
    llf, _, _ = by_hand.logit(*swissmetro_arrays(swissmetro_mnl.frame), theta)
    assert llf == pytest.approx(-5331.252007, abs=1e-6)


def test_the_electricity_table_gives_the_known_log_likelihood() -> None:
    _, llf, _, _ = by_hand.newton(*as_arrays(electricity_table()))
    assert llf == pytest.approx(-4958.649119, abs=1e-6)


@pytest.mark.parametrize("participant", [OURS, BY_HAND], ids=lambda p: p.module)
def test_a_worker_answers_with_the_maximum_and_the_standard_errors_of_the_hessian(
    participant: Participant, tmp_path: Path
) -> None:
    theta, llf, _, hessian = by_hand.newton(*synthetic(60, 3, 2))
    with Worker(participant, SMALL.name, SMALL.write(tmp_path)) as worker:
        first, again = worker.last, worker.ask()
    for answer in (first, again):
        assert answer.llf == pytest.approx(llf, rel=1e-12)
        np.testing.assert_allclose(answer.params, theta, atol=1e-7)
        np.testing.assert_allclose(answer.bse, np.sqrt(np.diag(np.linalg.inv(-hessian))), rtol=1e-6)
    assert 0 < first.rss_before_data_bytes < first.peak_rss_bytes <= again.peak_rss_bytes


def test_what_a_worker_cannot_do_is_said_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="has no script for the case 'probit'"):
        Worker(BY_HAND, "probit", SMALL.write(tmp_path))


@pytest.mark.parametrize(
    ("llf", "bse", "expected"),
    [
        (-10.0005, [2.0, 1.0], ""),
        (-10.002, [2.0, 1.0], "its log-likelihood is 0.002 below the maximum"),
        (np.nan, [2.0, 1.0], "its log-likelihood is not a number"),
        (-10.0, [], "it gives no standard errors"),
        (-10.0, [2.0, 0.7], "its standard errors are not those of the Hessian: up to 30.0% off"),
    ],
)
def test_a_time_counts_at_the_maximum_and_with_standard_errors(llf: float, bse: list[float], expected: str) -> None:
    answer = Answer(llf, [], bse, seconds=1.0, rss_before_data_bytes=0, peak_rss_bytes=0)
    assert remark(answer, -10.0, [1.0, 2.0], SMALL) == expected


@pytest.mark.parametrize("exponent", [0.9, 1.0, 2.0])
def test_the_slope_of_a_power_of_the_rows_is_its_exponent(exponent: float) -> None:
    sizes = [Size(n, 1, 0, 1, [0.003 * n**exponent] * 3) for n in (10, 30, 1000)]
    assert slope(sizes) == pytest.approx(exponent, rel=1e-12)


def test_a_section_takes_the_place_of_the_one_with_its_title(tmp_path: Path) -> None:
    for lines in (["## A", "1"], ["## B", "2"], ["## A", "3"]):
        keep(tmp_path / "RESULTS.md", lines[0][3:], lines)
    assert (tmp_path / "RESULTS.md").read_text().endswith("in the errors.\n\n## A\n3\n\n## B\n2\n")
