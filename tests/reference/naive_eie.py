"""EIE and ESE from the specification: entries of each slice by scanning it, queues stepped with Python lists."""

from __future__ import annotations


def slice_entries(column: list[bool], pe: int, n_pes: int, max_run: int) -> tuple[int, int]:
    """(non-zero entries, padding entries) of one PE's slice of a column."""
    nnz = padding = zeros = 0
    for value in column[pe::n_pes]:
        if value:
            nnz += 1
            zeros = 0
        else:
            zeros += 1
            if zeros == max_run + 1 and any(column[pe::n_pes][nnz_position(column, pe, n_pes, nnz) :]):
                padding += 1
                zeros = 0
    return nnz, padding


def nnz_position(column: list[bool], pe: int, n_pes: int, nnz: int) -> int:
    """Place just after the nnz-th non-zero of the slice."""
    seen = 0
    for place, value in enumerate(column[pe::n_pes]):
        if seen == nnz:
            return place
        seen += value
    return len(column[pe::n_pes])


def run_queues(work: list[list[int]], depth: int, empty_cycles: int) -> tuple[int, int, list[int], int, int]:
    """Cycles until the queues are empty, stalled broadcasts, last issue of each PE; ``work[j][pe]`` entries.

    Then of all PEs together the cycles spent on activations without entries, and those spent waiting for one.
    """
    n_pes = len(work[0]) if work else 0
    queues: list[list[list[int]]] = [[] for _ in range(n_pes)]
    last_issue = [-1] * n_pes
    n_popped = [0] * n_pes
    cycle = stalls = sent = empty = waiting = 0
    while sent < len(work) or any(queues):
        can_send = all(len(queue) < depth for queue in queues)
        for pe, queue in enumerate(queues):
            n_queued, has_more = len(queue), n_popped[pe] < len(work)
            if queue and queue[0][0] > 0:
                queue[0][0] -= 1
                last_issue[pe] = cycle
                if queue[0][0] == 0:
                    queue.pop(0)
            elif queue and empty_cycles > 0:
                empty += 1
                queue[0][1] += 1
                if queue[0][1] == empty_cycles:
                    queue.pop(0)
            elif has_more:
                waiting += 1
            while queue and empty_cycles == 0 and queue[0][0] == 0:
                queue.pop(0)
            n_popped[pe] += n_queued - len(queue)
        if sent < len(work):
            if can_send:
                for pe, queue in enumerate(queues):
                    queue.append([work[sent][pe], 0])
                sent += 1
            else:
                stalls += 1
        cycle += 1
    return cycle, stalls, last_issue, empty, waiting


def matvec(
    rows: list[list[bool]], columns: list[int], n_pes: int, depth: int, max_run: int, per_read: int, empty_cycles: int
) -> dict[str, int | list[int]]:
    by_column = [[row[c] for row in rows] for c in range(len(rows[0]))]
    entries = [[slice_entries(column, pe, n_pes, max_run) for pe in range(n_pes)] for column in by_column]
    work = [[sum(entries[c][pe]) for pe in range(n_pes)] for c in columns]
    cycles, stalls, last_issue, empty, waiting = run_queues(work, depth, empty_cycles)
    reads = 0
    for pe in range(n_pes):
        addresses = []
        address = 0
        for c in range(len(by_column)):
            own = range(address, address + sum(entries[c][pe]))
            address = own.stop
            if c in columns:
                addresses += [a // per_read for a in own]
        reads += sum(1 for i, line in enumerate(addresses) if i == 0 or line != addresses[i - 1])
    return {
        "total_cycles": max([cycles, *(last + 4 for last in last_issue if last >= 0)]),
        "broadcast_stall_cycles": stalls,
        "empty_slice_pe_cycles": empty,
        "queue_empty_pe_cycles": waiting,
        "n_effectual_macs": sum(rows[i][c] for i in range(len(rows)) for c in columns),
        "pe_entries": [sum(w[pe] for w in work) for pe in range(n_pes)],
        "pe_padding": [sum(entries[c][pe][1] for c in columns) for pe in range(n_pes)],
        "n_matrix_reads": reads,
    }


def balanced_row_order(row_work: list[int], n_pes: int) -> list[int]:
    loads = [0] * n_pes
    rows: list[list[int]] = [[] for _ in range(n_pes)]
    for row in sorted(range(len(row_work)), key=lambda r: -row_work[r]):
        free = [pe for pe in range(n_pes) if pe + len(rows[pe]) * n_pes < len(row_work)]
        pe = min(free, key=lambda p: (loads[p], p))
        loads[pe] += row_work[row]
        rows[pe].append(row)
    return [rows[i % n_pes][i // n_pes] for i in range(len(row_work))]
