"""Ctrl-C that compiled kernels survive."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_SECONDS = 0.01
_MAKES_CLASS = os.path.join("numba", "core", "serialize.py")
_MAKES_NAMED_TUPLE = "<string>"


class Interrupts:
    """Handles Ctrl-C; ``came`` says whether there was one."""

    def __init__(self) -> None:
        self.came = False
        self._is_over = False
        self._again: threading.Timer | None = None

    def __call__(self, _signal: int, frame: FrameType | None) -> None:
        """Raise `KeyboardInterrupt`, or come back later where a kernel would not survive that."""
        if self._is_over:
            return
        self.came = True
        file = "" if frame is None else frame.f_code.co_filename
        if file != _MAKES_NAMED_TUPLE and not file.endswith(_MAKES_CLASS):
            raise KeyboardInterrupt
        self._again = threading.Timer(_AGAIN_SECONDS, _thread.interrupt_main)
        self._again.daemon = True
        self._again.start()

    def end(self) -> None:
        """Raise nothing any more, not even what was to come back later."""
        self._is_over = True
        if self._again is not None:
            self._again.cancel()
            self._again.join()


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Let Ctrl-C raise `KeyboardInterrupt` everywhere but where a kernel turns its result into a named tuple.

    There Python code runs inside of the kernel, which takes an exception for a result and ends the process with a
    segmentation fault. Does nothing outside of the main thread, or where somebody else handles Ctrl-C.
    """
    interrupts = Interrupts()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts)
    try:
        yield interrupts
    finally:
        interrupts.end()
        signal.signal(signal.SIGINT, signal.default_int_handler)
