"""Every rule against its paper at 50 digits, and against torch.optim and optax."""

from __future__ import annotations

import formulas
import numpy as np
import pytest
from problems import PROBLEMS
from pytensor.compile.sharedvalue import SharedVariable
from rules import REFERENCE, ROWS, VARIANTS, Row, decay_on_betas, kept, rate, run, stored

from pycmtensor.optimizers import NAG, Adam, Momentum, Nadam, NAdam, Packed
from pycmtensor.optimizers.packed import Param

TOLERANCE = {"rtol": 1e-12, "atol": 0}


@pytest.mark.parametrize("layout", ["vector", "scalar"])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("row", [*ROWS, *VARIANTS], ids=str)
def test_equals_paper_torch_and_optax(row: Row, problem: str, layout: str) -> None:
    lr = rate(row.case, problem)
    defaults = {"weight_decay": 0.01} if row.case == "AdamW" else {}
    path, _ = run(
        lambda params: row.rule(params, **decay_on_betas({**defaults, **row.options}, params)),
        PROBLEMS[problem],
        layout,
        lr,
    )
    truths = stored(row.case, problem)
    assert truths
    for source, truth in truths.items():
        np.testing.assert_allclose(kept(path), truth, **TOLERANCE, err_msg=source)
    if row.formula is not None:
        exact = formulas.path(row.formula, PROBLEMS[problem], lr)
        np.testing.assert_allclose(path, np.array(exact, dtype=float), **TOLERANCE, err_msg="paper")
