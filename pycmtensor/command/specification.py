"""A model in a TOML file: data options, parameters, utilities as formulas, the model and how it is estimated."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt

from pycmtensor import coefficients
from pycmtensor.command.formulas import NUMBERS, SYMBOLS, Formula
from pycmtensor.dataset import Dataset, LongDataset
from pycmtensor.dataset.frames import Table
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.expressions import Beta
from pycmtensor.models import MNL, MixedLogit, Model, Nest, NestedLogit
from pycmtensor.terms.draws import Sampling

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Specification", "SpecificationError"]

#: Sections and what may stand in them; None where the names are the user's.
SECTIONS: dict[str, tuple[str, ...] | None] = {
    "data": ("choice", "alternatives", "individual", "weights", "filter", "situation", "alternative"),
    "variables": None,
    "parameters": None,
    "random": None,
    "utilities": None,
    "availability": None,
    "model": ("kind", "draws", "seed", "nests", "normalised"),
    "estimation": ("method", "starts", "constraints", "max_iterations"),
}
KINDS = ("MNL", "NestedLogit", "MixedLogit")
#: Options of [model] that not all kinds have.
OF_KINDS = {
    "draws": ("MixedLogit", "NestedLogit"),
    "seed": ("MixedLogit", "NestedLogit"),
    "nests": ("NestedLogit",),
    "normalised": ("NestedLogit",),
}
#: Distributions of random coefficients -> names of their two parameters.
DISTRIBUTIONS = {
    "normal": ("mean", "sd"),
    "lognormal": ("mean", "sd"),
    "uniform": ("centre", "spread"),
    "triangular": ("centre", "spread"),
}


class SpecificationError(PyCMTensorError):
    """A file that describes a model cannot be used; the message names the line and what to write."""


class Specification:
    """The file, read and checked; `dataset` and `model` make of it what they are called.

    Args:
        path: A TOML file. `examples/swissmetro_mnl.toml` is one.

    Raises:
        SpecificationError: The file cannot be read, a section or an entry is unknown or missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._lines = self.path.read_text(encoding="utf-8-sig").splitlines()
            self._given = tomllib.loads("\n".join(self._lines))
        except OSError as error:
            raise SpecificationError(f"{self.path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            raise SpecificationError(f"{self.path} is no text in UTF-8: {error}. Save it as UTF-8.") from None
        except tomllib.TOMLDecodeError as error:
            raise SpecificationError(f"{self.path} is no TOML: {error}. Texts stand in quotes.") from None
        self._check()

    def frame(self, data: Any, filtered: bool = True) -> pd.DataFrame:
        """The rows of a frame or file that the filter keeps, or all of them, with the new variables."""
        frame = Table(data).frame.to_pandas()
        columns: dict[str, Any] = {str(name): frame[name] for name in frame}
        for name, text in self._section("variables").items():
            with self._at("variables", name):
                columns[name] = Formula(str(text)).value(columns, NUMBERS)
        frame = frame.assign(**{name: columns[name] for name in self._section("variables")})
        if filtered and "filter" in self._given["data"]:
            with self._at("data", "filter"):
                kept = NUMBERS.truth(Formula(str(self._given["data"]["filter"])).value(columns, NUMBERS))
                frame = frame[np.broadcast_to(np.asarray(kept, dtype=bool), len(frame))]
        return frame

    def to_predict(self, data: Any) -> tuple[pd.DataFrame, str]:
        """All rows of a frame or file with the new variables, and a sentence where choices had to be left out.

        They are left out where some are not known: of no alternative, such as a 0, or in long data of none.
        """
        frame, options = self.frame(data, filtered=False), self._given["data"]
        choice, situation = options["choice"], options.get("situation")
        if choice not in frame:
            return frame, ""
        if situation is None:
            unknown, of = ~frame[choice].isin(options["alternatives"].values()), "row(s)"
        else:
            unknown, of = ~(frame.groupby(situation)[choice].max() > 0), "choice situation(s)"
        if not unknown.any():
            return frame, ""
        return frame.drop(columns=choice), (
            f"The choice is not known in {unknown.sum():,} {of}, the first {unknown.idxmax()}: all are left out."
        )

    def dataset(self, data: Any) -> Dataset | LongDataset:
        """The data set of a frame or file; long when the file names the columns ``situation`` and ``alternative``."""
        options = {name: value for name, value in self._given["data"].items() if name != "filter"}
        frame = self.frame(data)
        with self._at("data"):
            return Dataset.from_long(frame, **options) if "situation" in options else Dataset(frame, **options)

    def model(self, dataset: Dataset | LongDataset) -> Model:
        """The model of a data set.

        Raises:
            SpecificationError: A formula or an option cannot be used, a name is of a parameter and of a column, or a
                parameter is used nowhere.
        """
        parameters = self._parameters()
        for name, given in self._section("random").items():
            with self._at("random", name):
                parameters[name] = self._random(name, given, parameters)
        named = self._used()
        self._check_apart([name for name in dataset.columns if unicodedata.normalize("NFKC", name) in named])
        self._check_used("random", named)
        self._check_alternatives(dataset)
        self._check_near([*dataset.columns, *parameters])
        V = {
            name: self._symbol("utilities", name, self._columns(dataset, name) | parameters)
            for name in self._section("utilities")
        }
        model = self._of_kind(dataset, V, self.availability(dataset), parameters)
        self._check_used("parameters", [parameter.name for parameter in model.params])
        return model

    def availability(self, dataset: Dataset | LongDataset) -> dict[str, Any]:
        """Availability in a data set by alternative, as far as the file gives it.

        Raises:
            SpecificationError: A formula cannot be used.
        """
        self._check_alternatives(dataset)
        given = self._section("availability")
        return {name: self._symbol("availability", name, self._columns(dataset, name)) for name in given}

    def _columns(self, dataset: Dataset | LongDataset, alternative: str) -> dict[str, Any]:
        """The columns that formulas of an alternative name."""
        named = self._used()
        used = [name for name in dataset.columns if unicodedata.normalize("NFKC", name) in named]
        return {n: dataset[n, alternative] if isinstance(dataset, LongDataset) else dataset[n] for n in used}

    def _of_kind(self, dataset: Any, V: Any, available: Any, parameters: Mapping[str, Any]) -> Model:
        options = self._section("model")
        with self._at("model"):
            if self.kind == "NestedLogit":
                nests = [self._nest(nest, parameters) for nest in options.get("nests", [])]
                nested = {name for nest in nests for name in nest.alternatives()}
                alone = [name for name in dataset.alternatives if name not in nested]
                normalised = options.get("normalised", True)
                draws = self._sampling() if self._section("random") or "draws" in options else None
                return NestedLogit(dataset, V, available, nests=[*nests, *alone], normalised=normalised, draws=draws)
            if self.kind == "MixedLogit":
                return MixedLogit(dataset, V, available, draws=self._sampling())
            return MNL(dataset, V, available)

    @property
    def kind(self) -> str:
        """The name of the model's class."""
        return str(self._section("model").get("kind", "MNL"))

    @property
    def estimation(self) -> dict[str, Any]:
        """Arguments of `pycmtensor.estimate`."""
        return dict(self._section("estimation"))

    def _section(self, name: str) -> dict[str, Any]:
        return self._given.get(name, {})

    def _sampling(self) -> Sampling:
        options = self._section("model")
        return Sampling(options.get("draws", 500), seed=options.get("seed", 0))

    def _parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, given in self._section("parameters").items():
            with self._at("parameters", name):
                options = dict(given) if isinstance(given, dict) else {"start": given}
                known = {"start", "lower", "upper", "fixed"}
                self._check_names(options, known, "a parameter has")
                if "fixed" in options and len(options) > 1:
                    raise SpecificationError(f"'{name}' is fixed, so that it has no start or bounds.")
                value = options.get("fixed", options.get("start", 0.0))
                bounds = options.get("lower"), options.get("upper")
                found[name] = Beta(name, value, *bounds, status=int("fixed" in options))
        return found

    def _random(self, name: str, given: Any, names: Mapping[str, Any]) -> Any:
        options = dict(given) if isinstance(given, dict) else {}
        distribution = options.get("distribution")
        if not isinstance(distribution, str) or distribution not in DISTRIBUTIONS:
            raise SpecificationError(f"distribution is one of {', '.join(DISTRIBUTIONS)}, found {distribution!r}.")
        arguments = DISTRIBUTIONS[distribution]
        extras = {"sign"} if distribution == "lognormal" else set()
        self._check_names(options, {"distribution", "within", *arguments, *extras}, f"a {distribution} coefficient has")
        missing = [argument for argument in arguments if argument not in options]
        if missing:
            raise SpecificationError(f"a {distribution} coefficient lacks {' and '.join(missing)}; name a parameter.")
        self._check_truth(options, "within")
        make: Callable[..., Any] = getattr(coefficients, distribution)
        own = [Formula(str(options[argument])).value(names, SYMBOLS) for argument in arguments]
        more = {key: options[key] for key in ("sign", "within") if key in options}
        return make(name, *own, **more)

    def _nest(self, given: Mapping[str, Any], names: Mapping[str, Any]) -> Nest:
        if not isinstance(given, dict) or not isinstance(given.get("members"), list):
            raise SpecificationError(f"A nest is {{name = ..., members = [...], scale = ...}}, found {given!r}.")
        self._check_names(given, {"name", "members", "scale"}, "a nest has")
        scale = Formula(str(given.get("scale", 1.0))).value(names, SYMBOLS)
        return Nest(str(given.get("name", "nest")), given["members"], scale)

    def _symbol(self, section: str, name: str, names: Mapping[str, Any]) -> Any:
        with self._at(section, name):
            return pt.as_tensor_variable(Formula(str(self._section(section)[name])).value(names, SYMBOLS))

    def _used(self) -> list[str]:
        """Names in the formulas of utilities and availability."""
        found = []
        for section in ("utilities", "availability"):
            for name, text in self._section(section).items():
                with self._at(section, name):
                    found += Formula(str(text)).names
        return list(dict.fromkeys(found))

    def _check(self) -> None:
        for name, content in self._given.items():
            with self._at(name):
                self._check_names({name: content}, SECTIONS, "the sections are")
                if not isinstance(content, dict):
                    raise SpecificationError(f"'{name}' is a section. Write [{name}] on a line of its own.")
            for entry in content:
                with self._at(name, entry):
                    known = SECTIONS[name]
                    if known is not None:
                        self._check_names({entry: None}, known, f"[{name}] has")
        for section, entry in (("data", "choice"), ("data", "alternatives"), ("utilities", None)):
            if section not in self._given or (entry and entry not in self._given[section]):
                lacking = f"the section [{section}]" if entry is None else f"'{entry} = ...' in [{section}]"
                raise SpecificationError(f"{self.path} lacks {lacking}.")
        with self._at("model", "kind"):
            if self.kind not in KINDS:
                raise SpecificationError(f"kind is one of {', '.join(KINDS)}, found '{self.kind}'.")

        for entry in self._section("model"):
            with self._at("model", entry):
                kinds = OF_KINDS.get(entry, KINDS)
                if self.kind not in kinds:
                    raise SpecificationError(f"'{entry}' is for {' and '.join(kinds)}; kind is '{self.kind}'.")
                if entry == "normalised":
                    self._check_truth(self._section("model"), entry)

    def _check_apart(self, columns: list[str]) -> None:
        """Raise an error when a name in formulas is of a column and of a parameter, so that it could mean either."""
        for section in ("parameters", "random"):
            for name in self._section(section):
                with self._at(section, name):
                    if name in columns:
                        raise SpecificationError(
                            f"'{name}' is a column of the data too. Give the parameter another name."
                        )

    def _check_used(self, section: str, used: list[str]) -> None:
        """Raise an error when what the section names is used nowhere."""
        for name in self._section(section):
            with self._at(section, name):
                if name not in used and unicodedata.normalize("NFKC", name) not in used:
                    raise SpecificationError(
                        f"'{name}' is used in no formula, so that the data say nothing of it. Use it, or take it out."
                    )

    def _check_truth(self, given: Mapping[str, Any], name: str) -> None:
        if not isinstance(given.get(name, True), bool):
            raise SpecificationError(f"{name} is true or false, without quotes, found {given[name]!r}.")

    def _check_names(self, given: Mapping[str, Any], known: Any, what: str) -> None:
        for name in given:
            if name not in known:
                near = get_close_matches(name, list(known), n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise SpecificationError(f"'{name}' is unknown; {what} {', '.join(sorted(known))}.{hint}")

    def _check_alternatives(self, dataset: Dataset | LongDataset) -> None:
        """Raise an error when a utility or an availability is that of no alternative."""
        for section in ("utilities", "availability"):
            for name in self._section(section):
                with self._at(section, name):
                    self._check_names({name: None}, dataset.alternatives, "the alternatives are")

    def _check_near(self, known: list[str]) -> None:
        """Raise an error when formulas use an unknown name that is almost that of a column or a parameter."""
        known = [unicodedata.normalize("NFKC", name) for name in known]
        for section in ("utilities", "availability"):
            for entry, text in self._section(section).items():
                with self._at(section, entry):
                    for name in Formula(str(text)).names:
                        near = get_close_matches(name, known, n=1)
                        if near and name not in known:
                            raise SpecificationError(f"'{name}' is unknown. Did you mean '{near[0]}'?")

    @contextmanager
    def located(self) -> Iterator[None]:
        """Say of an error in an estimation which line it is about, if it names an option of that section."""
        try:
            yield
        except PyCMTensorError as error:
            for entry, value in self.estimation.items():
                values = value if isinstance(value, list) else [value]
                if any(isinstance(own, str) and repr(own) in str(error) for own in values):
                    with self._at("estimation", entry):
                        raise
            raise

    @contextmanager
    def _at(self, section: str, entry: str | None = None) -> Iterator[None]:
        """Say of an error which line it is about."""
        try:
            yield
        except PyCMTensorError as error:
            if str(error).startswith(str(self.path)):
                raise
            raise SpecificationError(f"{self.path}, line {self._line(section, entry)}: {error}") from None

    def _line(self, section: str, entry: str | None) -> int:
        """The line of an entry, or of its section's head; 1 when the file has neither."""
        here, head = "", 0
        for number, line in enumerate(self._lines, 1):
            if opened := re.match(r"\s*\[+\s*([\w.]+)", line):
                here = opened[1]
                head = head or number * (here.split(".")[0] == section)
                if here == f"{section}.{entry}":
                    return number
            elif here == section and entry and re.match(rf"\s*[\"']?{re.escape(entry)}[\"']?\s*=", line):
                return number
        return head or 1
