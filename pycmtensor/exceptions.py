"""Errors and warnings: each says which thing, what was expected, what was found, and what to do.

The checks of what users give stand at the end: of numbers, and of all arguments by their annotations.
"""

from __future__ import annotations

import collections.abc
import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from numbers import Integral, Real
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np

from pycmtensor.host.escaping import printed

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class _Printed(Exception):
    """What names of users in a message would do to a terminal is shown in place of done."""

    @printed
    def __str__(self) -> str:
        return super().__str__()


class PyCMTensorError(_Printed):
    """Base class of every error that the library raises on purpose."""


class DatasetError(PyCMTensorError, ValueError):
    """The data cannot be used as given: a column, a code or a value is missing or wrong."""


class ModelError(PyCMTensorError, ValueError):
    """The specification of a model or of a parameter is incomplete or contradicts itself."""


class IdentificationError(ModelError):
    """The data cannot tell some parameters apart; the message names them."""


class OptimizerError(PyCMTensorError, ValueError):
    """An optimizer or a method of estimation was given something outside its range."""


class InferenceError(PyCMTensorError, ValueError):
    """A question about estimates that they cannot answer."""


class NonFiniteError(PyCMTensorError, ArithmeticError):
    """A cost or a gradient was not finite; the message names the parameters and the step."""


class UnusedParameterWarning(_Printed, UserWarning):
    """The cost does not depend on a parameter, which is therefore left unchanged."""


class NotConvergedWarning(_Printed, UserWarning):
    """An estimation ended before it reached a maximum; the estimates are not maximum likelihood."""


class FileError(PyCMTensorError):
    """A file cannot be written or read; what stood there before is unchanged."""


class CheckpointError(PyCMTensorError):
    """A checkpoint is damaged, or belongs to another run or version."""


class CheckpointWarning(_Printed, UserWarning):
    """The newest checkpoint was damaged; an earlier one is used."""


class ClusterError(PyCMTensorError):
    """A cluster cannot be used: no scheduler, other versions on workers, or a model that cannot be sent to them."""


class ForkError(PyCMTensorError):
    """A process was forked after JAX had started, which cannot compute in it."""


class CacheWarning(_Printed, UserWarning):
    """Compiled programs cannot be kept, or one that was kept is of no use; results are the same."""


class SamplingWarning(_Printed, UserWarning):
    """Draws of a posterior that cannot be relied on yet: chains disagree, are too few, or met divergences."""


class ResamplingWarning(_Printed, UserWarning):
    """Some samples of a bootstrap or jackknife have no maximum of the likelihood; the rest is reported."""


def in_range(
    owner: str,
    option: str,
    value: object,
    interval: str,
    remedy: str = "Choose a value within it.",
    error: type[PyCMTensorError] = OptimizerError,
) -> float:
    """A finite number within an interval.

    Args:
        owner: What the option belongs to.
        option: Its name.
        value: What was given; True and False are not numbers.
        interval: Such as ``"[0, 1)"`` or ``"(0, inf)"``.
        remedy: The last sentence of the error.
        error: The kind of error to raise.

    Returns:
        The value as a float.

    Raises:
        PyCMTensorError: The value is not a number, or outside.

    Examples:
        >>> in_range("Adam", "b1", 0.9, "[0, 1)")
        0.9
        >>> in_range("Adam", "b1", 1.0, "[0, 1)")
        Traceback (most recent call last):
            ...
        pycmtensor.exceptions.OptimizerError: Adam: b1 must be a finite number in [0, 1), found 1.0. Choose a value ...
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and np.isfinite(value):
        above = value >= low if interval[0] == "[" else value > low
        below = value <= high if interval[-1] == "]" else value < high
        if above and below:
            return float(value)
    within = "" if interval == "(-inf, inf)" else f" in {interval}"
    raise error(f"{owner}: {option} must be a finite number{within}, found {value!r}. {remedy}".rstrip())


#: One more than the largest seed that all generators of random numbers take.
SEEDS = 2**63


def seed_of(owner: str, value: object, error: type[PyCMTensorError] = OptimizerError) -> int:
    """A seed: a whole number from 0 to 2^63 - 1.

    Raises:
        PyCMTensorError: It is none; of the kind that is given.
    """
    seed = whole(owner, "seed", value, least=0, error=error)
    if seed >= SEEDS:
        raise error(f"{owner}: seed must be below 2^63, found {value!r}.")
    return seed


def whole(owner: str, option: str, value: object, least: int, error: type[PyCMTensorError] = OptimizerError) -> int:
    """A whole number of at least ``least``.

    Raises:
        PyCMTensorError: The value is not whole, or too small; of the kind that is given.

    Examples:
        >>> whole("Adam", "accumulate", 4, least=1)
        4
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise error(f"{owner}: {option} must be a whole number of at least {least}, found {value!r}.")
    return int(value)


#: What stops a function that was given something of the wrong kind, when it does not look at it itself.
FOREIGN = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, NotImplementedError, AssertionError)

#: What a value of a kind is called in messages; other classes are called by their name.
WORDS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "None",
    collections.abc.Mapping: "a dict",
    collections.abc.Sequence: "a list",
    collections.abc.Iterable: "a list",
    collections.abc.Callable: "a function",
    "Variable": "an expression",
    "Parameter": "a parameter",
    "Estimated": "results of an estimation",
    "Presentation": "results of an estimation",
}


def checked(error: type[PyCMTensorError]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a public function: an argument of the wrong kind, by its annotation, is an error that names it.

    True and False are asked for before the function runs, since everything has a truth in Python. The other arguments
    are looked at when something that is no error of this library stops the function: its own checks say more.

    Args:
        error: The kind of error to raise.

    Examples:
        >>> @checked(InferenceError)
        ... def halved(of: float, really: bool = True) -> float:
        ...     return of / 2
        >>> halved(3)
        1.5
        >>> halved("3")
        Traceback (most recent call last):
            ...
        pycmtensor.exceptions.InferenceError: halved: of must be a number, found '3'.
        >>> halved(3, really="no")
        Traceback (most recent call last):
            ...
        pycmtensor.exceptions.InferenceError: halved: really must be True or False, found 'no'.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        owner = function.__qualname__.removesuffix(".__init__").split(".")[-1]
        has_truths = any("bool" in str(kind) for name, kind in function.__annotations__.items() if name != "return")
        signature = cache(lambda: inspect.signature(function))  # takes long: of those that are called only

        def look(args: Any, kwargs: Any, truths_only: bool) -> None:
            """Raise the error of the first argument that is not as its annotation says."""
            try:
                given = signature().bind(*args, **kwargs).arguments
            except TypeError:  # an unknown or a missing argument, of which Python tells itself
                return
            kinds = _hints(function)
            for name, value in given.items():
                kind = kinds.get(name)
                if kind is not None and not (truths_only and bool not in (kind, *get_args(kind))):
                    _check(error, owner, name, value, kind)

        @wraps(function)
        def checking(*args: P.args, **kwargs: P.kwargs) -> R:
            if has_truths:
                look(args, kwargs, truths_only=True)
            try:
                return function(*args, **kwargs)
            except PyCMTensorError as fault:
                _note(fault, signature(), args, kwargs)
                raise
            except FOREIGN:
                look(args, kwargs, truths_only=False)
                raise

        return checking

    return decorated


def _note(fault: PyCMTensorError, signature: inspect.Signature, args: Any, kwargs: Any) -> None:
    """Note beside an error which argument it is about, where its message quotes what was given without its name."""
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return
    told = " ".join([str(fault), *getattr(fault, "__notes__", [])])
    first = str(fault).split(". ")[0]  # the rest is advice
    quoted = [name for name, value in given.items() if name != "self" and _is_quoted(value, first)]
    if quoted and not any(re.search(rf"\b{name}\b", told) for name in quoted):
        fault.add_note(f"Given as {' or '.join(f'{name}={_shown(given[name])}' for name in quoted)}.")


def _is_quoted(value: Any, text: str) -> bool:
    """Whether a text tells of a value, or of something in it."""
    if isinstance(value, str):
        return repr(value) in text
    if isinstance(value, Mapping):
        return any(_is_quoted(part, text) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple) and any(_is_quoted(part, text) for part in value):
        return True
    kinds = (f"found {type(value).__name__}", f"found {value!r}", f"alternative {value!r}", f"set '{value}'")
    return any(kind in text for kind in kinds)


@contextmanager
def noted(where: str) -> Iterator[None]:
    """A block to whose errors of this library a note is added, such as where the rows that they name are."""
    try:
        yield
    except PyCMTensorError as fault:
        fault.add_note(where)
        raise


def checked_class(error: type[PyCMTensorError]) -> Callable[[type[C]], type[C]]:
    """Decorator of a class whose constructor and public methods are `checked`."""

    def decorated(cls: type[C]) -> type[C]:
        for name, member in list(vars(cls).items()):
            public = name == "__init__" or not name.startswith("_")
            if public and isinstance(member, types.FunctionType):
                setattr(cls, name, checked(error)(member))
            elif public and isinstance(member, (classmethod, staticmethod)):
                setattr(cls, name, type(member)(checked(error)(member.__func__)))
        return cls

    return decorated


@cache
def _hints(of: Any) -> Mapping[str, Any]:
    """Name -> annotation of a function; those that nothing can be said about are left out."""
    found = {}
    for name, text in of.__annotations__.items():
        try:
            hint = eval(text, dict(of.__globals__)) if isinstance(text, str) else text
        except NameError:  # imported for types only
            continue
        if name != "return" and _words(hint):
            found[name] = hint
    return found


def _check(error: type[PyCMTensorError], owner: str, name: str, value: Any, hint: Any) -> None:
    if not _is(value, hint):
        part, found, kind = _within(value, hint)
        raise error(f"{owner}: {name}{part} must be {_words(kind)}, found {_shown(found)}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{type(value).__name__} {text[:200]}..."


def _words(hint: Any) -> str:
    """What a value of this annotation is, in words; empty when nothing can be said."""
    origin = get_origin(hint) or hint
    if hint is None:
        return "None"
    if origin in (Union, types.UnionType):
        words = [_words(one) for one in get_args(hint)]
        return " or ".join(dict.fromkeys(words)) if all(words) else ""
    if origin is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if not isinstance(origin, type) or origin in (object, Any) or origin.__name__.startswith("_"):
        return ""
    return WORDS.get(origin) or WORDS.get(origin.__name__) or f"a {origin.__name__}"


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is as an annotation says."""
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if hint is None:
        return value is None
    if not _words(hint):
        return True
    if origin in (Union, types.UnionType):
        return any(_is(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str | int) and value in inner
    if origin is bool:
        return isinstance(value, bool | np.bool_)
    if origin is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if origin is float:
        return _is_real(value)
    if origin in (collections.abc.Sequence, list, tuple, collections.abc.Iterable, set, frozenset):
        return _is_list(value, origin) and (not inner or all(_is(one, inner[0]) for one in value))
    if origin is collections.abc.Mapping:
        keyed = isinstance(value, Mapping) or (hasattr(value, "keys") and hasattr(value, "items"))
        return keyed and (not inner or all(_is(k, inner[0]) and _is(v, inner[1]) for k, v in value.items()))
    if getattr(origin, "_is_protocol", False) and origin.__module__.startswith("pycmtensor"):
        return all(hasattr(value, name) for name in origin.__annotations__)
    names = {cls.__name__ for cls in type(value).__mro__}
    return isinstance(value, origin) or (origin.__name__ == "Variable" and "Arithmetic" in names)


def _is_real(value: Any) -> bool:
    """Whether a value is a real number, not NaN: Python's, NumPy's, or an array of one."""
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf":
        value = value.item()
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not np.isnan(float(value))


def _is_list(value: Any, origin: Any) -> bool:
    if isinstance(value, str | bytes | Mapping):
        return False
    if origin is collections.abc.Iterable:
        return isinstance(value, Iterable)
    if isinstance(value, list | tuple | set | frozenset):
        return True
    return hasattr(value, "__len__") and hasattr(value, "__iter__") and np.ndim(value) > 0


def _within(value: Any, hint: Any) -> tuple[str, Any, Any]:
    """Where in a value, what is found there, and what is expected: the first wrong element of a list or dict."""
    hints = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for one in hints:
        origin, inner = get_origin(one), get_args(one)
        if origin is collections.abc.Mapping and isinstance(value, Mapping):
            for key, element in value.items():
                if not _is(key, inner[0]):
                    return ": a name", key, inner[0]
                if not _is(element, inner[1]):
                    part, found, kind = _within(element, inner[1])
                    return f"[{key!r}]{part}", found, kind
        if origin is collections.abc.Sequence and _is_list(value, origin):
            for place, element in enumerate(value):
                if not _is(element, inner[0]):
                    return f"[{place}]", element, inner[0]
    return "", value, hint
