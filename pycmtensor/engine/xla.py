"""Options of the XLA compiler, and the cache of compiled programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jax
from platformdirs import user_cache_path

__all__ = ["ONCE", "PRODUCTS", "WIDE", "compile_with_xla", "jax_setting", "keep_compiled_programs"]

Option = str | bool | int

#: Options of XLA's CPU compiler. YNNPACK multiplies matrices faster than XLA, but by itself also takes each small
#: reduction, which costs a third of the time of a likelihood; the older emitters of loops compile in half the time, and
#: what they emit is as fast.
CPU_OPTIONS: dict[str, Option] = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
    "xla_cpu_use_fusion_emitters": False,
}

#: Settings of the cache of compiled programs, unless JAX's environment variables say otherwise.
KEPT = {
    "jax_compilation_cache_max_size": 2**28,
    "jax_persistent_cache_min_compile_time_secs": 0.05,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}

#: Loops over exponentials gain from the widest registers of a processor.
WIDE: dict[str, Option] = {"xla_cpu_prefer_vector_width": 512}

#: Where most is products of matrices, YNNPACK also makes what goes into them. With others that can take seven times as
#: long.
PRODUCTS: dict[str, Option] = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT"}

#: What runs once compiles in three quarters of the time with fewer optimisations, and is as fast.
ONCE: dict[str, Option] = {"xla_backend_optimization_level": 1}


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


def jax_setting(name: str) -> Any:
    """Value of a setting of JAX, which adds its settings to `jax.config` by name."""
    return getattr(jax.config, name)


def compile_with_xla(
    function: Callable[..., Any], also: Mapping[str, Option] | None = None, **options: Any
) -> Callable[..., Any]:
    """``jax.jit`` with the compiler options that suit a likelihood, and its results kept for the next process.

    Args:
        function: Of arrays.
        also: Further options of the compiler: ``ONCE``, ``WIDE``, ``PRODUCTS``, or none.
        options: Further ones of ``jax.jit``.
    """
    keep_compiled_programs()
    return jax.jit(function, compiler_options=compiler_options(also), **options)


@cache
def keep_compiled_programs() -> Path | None:
    """Turn JAX's persistent compilation cache on, unless it is configured already.

    Programs are kept in a folder of the user, one for each machine, of at most 256 MB; those used least recently make
    room. The environment variable ``PYCMTENSOR_CACHE`` names another folder, or is "off".

    Returns:
        The folder; None when nothing was turned on.
    """
    wanted = os.environ.get("PYCMTENSOR_CACHE", "")
    if wanted.lower() == "off" or jax_setting("jax_compilation_cache_dir") is not None:
        return None
    folder = (Path(wanted) if wanted else user_cache_path("pycmtensor", appauthor=False)) / platform.node()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written to: programs are compiled anew in every process
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    for setting, value in KEPT.items():
        if setting.upper() not in os.environ:
            jax.config.update(setting, value)
    return folder
