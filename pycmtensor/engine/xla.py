"""XLA programs: their options, their precision, and how they are compiled and kept.

What is set for them is set while they are made and run, in the thread that does: JAX is for the host program as it was.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import time
from collections.abc import Callable, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import jax
import jaxlib
from jax._src import util
from jax.experimental import serialize_executable

from pycmtensor.engine.process import check_process
from pycmtensor.engine.store import Store, folder_of_programs, store_of_programs

__all__ = ["ONCE", "PRODUCTS", "WIDE", "compile_plainly", "compile_with_xla", "in_64_bits"]

Option = str | bool | int

#: Options of XLA's CPU compiler. YNNPACK multiplies matrices faster than XLA, but by itself also takes each small
#: reduction, which costs a third of the time of a likelihood; the older emitters of loops compile in half the time, and
#: what they emit is as fast.
CPU_OPTIONS: dict[str, Option] = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
    "xla_cpu_use_fusion_emitters": False,
}

#: Seconds of compilation from which a program is kept.
WORTH_KEEPING = 0.05

#: Programs after which JAX forgets how it made them; those of some models with one method.
REMEMBERED = 24

#: Loops over exponentials gain from the widest registers of a processor.
WIDE: dict[str, Option] = {"xla_cpu_prefer_vector_width": 512}

#: Where most is products of matrices, YNNPACK also makes what goes into them. With others that can take seven times as
#: long.
PRODUCTS: dict[str, Option] = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT"}

#: What runs once compiles in three quarters of the time with fewer optimisations, and is as fast.
ONCE: dict[str, Option] = {"xla_backend_optimization_level": 1}


def _jax_in_64_bits() -> Any:
    """Context and decorator in which this thread's JAX has numbers of 64 bits; a model in 32 bits stays so."""
    experimental: Any = jax.experimental  # where it was before JAX 0.8
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else experimental.enable_x64
    return enable(True)


def in_64_bits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, for which JAX has numbers of 64 bits, in its thread and as long as it runs.

    A model in single precision stays in it: its arrays have 32 bits.

    Examples:
        >>> import jax.numpy as jnp
        >>> made = in_64_bits(lambda: jnp.arange(3.0))
        >>> made().dtype
        dtype('float64')
    """
    decorated: Callable[..., Any] = _jax_in_64_bits()(function)
    return decorated


def compiler_options(also: Mapping[str, Option] | None) -> dict[str, Option]:
    """The options that this version of XLA knows; none on other devices than processors."""
    if jax.default_backend() != "cpu":
        return {}
    return {name: value for name, value in {**CPU_OPTIONS, **(also or {})}.items() if name not in _unknown()}


@cache
def _unknown() -> frozenset[str]:
    """Options that this version of XLA does not know."""
    every = CPU_OPTIONS | ONCE | WIDE | PRODUCTS
    if _are_known(every):
        return frozenset()
    return frozenset(name for name, value in every.items() if not _are_known({name: value}))


def _are_known(options: dict[str, Option]) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options=options).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def compile_with_xla(
    function: Callable[..., Any], also: Mapping[str, Option] | None = None, **options: Any
) -> Callable[..., Any]:
    """``jax.jit`` with the compiler options that suit a likelihood, in 64 bits, and its results kept for others.

    Args:
        function: Of arrays.
        also: Further options of the compiler: ``ONCE``, ``WIDE``, ``PRODUCTS``, or none.
        options: Further ones of ``jax.jit``.
    """
    return CompiledFunction(function, compiler_options(also), options)


def compile_plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """`compile_with_xla` with the compiler's own options, which suit short loops that end in many small sums."""
    return CompiledFunction(function, {}, {})


class CompiledFunction:
    """A function as programs, one for each kind of arguments, made when it is called or taken from those kept.

    Args:
        function: Of arrays.
        compiler: Options of the compiler.
        options: Options of ``jax.jit``.
    """

    def __init__(self, function: Callable[..., Any], compiler: dict[str, Option], options: dict[str, Any]) -> None:
        self._jitted, self._compiler = jax.jit(function, compiler_options=compiler, **options), compiler
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._only: Callable[..., Any] | None = None
        self._lock = Lock()

    def __call__(self, *args: Any) -> Any:
        check_process()
        with _jax_in_64_bits():
            if self._only is not None:
                try:
                    return self._only(*args)
                except TypeError:  # by which a program refuses other arguments than its own, before it runs
                    pass
            return self._program(*args)(*args)

    def _program(self, *args: Any) -> Callable[..., Any]:
        leaves, tree = jax.tree.flatten(args)
        kind = (tree, *map(_kind, leaves))
        with self._lock:
            if kind not in self._programs:
                self._programs[kind] = _made(self._jitted, args, self._compiler)
            self._only = self._programs[kind] if len(self._programs) == 1 else None
            return self._programs[kind]


def _kind(x: Any) -> Any:
    """What of an argument makes another program."""
    if hasattr(x, "dtype"):
        return x.shape, x.dtype, getattr(x, "weak_type", False), getattr(x, "sharding", None)
    return type(x)


def _made(jitted: Any, args: tuple[Any, ...], compiler: dict[str, Option]) -> Callable[..., Any]:
    """The program of some arguments: one that is kept, or a new one, which is then."""
    lowered, store = jitted.lower(*args), _store()
    key = "" if store is None else _key(lowered.as_text(), compiler)
    kept = None if store is None else _loaded(store, key, lowered)
    if kept is not None:
        return kept
    began = time.perf_counter()
    compiled: Callable[..., Any] = lowered.compile()
    _forget_traces()
    if store is not None and time.perf_counter() - began >= WORTH_KEEPING:
        _keep(store, key, compiled)
    return compiled


_made_since = count(1)


def _forget_traces() -> None:
    """Let JAX forget now and then how programs were traced, which it keeps for ever, a megabyte for each model.

    Compiled functions of the host program stay compiled; `jax.clear_caches` would take them away too.
    """
    if next(_made_since) % REMEMBERED == 0:
        forget = getattr(util, "clear_all_caches", None)  # no public name spares what is compiled
        if forget is not None:
            forget()


def _store() -> Store | None:
    """Where programs are kept; None when they are not, or by JAX in a folder that the host program has named."""
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return None
    return store_of_programs(folder_of_programs())


def _key(text: str, compiler: dict[str, Option]) -> str:
    """The name of a program: what it computes, and all that its machine code depends on."""
    versions = jax.__version__, jaxlib.__version__, os.environ.get("XLA_FLAGS", ""), sorted(compiler.items())
    return hashlib.sha256(f"{text} {versions} {_machine()}".encode()).hexdigest()


@cache
def _machine() -> str:
    """The processors and devices of this machine."""
    devices = [f"{device.device_kind} {device.client.platform_version}" for device in jax.local_devices()]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = ("model name", "flags", "Features", "CPU part")
    processor = sorted({line for line in lines if line.startswith(names)})
    return f"{platform.machine()} {platform.processor()} {processor} {devices}"


def _loaded(store: Store, key: str, lowered: Any) -> Callable[..., Any] | None:
    """The program of a key, if it is kept and can be used here."""
    content = store.get(key)
    if content is None:
        return None
    try:
        program: Callable[..., Any]
        program = serialize_executable.deserialize_and_load(content, lowered.in_tree, lowered.out_tree)
    except Exception as error:  # of a file of another version or machine; whatever it is, compiling helps
        store.remove(key, f"not for here ({type(error).__name__})")
        return None
    return program


def _keep(store: Store, key: str, compiled: Any) -> None:
    try:
        content, _, _ = serialize_executable.serialize(compiled)
    except (ValueError, NotImplementedError, TypeError, pickle.PicklingError):  # of programs with constants, callbacks
        return
    store.put(key, content)
