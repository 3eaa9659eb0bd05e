"""The page of a choice simulator, and the numbers that it computes with."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pycmtensor.host.escaping import printable
from pycmtensor.report.html import environment

__all__ = ["Packed", "page", "shares_of"]

Array = NDArray[np.floating]


class Packed:
    """Arrays (P or 1, R or 1) as text in base 64, equal ones once.

    Args:
        dtype: Of the numbers in the file.

    Examples:
        >>> arrays = Packed(np.float32)
        >>> arrays.add(np.ones((3, 2))), arrays.add(np.zeros((3, 2))), arrays.add(np.ones((3, 1)))
        (0, 1, 0)
        >>> arrays.found[0]["shape"]
        [1, 1]
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.found: list[dict[str, Any]] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def add(self, values: Array) -> int:
        """The place of an array (P, R) among those of the file; axes along which it stays the same have length 1."""
        for axis in (0, 1):
            first = values.take([0], axis=axis)
            if (values == first).all():
                values = first
        data = values.astype(self.dtype)
        key = (data.shape, data.tobytes())
        if key not in self._places:
            self._places[key] = len(self.found)
            packed = b64encode(data.tobytes()).decode()
            self.found.append({"shape": list(data.shape), "bits": 8 * self.dtype.itemsize, "data": packed})
        return self._places[key]


def shares_of(payload: Mapping[str, Any], factors: Sequence[float]) -> Array:
    """Shares (J,) as the page computes them, with attributes multiplied by factors (K,)."""
    arrays = [_unpacked(array) for array in payload["arrays"]]
    x = [factor * arrays[own["today"]] for own, factor in zip(payload["attributes"], factors, strict=True)]
    open_ = np.stack(np.broadcast_arrays(*(arrays[a] for a in payload["available"]))) != 0
    w = arrays[payload["weights"]][:, 0]
    total: Any = 0.0
    for of_class in payload["versions"][0]:
        V = [arrays[a] for a in of_class["constants"]]
        for j, k, slope in of_class["slopes"]:
            V[j] = V[j] + arrays[slope] * x[k]
        P = _probabilities(of_class["tree"], np.stack(np.broadcast_arrays(*V)), open_)
        total = total + arrays[of_class["share"]][:, 0] * P.mean(axis=-1)
    w, total = np.broadcast_arrays(w, total)
    w = w[0]
    return np.asarray((w * total).sum(axis=-1) / w.sum())


def page(payload: Mapping[str, Any]) -> str:
    """The page, which needs no other file and no network; names are data in it, never markup or script."""
    return environment().get_template("simulator.html").render(payload=_printable(payload), title=payload["title"])


def _unpacked(array: Mapping[str, Any]) -> Array:
    numbers = np.frombuffer(b64decode(array["data"]), f"<f{array['bits'] // 8}")
    return numbers.reshape(array["shape"]).astype(float)


def _printable(value: Any) -> Any:
    """Names without control characters, which could turn what follows."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _printable(own) for key, own in value.items()}
    return [_printable(own) for own in value] if isinstance(value, list) else value


def _probabilities(tree: Mapping[str, Any], V: Array, open_: NDArray[np.bool_]) -> Array:
    """The nested logit, (J, P, R), as `pycmtensor.kernels.nested_logit` has it."""
    logP = np.zeros(np.broadcast_shapes(V.shape, open_.shape))

    def walked(node: Any) -> tuple[Array, NDArray[np.bool_], list[int]]:
        if isinstance(node, int):
            return V[node], open_[node], [node]
        branches = [walked(member) for member in node["members"]]
        scale = node["scale"] if node.get("normalised", tree.get("normalised", True)) else 1.0
        e = np.stack(np.broadcast_arrays(*(np.where(some, scale * W, -np.inf) for W, some, _ in branches)))
        top = np.where(np.isfinite(e.max(axis=0)), e.max(axis=0), 0.0)
        with np.errstate(divide="ignore"):
            L = top + np.log(np.exp(e - top).sum(axis=0))
        for e_c, (_, _, below) in zip(e, branches, strict=True):
            for j in below:
                logP[j] += e_c - np.where(np.isfinite(L), L, 0.0)
        some = np.any(np.stack(np.broadcast_arrays(*(own for _, own, _ in branches))), axis=0)
        return np.where(some, L, 0.0) / node["scale"], some, [j for _, _, below in branches for j in below]

    walked(tree)
    return np.exp(logP)
