"""Ctrl-C and SIGTERM during long runs: the first asks a run to end with what it has, the second stops at once."""

from __future__ import annotations

import signal
from contextlib import ContextDecorator
from threading import current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any

__all__ = ["ask_to_stop", "interruptible", "stop_if_asked"]


class _AtOnce(BaseException):
    """The end of a run that was asked to stop twice; nobody else sees it."""


class Interruptible(ContextDecorator):
    """A block, or a function, during which Ctrl-C and SIGTERM are noted and not raised, until `stop_if_asked`.

    So no step is cut off in its middle. It changes nothing where the program has handlers of its own, nor in other
    threads than the main one, which signals do not reach. Handlers are as they were behind the block. Inside of
    another block it does nothing.

    Examples:
        >>> with interruptible:
        ...     signal.raise_signal(signal.SIGINT)
        ...     finished = 1 + 1
        ...     try:
        ...         stop_if_asked()
        ...     except KeyboardInterrupt:
        ...         print("asked to stop with", finished)
        asked to stop with 2
    """

    def __init__(self) -> None:
        self._depth, self._asked, self._before = 0, False, dict[signal.Signals, Any]()
        self.pending: str | None = None  #: what an asker tells, until somebody was stopped by it

    def __enter__(self) -> None:
        if current_thread() is not main_thread():
            return
        self._depth += 1
        if self._depth == 1:
            self._asked, self.pending = False, None
            defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
            self._before = {number: own for number, own in defaults.items() if signal.getsignal(number) == own}
            for number in self._before:
                signal.signal(number, self._note)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if current_thread() is not main_thread():
            return
        self._depth -= 1
        if self._depth == 0:
            self.pending = None
            for number, before in self._before.items():
                if signal.getsignal(number) == self._note:
                    signal.signal(number, before)
            if isinstance(error, _AtOnce):
                raise KeyboardInterrupt from None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise _AtOnce
        self._asked, self.pending = True, ""


interruptible = Interruptible()


def ask_to_stop(after: str) -> None:
    """Let the next `stop_if_asked` stop, for a run that was interrupted and goes on to one that has to end too.

    Args:
        after: What the run had done until then, in words.
    """
    if current_thread() is main_thread():
        interruptible.pending = after


def stop_if_asked() -> None:
    """Raise a KeyboardInterrupt where a run can end with what it has, if it was asked to; once for each time.

    Its text, if it has any, is what was done until then.
    """
    if interruptible.pending is not None and current_thread() is main_thread():
        after, interruptible.pending = interruptible.pending, None
        raise KeyboardInterrupt(after)
