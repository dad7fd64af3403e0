"""The buses between buffers and PEs."""

from __future__ import annotations

from accel_sim.arch.spec import Count, Spec


class Noc(Spec):
    """Words a cycle on each bus; a word that many PEs want at the same time is sent once.

    Parameters
    ----------
    ifmap_words_per_cycle, filter_words_per_cycle
        From the buffers to the array.
    psum_read_words_per_cycle, psum_write_words_per_cycle
        Psums from the buffer to the array, and back.
    psum_link_words_per_cycle
        On the local link between two neighbours of a column; None where there is none.
    """

    ifmap_words_per_cycle: Count
    filter_words_per_cycle: Count
    psum_read_words_per_cycle: Count
    psum_write_words_per_cycle: Count
    psum_link_words_per_cycle: Count | None = None
