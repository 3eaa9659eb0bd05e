"""Derivatives of a fast program beside those of the whole likelihood, differentiated at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pycmtensor.engine.chained import Chained
from pycmtensor.engine.likelihood import Differentiated
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.many_alternatives import ManyAlternatives
from pycmtensor.engine.simulated import SimulatedLogit
from pycmtensor.engine.simulated_factors import SimulatedFactors
from pycmtensor.models import Model


def same_as_whole(make: Callable[[], Model], kind: type, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model gets a program of a kind, whose value and derivatives near its start are those of the whole."""
    model = make()
    own = LocalEvaluator(model, block=block)
    assert type(own.program.likelihood) is kind
    for fast in (Chained, ManyAlternatives, SimulatedFactors, SimulatedLogit):
        monkeypatch.setattr(fast, "of", lambda *args: None)
    whole = LocalEvaluator(make(), block=block)
    assert isinstance(whole.program.likelihood, Differentiated)
    theta = np.concatenate([np.ravel(p.get_value()) for p in model.free]) + 0.01
    at, expected = own.second_order(theta), whole.second_order(theta)
    assert at.value == pytest.approx(expected.value, rel=1e-13)
    assert own.value(theta) == pytest.approx(expected.value, rel=1e-13)
    np.testing.assert_allclose(at.logprob, expected.logprob, rtol=1e-12)
    np.testing.assert_allclose(own.value_and_grad(theta)[1], expected.gradient, rtol=1e-10, atol=1e-12)
    for mine, other in ((at.gradient, expected.gradient), (at.hessian, expected.hessian), (at.scores, expected.scores)):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-11)
