"""Ready at exactly this clock: each rule of the engines on a program small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine import Engine, Timeline, run
from accel_sim.errors import ProgramError
from accel_sim.program import Demand, LayerBuilder, LayerProgram, Machine, Semaphore, Server, Unit
from accel_sim.program.machine import DramSetup

ENGINES: tuple[Engine, ...] = ("compiled", "reference")


class Do(NamedTuple):
    """One command."""

    unit: str
    own_cycles: int = 0
    waits: dict[str, int] | None = None
    signals: dict[str, int] | None = None
    demands: tuple[Demand, ...] = ()


class Case:
    """A program on units ``a`` to ``d`` and what came of it on one engine."""

    def __init__(
        self,
        engine: Engine,
        *layers: Sequence[Do],
        depth: dict[str, int] | None = None,
        semaphores: Sequence[Semaphore] = (),
        servers: Sequence[Server] = (),
        primary: str = "a",
    ) -> None:
        depths = {"a": 1, "b": 1, "c": 1, "d": 1, **(depth or {})}
        self.machine = Machine(
            units=tuple(Unit(name=name, role="dma", depth=depths[name]) for name in depths),
            semaphores=tuple(semaphores),
            servers=tuple(servers),
        )
        programs = [self.build(i, layer, primary) for i, layer in enumerate(layers)]
        self.first = [program.unit_ptr for program in programs]
        self.times: Timeline = run(self.machine, programs, engine, record=True)

    def build(self, index: int, commands: Sequence[Do], primary: str) -> LayerProgram:
        builder = LayerBuilder(self.machine, f"layer{index}", index)
        for unit, own_cycles, waits, signals, demands in commands:
            builder.queue(unit, builder.template(waits=waits, signals=signals, demands=demands), own_cycles)
        return builder.build(primary)

    def spans(self, unit: str, layer: int = 0) -> list[tuple[int, int]]:
        """(issue, end) of each command of a unit in a layer."""
        first, last = self.first[layer][self.machine.unit_index(unit) :][:2]
        cycles = (self.times.issue_cycle[layer][first:last], self.times.end_cycle[layer][first:last])
        return list(zip(*(column.tolist() for column in cycles), strict=True))

    def stalled(self, semaphore: str) -> int:
        """Cycles that a unit waited for a semaphore."""
        return int(self.times.stall_cycles_by_semaphore[:, self.machine.semaphore_index(semaphore)].sum())

    def lost(self, unit: str, server: str) -> int:
        """Cycles that a unit lost to others at a server."""
        place = self.machine.unit_index(unit), self.machine.server_index(server)
        return int(self.times.stall_cycles_by_server[:, place[0], place[1]].sum())


def semaphore(unit: str, name: str = "s", initial: int = 0) -> Semaphore:
    return Semaphore(name=name, unit=unit, initial=initial, reason=name)


def bandwidth(name: str = "port", **fields: Any) -> Server:
    return Server(name=name, kind="bandwidth", **fields)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.param
    return chosen


def test_a_command_ends_when_its_own_cycles_have_passed_and_the_next_one_issues_then(engine: Engine) -> None:
    case = Case(engine, [Do("a", 5), Do("a", 2)])
    assert case.spans("a") == [(0, 5), (5, 7)]
    assert case.times.busy_cycles[0].tolist() == [7, 0, 0, 0]


def test_a_signal_is_there_in_the_cycle_in_which_its_command_ends_and_not_before(engine: Engine) -> None:
    case = Case(engine, [Do("b", 5, signals={"s": 1}), Do("a", 1, waits={"s": 1})], semaphores=[semaphore("a")])
    assert case.spans("a") == [(5, 6)]
    assert case.stalled("s") == 5


def test_a_signal_of_a_higher_unit_still_counts_in_the_same_cycle(engine: Engine) -> None:
    case = Case(
        engine,
        [Do("a", 1, waits={"s": 1}), Do("d", 4, signals={"s": 1}), Do("b", 4)],
        semaphores=[semaphore("a")],
    )
    assert case.spans("a") == [(4, 5)]


def test_all_of_an_amount_must_be_there(engine: Engine) -> None:
    case = Case(
        engine,
        [Do("a", 1, waits={"s": 3}), *[Do("b", cycles, signals={"s": 1}) for cycles in (2, 2, 3)]],
        semaphores=[semaphore("a")],
    )
    assert case.spans("a") == [(7, 8)]
    assert case.stalled("s") == 7


def test_nothing_is_taken_until_all_waits_are_there_and_the_stall_is_the_first_of_them(engine: Engine) -> None:
    case = Case(
        engine,
        [
            Do("a", 1, waits={"s": 1, "t": 1}),
            Do("b", 3, signals={"s": 1}),
            Do("c", 5, signals={"t": 1}),
        ],
        semaphores=[semaphore("a"), semaphore("a", "t")],
    )
    assert case.spans("a") == [(5, 6)]
    assert (case.stalled("s"), case.stalled("t")) == (3, 2)


def test_what_is_left_of_an_amount_serves_the_next_command(engine: Engine) -> None:
    case = Case(
        engine,
        [Do("a", 1, waits={"s": 1}), Do("a", 1, waits={"s": 1}), Do("a", 1, waits={"s": 1})],
        semaphores=[semaphore("a", initial=3)],
    )
    assert case.spans("a") == [(0, 1), (1, 2), (2, 3)]


def test_commands_of_length_zero_pass_on_signals_within_one_cycle(engine: Engine) -> None:
    case = Case(
        engine,
        [
            Do("d", 3, signals={"to_c": 1}),
            Do("c", 0, waits={"to_c": 1}, signals={"to_b": 1}),
            Do("b", 0, waits={"to_b": 1}, signals={"to_a": 1}),
            Do("a", 2, waits={"to_a": 1}),
        ],
        semaphores=[semaphore("c", "to_c"), semaphore("b", "to_b"), semaphore("a", "to_a")],
    )
    assert case.spans("c") == case.spans("b") == [(3, 3)]
    assert case.spans("a") == [(3, 5)]


def test_a_unit_holds_as_many_commands_as_it_is_deep(engine: Engine) -> None:
    case = Case(engine, [Do("a", 4), Do("a", 4), Do("a", 4)], depth={"a": 2})
    assert case.spans("a") == [(0, 4), (0, 4), (4, 8)]
    assert case.times.busy_cycles[0, 0] == 8


def test_commands_of_a_unit_end_in_order(engine: Engine) -> None:
    case = Case(engine, [Do("a", 6), Do("a", 1), Do("a", 1)], depth={"a": 2})
    assert case.spans("a") == [(0, 6), (0, 6), (6, 7)]


@pytest.mark.parametrize(
    ("rate", "latency", "quanta", "end"),
    [((1, 1), 0, 4, 4), ((1, 1), 3, 4, 7), ((2, 1), 0, 5, 3), ((1, 2), 1, 3, 7), ((3, 2), 0, 4, 3), ((2, 3), 0, 1, 2)],
)
def test_a_demand_takes_its_quanta_at_the_rate_and_then_the_latency(
    engine: Engine, rate: tuple[int, int], latency: int, quanta: int, end: int
) -> None:
    server = bandwidth(rate_num=rate[0], rate_den=rate[1], latency_cycles=latency)
    case = Case(engine, [Do("a", 0, demands=(Demand("port", quanta),))], servers=[server])
    assert case.spans("a") == [(0, end)]
    assert case.lost("a", "port") == 0
    assert case.times.server_quanta.tolist() == [[quanta, 0, 0, 0]]


@pytest.mark.parametrize(("own_cycles", "end"), [(3, 6), (6, 6), (7, 7)])
def test_a_command_ends_with_the_later_of_its_own_cycles_and_its_demands(
    engine: Engine, own_cycles: int, end: int
) -> None:
    case = Case(
        engine,
        [Do("a", own_cycles, demands=(Demand("port", 4), Demand("slow", 3)))],
        servers=[bandwidth(), bandwidth("slow", rate_den=2)],
    )
    assert case.spans("a") == [(0, end)]


def test_an_ideal_server_takes_no_time(engine: Engine) -> None:
    case = Case(
        engine,
        [Do("b", 0, signals={"s": 1}, demands=(Demand("ideal", 1000),)), Do("a", 1, waits={"s": 1})],
        semaphores=[semaphore("a")],
        servers=[Server(name="ideal", kind="ideal")],
    )
    assert case.spans("b") == [(0, 0)]
    assert case.spans("a") == [(0, 1)]
    assert case.times.server_quanta.sum() == 0


@pytest.mark.parametrize(
    ("arbitration", "ends", "lost"), [("round_robin", (7, 8), (3, 4)), ("fixed_priority", (4, 8), (0, 4))]
)
def test_units_share_a_server(engine: Engine, arbitration: Any, ends: tuple[int, int], lost: tuple[int, int]) -> None:
    demand = (Demand("port", 4),)
    case = Case(
        engine, [Do("a", demands=demand), Do("b", demands=demand)], servers=[bandwidth(arbitration=arbitration)]
    )
    assert case.spans("a") + case.spans("b") == [(0, ends[0]), (0, ends[1])]
    assert (case.lost("a", "port"), case.lost("b", "port")) == lost


@pytest.mark.parametrize(("arrival", "end"), [(3, 8), (4, 8), (5, 12)])
def test_a_demand_takes_part_from_the_cycle_in_which_it_is_issued(engine: Engine, arrival: int, end: int) -> None:
    """Quanta of four cycles: ``a``, which goes first, gets the one at cycle 4 if it asks by then, not later."""
    case = Case(
        engine,
        [Do("a", arrival), Do("a", demands=(Demand("port", 1),)), Do("b", demands=(Demand("port", 3),))],
        servers=[bandwidth(rate_den=4, arbitration="fixed_priority")],
    )
    assert case.spans("a") == [(0, arrival), (arrival, end)]
    assert case.spans("b") == [(0, 16)]


def test_round_robin_goes_on_after_the_unit_served_last(engine: Engine) -> None:
    case = Case(
        engine,
        [Do(unit, demands=(Demand("port", quanta),)) for unit, quanta in (("c", 1), ("a", 1), ("b", 1))]
        + [Do("c", demands=(Demand("port", 1),))],
        servers=[bandwidth(rate_den=2)],
    )
    assert [case.spans(unit) for unit in "abc"] == [[(0, 2)], [(0, 4)], [(0, 6), (6, 8)]]


def test_the_loss_is_booked_on_the_server_that_completed_last_and_on_the_lowest_of_several(engine: Engine) -> None:
    demands = (Demand("second", 2), Demand("first", 2))
    case = Case(
        engine,
        [Do("a", demands=demands), Do("b", demands=demands)],
        servers=[bandwidth("first"), bandwidth("second")],
    )
    assert case.spans("a") + case.spans("b") == [(0, 3), (0, 4)]
    assert (case.lost("a", "first"), case.lost("b", "first")) == (1, 2)
    assert case.lost("a", "second") == case.lost("b", "second") == 0


def test_a_deep_unit_is_busy_while_anything_is_in_flight(engine: Engine) -> None:
    demand = (Demand("port", 4),)
    case = Case(engine, [Do("a", demands=demand), Do("b", demands=demand)], depth={"b": 2}, servers=[bandwidth()])
    assert case.times.busy_cycles[0].tolist() == [4, 8, 0, 0]
    assert case.lost("a", "port") == 3
    assert case.lost("b", "port") == 0


def test_the_third_layer_is_admitted_when_the_first_has_ended(engine: Engine) -> None:
    case = Case(engine, [Do("a", 3), Do("b", 9)], [Do("a", 3)], [Do("a", 3)])
    assert [case.spans("a", layer) for layer in range(3)] == [[(0, 3)], [(3, 6)], [(9, 12)]]
    assert case.times.boundary_cycles.tolist() == [3, 6, 12]
    assert case.times.idle_cycles[:, 0].tolist() == [0, 0, 3]


def test_layers_without_commands_retire_in_the_cycle_in_which_they_are_admitted(engine: Engine) -> None:
    case = Case(engine, [Do("a", 4)], [], [], [], [Do("b", 2)])
    assert case.spans("b", 4) == [(4, 6)]
    assert case.times.boundary_cycles.tolist() == [4, 4, 4, 4, 6]


def test_a_window_ends_with_the_primary_unit_and_later_work_counts_for_the_next(engine: Engine) -> None:
    case = Case(engine, [Do("a", 4), Do("b", 7)], [Do("a", 5)])
    assert case.times.boundary_cycles.tolist() == [4, 9]
    assert case.times.busy_cycles[:, :2].tolist() == [[4, 4], [5, 3]]
    assert case.times.idle_cycles[:, 1].tolist() == [0, 2]


def test_the_last_window_ends_when_everything_has_ended(engine: Engine) -> None:
    case = Case(engine, [Do("a", 4), Do("b", 7)])
    assert case.times.boundary_cycles.tolist() == [7]
    assert case.times.total_cycles == 7
    assert case.times.idle_cycles[0].tolist() == [3, 0, 7, 7]


def test_a_stall_that_began_in_one_window_is_cut_at_its_end(engine: Engine) -> None:
    case = Case(
        engine,
        [Do("a", 4), Do("b", 6, signals={"s": 1})],
        [Do("c", 1, waits={"s": 1}), Do("a", 1)],
        semaphores=[semaphore("c")],
    )
    assert case.times.boundary_cycles.tolist() == [4, 7]
    assert case.times.stall_cycles_by_semaphore[:, 0].tolist() == [4, 2]


def test_a_loss_that_began_in_one_window_is_cut_at_its_end(engine: Engine) -> None:
    """``c`` would need 3 cycles alone and takes 8, of which 3 to 4 lie in the first window."""
    case = Case(
        engine,
        [Do("a", 4), Do("c", demands=(Demand("port", 3),)), Do("b", demands=(Demand("port", 5),))],
        [Do("a", 6)],
        servers=[bandwidth(arbitration="fixed_priority")],
    )
    assert case.spans("c") == [(0, 8)]
    assert case.times.stall_cycles_by_server[:, 2, 0].tolist() == [1, 4]
    assert case.times.busy_cycles[:, 2].tolist() == [3, 0]


def test_an_empty_run_takes_no_time(engine: Engine) -> None:
    assert Case(engine).times.total_cycles == 0
    assert Case(engine, []).times.boundary_cycles.tolist() == [0]


def test_programs_are_taken_one_by_one_when_their_layer_is_admitted(engine: Engine) -> None:
    machine = Machine(units=(Unit(name="a", role="array"),), semaphores=(), servers=())
    taken: list[int] = []

    def programs() -> Any:
        for index in range(4):
            taken.append(index)
            builder = LayerBuilder(machine, f"layer{index}", index)
            builder.queue("a", builder.template(), [index + 1])
            yield builder.build("a")
        raise ProgramError("a source that fails after its last program")

    with pytest.raises(ProgramError, match="a source that fails"):
        run(machine, programs(), engine)
    assert taken == [0, 1, 2, 3]


def test_a_stuck_program_says_who_waits_for_what(engine: Engine) -> None:
    with pytest.raises(ProgramError) as caught:
        Case(
            engine,
            [Do("b", 3, signals={"s": 1}), Do("a", 1, waits={"s": 1}), Do("a", 1, waits={"s": 2})],
            [Do("c", 1, waits={"t": 1})],
            semaphores=[semaphore("a"), semaphore("c", "t")],
        )
    assert str(caught.value) == (
        "the program cannot finish: unit 'a' at command 1 of layer 'layer0' waits for 2 of semaphore 's', which has 0;"
        " unit 'c' at command 0 of layer 'layer1' waits for 1 of semaphore 't', which has 0"
    )


def test_every_cycle_of_every_unit_is_accounted_for(engine: Engine) -> None:
    demand = (Demand("port", 3),)
    layer = [Do("a", 2, demands=demand), Do("b", 1, waits={"s": 1}, demands=demand), Do("c", 3, signals={"s": 1})]
    case = Case(engine, layer, layer, layer, semaphores=[semaphore("b")], servers=[bandwidth(rate_den=2)])
    np.testing.assert_array_equal(case.times.accounted_cycles, np.tile(case.times.window_cycles[:, np.newaxis], 4))


def test_a_command_has_one_transfer_of_a_memory(engine: Engine) -> None:
    setup = DramSetup(device=load_dram_preset("ddr4_2400"), core_clock_hz=10**9)
    memory = Server(name="memory", kind="dram", quantum_bytes=64, setup=setup)
    with pytest.raises(ProgramError, match="layer 'layer0': a command asks server 'memory' for several transfers"):
        Case(engine, [Do("a", demands=(Demand("memory", 64), Demand("memory", 640)))], servers=[memory])
