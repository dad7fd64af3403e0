"""A whole trace of requests through the controller, in order, each dependent on the one before or not."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.accept import offer
from accel_sim.kernels.dram.controller import tick
from accel_sim.kernels.dram.layout import FIELD_CHANNEL, NEVER
from accel_sim.kernels.jit import njit


@njit
def next_wake(channels: Any) -> int:
    """Return the next clock at which some channel has something to do."""
    clock = NEVER
    for c in range(channels.shape[0]):
        clock = min(clock, channels[c].wake)
    return clock


@njit
def start_flush(channels: Any, clock: int) -> None:
    """Say that no request follows those accepted by the end of ``clock``: write buffers are emptied from now on."""
    for c in range(channels.shape[0]):
        channel = channels[c]
        channel.flush = 1
        channel.stirred = 1
        channel.wake = min(channel.wake, clock + 1)


@njit
def run_trace(channels: Any, addresses: Any, is_write: Any, dependent: bool, log: Any) -> tuple[int, int]:
    """Run a trace to its end in fresh channels.

    Each clock, after the channels' own work, the next requests in order are accepted, at most one per channel. In a
    dependent trace a request waits for the answer to the one before. After the last one the write buffers are
    flushed, and all channels are simulated up to the end of the last data burst.

    Parameters
    ----------
    channels
        CHANNEL[n_channels].
    addresses
        int64[n], byte addresses.
    is_write
        uint8[n], 0 or 1.
    log
        int64[capacity, 6]: takes the commands in order of issue: clock, command, channel, bank, row, column.

    Returns
    -------
    end_clock
        When the last data burst has ended.
    n_commands
        Commands issued; more than ``capacity`` means that the log is cut short.
    """
    n = addresses.shape[0]
    shift, mask = channels[0].config.field_shift[FIELD_CHANNEL], channels[0].config.field_mask[FIELD_CHANNEL]
    i = 0
    clock = 0
    n_commands = 0
    unanswered = 0
    answer_clock = 0  # of the last request answered so far
    end_clock = NEVER
    while clock < end_clock:
        for c in range(channels.shape[0]):
            channel = channels[c]
            if channel.wake > clock:
                continue
            tick(channel, clock)
            for k in range(channel.n_issued):
                if n_commands < log.shape[0]:
                    log[n_commands, 0] = clock
                    log[n_commands, 1] = channel.issued[k, 0]
                    log[n_commands, 2] = c
                    log[n_commands, 3:] = channel.issued[k, 1:]
                n_commands += 1
            unanswered -= channel.n_answers
            for k in range(channel.n_answers):
                answer_clock = max(answer_clock, channel.answers[k, 1])
            channel.n_answers = 0
        first = i
        while i < n and not (dependent and (unanswered > 0 or answer_clock > clock)):
            burst = addresses[i] >> 6
            channel = channels[(burst >> shift) & mask]
            if not offer(channel, burst, is_write[i], 0, clock):
                break
            i += 1
            unanswered += 1 - channel.n_answers
            for k in range(channel.n_answers):
                answer_clock = max(answer_clock, channel.answers[k, 1])
            channel.n_answers = 0
        if i == n and first < n:
            start_flush(channels, clock)
        following = next_wake(channels)
        if i > first:
            following = min(following, clock + 1)
        if i < n and dependent and unanswered == 0:
            following = min(following, max(answer_clock, clock + 1))
        clock = following
        if i == n:
            end_clock = end_of_data(channels)
    return end_clock, n_commands


@njit
def end_of_data(channels: Any) -> int:
    """Return the clock at which the last data burst has ended, ``NEVER`` while requests are still waiting."""
    end = 0
    for c in range(channels.shape[0]):
        channel = channels[c]
        if channel.n_queued + channel.n_reads + channel.n_writes > 0:
            return NEVER
        end = max(end, channel.counters.data_end)
    return end
