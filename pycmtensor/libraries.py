"""Libraries that change settings of the process when they are imported: imported here first, and undone.

PyTensor's translation to JAX turns JAX's 64 bits on, scipy and PyTensor add filters of warnings, JAX and threadpoolctl
set environment variables, PyTensor replaces `sys.excepthook`, rich draws a random number. What the host program set
before stays as it was.

PyTensor also raises Python's limit of recursion to 3000 where it is lower, which stays: its graphs are walked so.
PyTensor's own mode "JAX" needs what is undone here: who uses it beside this library sets
``jax.config.update("jax_enable_x64", True)``, as PyTensor did for them.
"""

from __future__ import annotations

import os
import random
import sys
import warnings

_environment, _random, _excepthook = dict(os.environ), random.getstate(), sys.excepthook
with warnings.catch_warnings():  # which gives the filters back
    import jax

    _wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    import pytensor.link.jax.dispatch  # noqa: F401
    import rich.style  # noqa: F401
    import scipy.special  # noqa: F401
    import threadpoolctl  # noqa: F401

    jax.config.update("jax_enable_x64", _wide)
random.setstate(_random)
sys.excepthook = _excepthook
for _name in os.environ.keys() - _environment.keys():
    del os.environ[_name]
