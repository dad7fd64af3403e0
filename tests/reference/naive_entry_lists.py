"""Entry lists of a matrix, one weight at a time: EIE (ISCA 2016), section III, and ESE (FPGA 2017) in its footsteps."""

from __future__ import annotations


def entry_lists(
    matrix: list[list[int]], n_pes: int, max_run: int
) -> tuple[list[list[tuple[int, int]]], list[list[int]]]:
    """Return each PE's list of (weight, zeros before it), and where each column begins in it, the end included.

    ``matrix``: rows of columns; row i belongs to PE ``i mod n_pes``. More zeros than ``max_run`` are bridged by weights
    of zero; zeros after a column's last weight are not stored.
    """
    lists: list[list[tuple[int, int]]] = []
    pointers: list[list[int]] = []
    for pe in range(n_pes):
        own: list[tuple[int, int]] = []
        begins = [0]
        for column in range(len(matrix[0])):
            run = 0
            for row in matrix[pe::n_pes]:
                if row[column] != 0:
                    own += [(0, max_run)] * (run // (max_run + 1))
                    own.append((row[column], run % (max_run + 1)))
                    run = 0
                else:
                    run += 1
            begins.append(len(own))
        lists.append(own)
        pointers.append(begins)
    return lists, pointers
