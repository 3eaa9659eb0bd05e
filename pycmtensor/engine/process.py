"""The process in which XLA was started: its threads do not follow into a forked one."""

from __future__ import annotations

import os

from pycmtensor.exceptions import ForkError

__all__ = ["check_process"]

_home = os.getpid()


def check_process() -> None:
    """Note that XLA starts in this process.

    Raises:
        ForkError: It was started before this process was forked: whatever it is asked would wait for ever.
    """
    global _home
    if os.getpid() == _home:
        return
    if _xla_was_started():
        raise ForkError(
            "This process was forked from one in which JAX had started: JAX's threads are not in it, and an "
            "estimation would wait for ever. Start processes with multiprocessing.get_context('spawn'), or with "
            "joblib's own backend 'loky'; or fork before anything is computed."
        )
    _home = os.getpid()


def _xla_was_started() -> bool:
    """Whether JAX has devices already, which it asks for when it starts XLA."""
    from jax._src import xla_bridge  # no public name tells without starting it

    started = getattr(xla_bridge, "backends_are_initialized", None)
    return True if started is None else bool(started())
