"""What is public, and what the docstring of each part of it lacks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

#: Modules whose ``__all__`` users are meant to import.
MODULES = (
    "pycmtensor",
    "pycmtensor.coefficients",
    "pycmtensor.kernels",
    "pycmtensor.optimizers",
    "pycmtensor.schedules",
    "pycmtensor.priors",
    "pycmtensor.datasets",
    "pycmtensor.expressions",
    "pycmtensor.inference",
    "pycmtensor.plots",
)
#: Classes whose public members users call, and not only authors of models.
WITH_MEMBERS = ("Results", "Posterior", "Dataset", "LongDataset", "ChoiceClassifier", "Optimizer", "Packed", "Schedule")
#: Members of models for those who use them; the rest of `Model` is for authors of models.
OF_MODELS = ("from_formula", "with_draws", "with_fixed", "without", "llnull", "equations", "arrays", "plot")


class Public(NamedTuple):
    """A public function, class, method or property."""

    name: str
    what: Any
    owner: type | None = None

    @property
    def is_property(self) -> bool:
        """Whether it is read, not called."""
        return isinstance(self.what, property | cached_property)

    @property
    def doc(self) -> str:
        """Its docstring."""
        return inspect.getdoc(self.what) or ""

    @property
    def parameters(self) -> list[str]:
        """Names of its arguments; none where a class has those of a class that is documented."""
        if self.is_property:
            return []
        what = self.what
        if inspect.isclass(what):
            if issubclass(what, BaseException):
                return []
            made_by = what.__new__ if issubclass(what, tuple) else what.__init__
            own = "__init__" in vars(what) or issubclass(what, tuple)
            if not own or made_by is object.__init__:
                return []
        try:
            parameters = list(inspect.signature(what).parameters)
        except ValueError:
            return []
        return [name for name in parameters if name not in ("self", "cls", "args")]

    @property
    def returns(self) -> bool:
        """Whether it is called for what it returns."""
        if self.is_property or inspect.isclass(self.what):
            return False
        return inspect.signature(self.what).return_annotation not in ("None", None, inspect.Signature.empty)

    def lacks(self) -> list[str]:
        """What the docstring does not say."""
        doc, found = self.doc, []
        if not doc:
            return ["a docstring"]
        missing = [name for name in self.parameters if not re.search(rf"^ *\*{{0,2}}{name}: \S", doc, flags=re.M)]
        if missing:
            found.append(f"arguments {', '.join(missing)}")
        if self.returns and "Returns:" not in doc:
            found.append("returns")
        exception = inspect.isclass(self.what) and issubclass(self.what, BaseException)
        if ">>> " not in doc and not exception:
            found.append("an example")
        return found


def public() -> Iterator[Public]:
    """Everything public, each once, by the shortest name."""
    seen: set[int] = set()
    for module in MODULES:
        loaded = import_module(module)
        names = [*loaded.__all__, *(["ChoiceClassifier"] if module == "pycmtensor" else [])]
        for name in names:
            what = getattr(loaded, name)
            if inspect.ismodule(what) or not callable(what) or id(what) in seen:
                continue
            seen.add(id(what))
            yield Public(f"{module}.{name}", what)
            if inspect.isclass(what) and (name in WITH_MEMBERS or name in ("Model", "ChoiceModel")):
                yield from members(what, f"{module}.{name}", seen, OF_MODELS.__contains__ if "Model" in name else bool)


def members(of: type, path: str, seen: set[int], wanted: Callable[[str], bool]) -> Iterator[Public]:
    """Public methods and properties that a class has of this library."""
    for name in dir(of):
        owner = next((k for k in of.__mro__ if name in vars(k)), object)
        what = inspect.getattr_static(of, name)
        if isinstance(what, classmethod | staticmethod):
            what = what.__func__
        if name.startswith("_") or not owner.__module__.startswith("pycmtensor") or not wanted(name):
            continue
        if id(what) in seen or not (callable(what) or isinstance(what, property | cached_property)):
            continue
        seen.add(id(what))
        yield Public(f"{path}.{name}", what, owner)


if __name__ == "__main__":
    everything = list(public())
    lacking = {item.name: item.lacks() for item in everything if item.lacks()}
    for name, lacks in lacking.items():
        print(f"{name}: {'; '.join(lacks)}")  # noqa: T201
    print(f"{len(everything) - len(lacking)} of {len(everything)} complete")  # noqa: T201
