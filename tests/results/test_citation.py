"""Every model has a citation, and every entry of the bibliography is one."""

from __future__ import annotations

import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import ModelError
from pycmtensor.results.citation import DRAWS, MODELS, _entries


def test_every_key_has_an_entry_with_what_bibtex_needs() -> None:
    entries = _entries()
    assert {key for keys in (*MODELS.values(), *DRAWS.values()) for key in keys} == set(entries)
    for entry in entries.values():
        assert entry.count("{") == entry.count("}")
        for field in ("author", "title", "year"):
            assert f"{field} = {{" in entry


def test_every_model_is_cited() -> None:
    models = {name for name in cmt.__all__ if isinstance(getattr(cmt, name), type)}
    bases = {"Model", "ChoiceModel", "LogLikelihood"}
    assert {name for name in models if issubclass(getattr(cmt, name), cmt.models.Model)} - bases <= set(MODELS)


def test_what_a_model_is_made_of_is_cited_too() -> None:
    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2]}), "mode", {"car": 1, "bus": 2})
    taste = normal("asc", cmt.Beta("m"), cmt.Beta("s", 0.1))
    nested = cmt.NestedLogit(ds, {"car": taste, "bus": 0}, nests=["car", "bus"], draws=cmt.Sampling(4, "mlhs"))
    found = cmt.citation(nested)
    for key in ("koppelman1998", "train2009", "hess2006"):
        assert found.count(f"{{{key},") == 1
    assert "owen1997" not in found
    with pytest.raises(ModelError, match="takes a model"):
        cmt.citation("MNL")  # type: ignore[arg-type]
