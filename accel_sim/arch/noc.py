"""The buses between buffers and PEs."""

from __future__ import annotations

from accel_sim.arch.spec import Natural, Spec


class Noc(Spec):
    """Words a cycle on each bus; a word that many PEs want at the same time is sent once.

    With 0 a bus is switched off: what it brings takes no time. This shows what the other parts of a machine cost.

    Parameters
    ----------
    ifmap_words_per_cycle, filter_words_per_cycle
        From the buffers to the array.
    psum_read_words_per_cycle, psum_write_words_per_cycle
        Psums from the buffer to the array, and back.

    The links between neighbouring PEs take a psum a cycle each, no more than a PE makes, so they never limit.
    """

    ifmap_words_per_cycle: Natural
    filter_words_per_cycle: Natural
    psum_read_words_per_cycle: Natural
    psum_write_words_per_cycle: Natural
