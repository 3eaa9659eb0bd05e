"""Libraries that change settings of the process when they are imported: imported here first, and undone.

PyTensor's translation to JAX turns JAX's 64 bits on, scipy and PyTensor add filters of warnings, JAX and threadpoolctl
set environment variables, PyTensor replaces `sys.excepthook`, rich draws a random number. What the host program set
before stays as it was.

PyTensor also raises Python's limit of recursion to 3000 where it is lower, which stays: its graphs are walked so. Its
own mode "JAX" turns JAX's 64 bits on when the host program first compiles in it, as it does without this library.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from importlib import import_module
from typing import Any

_environment, _random, _excepthook = dict(os.environ), random.getstate(), sys.excepthook
with warnings.catch_warnings():  # which gives the filters back
    import jax

    _wide = jax.config.values["jax_enable_x64"]
    _pytensor_was_there = "pytensor.link.jax.dispatch" in sys.modules
    import pytensor
    import pytensor.link.jax.dispatch as dispatch

    for _library in ("rich.style", "scipy.special", "threadpoolctl"):
        import_module(_library)
    jax.config.update("jax_enable_x64", _wide)
random.setstate(_random)
sys.excepthook = _excepthook
for _name in os.environ.keys() - _environment.keys():
    del os.environ[_name]


def _for_the_mode_of_pytensor(name: str) -> Any:
    """``jax_funcify``, which PyTensor imports from there each time that it compiles in its mode "JAX"."""
    if name != "jax_funcify":
        raise AttributeError(f"module {dispatch.__name__!r} has no attribute {name!r}")
    dispatch.jax_funcify = dispatch.basic.jax_funcify
    jax.config.update("jax_enable_x64", pytensor.config.floatX == "float64")
    return dispatch.jax_funcify


if not _pytensor_was_there:
    del dispatch.jax_funcify
    dispatch.__getattr__ = _for_the_mode_of_pytensor
