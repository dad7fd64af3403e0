"""The DRAM controller again: every clock, every bank, every entry; readiness from the history of commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.reference.dram_jedec import ACT, PRE, RD, RDA, REF, WR, WRA, Memory, demands

NEVER = -(10**12)


@dataclass
class Request:
    number: int
    address: int
    write: bool
    bank: int
    row: int
    column: int
    answers: list[int] = field(default_factory=list)  # numbers of the requests that its command answers


class Channel:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.listed = demands(memory)
        self.reads: list[Request] = []
        self.writes: list[Request] = []
        self.queues: list[list[Request]] = [[] for _ in range(memory.banks)]
        self.row = [-1] * memory.banks
        self.accesses = [0] * memory.banks
        self.last = [[NEVER] * memory.banks for _ in range(7)]
        self.acts: list[list[int]] = [[] for _ in range(memory.ranks)]
        self.turn = 0
        self.due: list[int] = []
        self.next_rank = 0
        self.draining = 0
        self.flush = False
        self.answered: dict[int, int] = {}
        self.log: list[tuple[int, int, int, int, int]] = []
        self.data_end = 0

    def rank(self, bank: int) -> int:
        return bank // (self.memory.groups * self.memory.banks_per_group)

    def busy(self) -> bool:
        return bool(self.reads or self.writes or any(self.queues))

    # ---- which commands are allowed

    def allowed(self, command: int, bank: int, clock: int) -> bool:
        for demand in self.listed:
            if command not in demand.after:
                continue
            for other in range(self.memory.banks):
                if self.memory.relation(other, bank) in demand.relations:
                    for before in demand.before:
                        if clock - self.last[before][other] < demand.clocks:
                            return False
        acts = self.acts[self.rank(bank)]
        return command != ACT or len(acts) < 4 or clock - acts[-4] >= self.memory.timing["tFAW"]

    def ready(self, bank: int, clock: int) -> tuple[int, Request] | None:
        """The command that the queue of ``bank`` gets to issue, and for whom."""
        queue = self.queues[bank]
        column = {False: RDA if self.memory.closed_page else RD, True: WRA if self.memory.closed_page else WR}
        for i, request in enumerate(queue):
            if self.memory.fcfs and i > 0:
                break
            if self.row[bank] < 0:
                wanted = ACT
            elif self.row[bank] == request.row:
                wanted = column[request.write]
                assert not any(not r.write and r.address == request.address for r in queue[:i] if request.write)
            else:
                wanted = PRE
                hits = not self.memory.fcfs and any(r.row == self.row[bank] for r in queue)
                if i > 0 or (hits and self.accesses[bank] < self.memory.row_limit):
                    continue
            if self.allowed(wanted, bank, clock):
                return wanted, request
        return None

    # ---- issuing

    def issue(self, command: int, bank: int, clock: int, request: Request | None = None) -> None:
        self.last[command][bank] = clock
        row = column = -1
        if command == ACT:
            assert request is not None
            self.row[bank] = row = request.row
            self.accesses[bank] = 0
            self.acts[self.rank(bank)].append(clock)
        elif command in (RD, WR, RDA, WRA):
            assert request is not None
            row, column = request.row, request.column
            self.accesses[bank] += 1
            self.queues[bank].remove(request)
            t = self.memory.timing
            delay = t["AL"] + (t["CWL"] if request.write else t["CL"]) + self.memory.burst_clocks
            self.data_end = max(self.data_end, clock + delay)
            for number in [] if request.write else request.answers:
                self.answered[number] = clock + delay
        if command in (PRE, RDA, WRA):
            self.row[bank] = -1
        self.log.append((clock, command, bank, row, column))

    def search(self, clock: int) -> tuple[int, int, Request] | None:
        banks = self.memory.banks
        waiting = [queue[0].number for queue in self.queues if queue]
        for i in range(1, banks + 1):
            bank = (self.turn + i) % banks
            if self.due and self.rank(bank) == self.due[0]:
                continue
            if self.memory.fcfs and not (self.queues[bank] and self.queues[bank][0].number == min(waiting)):
                continue
            found = self.ready(bank, clock)
            if found:
                self.turn = bank
                return found[0], bank, found[1]
        return None

    def step_refresh(self, clock: int) -> bool:
        rank = self.due[0]
        banks = [b for b in range(self.memory.banks) if self.rank(b) == rank]
        for bank in banks:
            if self.row[bank] >= 0 and self.allowed(PRE, bank, clock):
                self.issue(PRE, bank, clock)
                return True
        if all(self.row[b] < 0 for b in banks) and self.allowed(REF, banks[0], clock):
            self.issue(REF, banks[0], clock)
            self.due.pop(0)
            return True
        return False

    def tick(self, clock: int) -> None:
        memory = self.memory
        if memory.refresh and clock and clock % (memory.timing["tREFI"] // memory.ranks) == 0:
            self.due.append(self.next_rank)
            self.next_rank = (self.next_rank + 1) % memory.ranks
        issued = bool(self.due) and self.step_refresh(clock)
        first_is_column = False
        if not issued:
            found = self.search(clock)
            if found:
                self.issue(found[0], found[1], clock, found[2])
                first_is_column = found[0] in (RD, WR, RDA, WRA)
                issued = True
        if issued and memory.dual:
            found = self.search(clock)
            if found and (found[0] in (RD, WR, RDA, WRA)) != first_is_column:
                self.issue(found[0], found[1], clock, found[2])
        self.move()

    # ---- queues

    def pending(self, address: int, write: bool) -> Request | None:
        for request in [*self.reads, *self.writes, *(r for queue in self.queues for r in queue)]:
            if request.address == address and request.write == write:
                return request
        return None

    def move(self) -> None:
        idle = not any(self.queues)
        threshold = 0 if self.flush else self.memory.drain
        full = len(self.writes) >= self.memory.queue
        if self.draining == 0 and (full or (len(self.writes) > threshold and idle)):
            self.draining = len(self.writes)
        source = self.writes if self.draining else self.reads
        for request in source[:1] if self.memory.fcfs else list(source):
            if len(self.queues[request.bank]) >= self.memory.bank_queue:
                continue
            if request.write:
                if self.pending(request.address, False):
                    self.draining = 0
                    if idle:
                        # The read that blocks the drain still waits itself, and nothing else can happen.
                        read = self.reads.pop(0)
                        self.queues[read.bank].append(read)
                    return
                self.draining -= 1
            source.remove(request)
            self.queues[request.bank].append(request)
            return

    def offer(self, request: Request, clock: int) -> bool:
        if len(self.writes if request.write else self.reads) >= self.memory.queue:
            return False
        request.answers = [request.number]
        if self.pending(request.address, True):
            self.answered[request.number] = clock + 2
        elif request.write:
            self.answered[request.number] = clock + 2
            self.writes.append(request)
        else:
            first = self.pending(request.address, False)
            if first:
                first.answers.append(request.number)
            else:
                self.reads.append(request)
        return True


def decode(memory: Memory, address: int) -> tuple[int, int, int, int]:
    """Channel, bank, row, column of an address."""
    sizes = {
        "ch": memory.channels, "ra": memory.ranks, "bg": memory.groups,
        "ba": memory.banks_per_group, "ro": memory.rows, "co": memory.bursts_per_row,
    }  # fmt: skip
    burst, found = address // 64, {}
    for i in range(10, -2, -2):
        name = memory.mapping[i : i + 2]
        burst, found[name] = divmod(burst, sizes[name])
    bank = (found["ra"] * memory.groups + found["bg"]) * memory.banks_per_group + found["ba"]
    return found["ch"], bank, found["ro"], found["co"]


def run(
    memory: Memory, requests: list[tuple[int, bool]], dependent: bool = False
) -> tuple[int, list[tuple[int, int, int, int, int, int]], list[int]]:
    """Return the clock of the last data, the log (clock, command, channel, bank, row, column), all answer clocks."""
    channels = [Channel(memory) for _ in range(memory.channels)]
    given = 0
    clock = 0
    answered: dict[int, int] = {}
    while True:
        for channel in channels:
            channel.tick(clock)
            answered.update(channel.answered)
        fed: set[int] = set()
        while given < len(requests):
            if dependent and given and not (given - 1 in answered and answered[given - 1] <= clock):
                break
            address, write = requests[given]
            c, bank, row, column = decode(memory, address)
            request = Request(given, address // 64, write, bank, row, column)
            if c in fed or not channels[c].offer(request, clock):
                break
            answered.update(channels[c].answered)
            fed.add(c)
            given += 1
        if given == len(requests):
            for channel in channels:
                channel.flush = True
            end = max(channel.data_end for channel in channels)
            if not any(channel.busy() for channel in channels) and clock + 1 >= end:
                break
        clock += 1
    log = [
        (at, command, c, bank, row, column)
        for c, channel in enumerate(channels)
        for at, command, bank, row, column in channel.log
    ]
    return end, sorted(log, key=lambda line: line[0]), [answered[i] for i in range(len(requests))]
