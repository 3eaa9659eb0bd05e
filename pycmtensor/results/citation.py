"""BibTeX of the methods in use."""

from __future__ import annotations

import re
from importlib.resources import files

from pycmtensor.exceptions import InferenceError, ModelError, checked
from pycmtensor.models import Model
from pycmtensor.results.results import Results

__all__ = ["citation"]

#: Name of a model's class -> keys of `references.bib`.
MODELS = {
    "MNL": ("mcfadden1974",),
    "NestedLogit": ("mcfadden1978", "koppelman1998"),
    "CrossNestedLogit": ("vovsha1997",),
    "MixedLogit": ("mcfadden2000", "train2009"),
    "LatentClass": ("greene2003", "dempster1977"),
    "OrderedLogit": ("mckelvey1975",),
    "RankedLogit": ("beggs1981",),
    "HeteroscedasticLogit": ("bhat1995",),
    "MultinomialProbit": ("hajivassiliou1996",),
    "GMNL": ("fiebig2010",),
    "HybridChoice": ("benakiva2002",),
    "MDCEV": ("bhat2008",),
    "ResLogit": ("wong2021",),
    "TasteNet": ("han2022",),
    "LMNL": ("sifringer2020",),
    "ASUDNN": ("wang2020",),
}
DRAWS = {"sobol": ("owen1997",), "mlhs": ("hess2006",), "halton": ("halton1960",)}


@checked(InferenceError)
def citation(model: Model | Results) -> str:
    """BibTeX entries of the papers behind a model, its draws, and what it is made of.

    Args:
        model: A model, or results that know theirs.

    Returns:
        The entries, one after the other.

    Raises:
        ModelError: It is neither; or the results were loaded without their model.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2})
        >>> print(citation(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0})).splitlines()[0])
        @inproceedings{mcfadden1974,
    """
    if isinstance(model, Results) and model.model is not None:
        model = model.model
    if not isinstance(model, Model):
        raise ModelError(f"citation takes a model, or results that know theirs, found {type(model).__name__}.")
    parts = [model, *getattr(model, "classes", {}).values()]
    kinds = [kind.__name__ for part in parts for kind in type(part).__mro__]
    keys = [key for kind in kinds for key in MODELS.get(kind, ())]
    if model.sampling is not None:
        keys += [*MODELS["MixedLogit"], *DRAWS.get(model.sampling.kind, ())]
    entries = _entries()
    return "\n\n".join(entries[key] for key in dict.fromkeys(keys))


def _entries() -> dict[str, str]:
    """The entries of `references.bib` by key."""
    text = (files("pycmtensor.results") / "references.bib").read_text(encoding="utf-8")
    entries = re.split(r"\n\s*\n", text.strip())
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry for entry in entries}
