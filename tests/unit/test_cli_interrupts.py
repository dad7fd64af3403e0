"""Ctrl-C comes at once, or a moment later where a compiled kernel would not survive it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from accel_sim.cli.interrupts import interruptible


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    """Handle Ctrl-C as an interpreter does that was not started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_it_comes_at_once() -> None:
    with interruptible() as interrupts:
        assert not interrupts.came
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupts.came
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("file", ["<string>", "/usr/lib/numba/core/serialize.py"])
def test_it_waits_where_a_kernel_makes_its_result(file: str) -> None:
    made: dict[str, Any] = {"press": os.kill, "arguments": (os.getpid(), signal.SIGINT)}
    exec(compile("def make():\n    press(*arguments)\n    return 'made'\n", file, "exec"), made)  # noqa: S102
    with interruptible():
        assert made["make"]() == "made"
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            time.sleep(10)
            pytest.fail("the interrupt did not come back")


def test_what_waits_is_dropped_at_the_end() -> None:
    made: dict[str, Any] = {"press": os.kill, "arguments": (os.getpid(), signal.SIGINT)}
    exec(compile("def make():\n    press(*arguments)\n", "<string>", "exec"), made)  # noqa: S102
    with interruptible() as interrupts:
        made["make"]()
    time.sleep(0.1)
    assert interrupts.came


def test_another_handler_is_left_alone() -> None:
    presses = []
    signal.signal(signal.SIGINT, lambda *_: presses.append(1))
    with interruptible() as interrupts:
        press()
    assert (presses, interrupts.came) == ([1], False)


def test_another_thread_cannot_handle_signals() -> None:
    ended = []

    def work() -> None:
        with interruptible():
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]
