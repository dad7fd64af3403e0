"""The buses between buffers and PEs."""

from __future__ import annotations

from accel_sim.arch.spec import Count, Natural, Spec


class Noc(Spec):
    """Words a cycle on each bus; a word that many PEs want at the same time is sent once.

    With 0 a bus is switched off: what it brings takes no time. This shows what the other parts of a machine cost.

    Parameters
    ----------
    ifmap_words_per_cycle, filter_words_per_cycle
        From the buffers to the array.
    psum_read_words_per_cycle, psum_write_words_per_cycle
        Psums from the buffer to the array, and back.
    psum_link_words_per_cycle
        On the local link between two neighbours of a column; None where there is none.
    """

    ifmap_words_per_cycle: Natural
    filter_words_per_cycle: Natural
    psum_read_words_per_cycle: Natural
    psum_write_words_per_cycle: Natural
    psum_link_words_per_cycle: Count | None = None
