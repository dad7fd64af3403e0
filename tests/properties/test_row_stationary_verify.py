"""Row-stationary machines, whatever their buses, register files and mappings: the tile program is what is stepped."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim import load_arch, verify
from accel_sim.errors import MappingError
from accel_sim.mapping.row_stationary_letters import ORDERS
from accel_sim.workload import Layer, MacShape, Network, Tensor

EYERISS = load_arch("eyeriss")


def between(low, high):
    return st.integers(low, high)


@st.composite
def jobs(draw, most=8):
    """A layer with a mapping in which every pass has all of its channel sets, and a machine on which it fits."""
    r, s = draw(between(1, 4)), draw(between(1, 4))
    letters = {"q": draw(between(1, 3)), "r": draw(between(1, 2))}
    pad = draw(between(0, 2)), draw(between(0, 2))
    shape = MacShape.of(
        n=draw(between(1, 3)),
        k=draw(between(1, most)),
        c=letters["q"] * letters["r"] * draw(between(1, 3)),
        h=max(1, r - 2 * pad[0]) + draw(between(0, most)),
        w=max(1, s - 2 * pad[1]) + draw(between(0, most)),
        r=r,
        s=s,
        groups=draw(between(1, 2)),
        stride=(draw(between(1, 4)), draw(between(1, 4))),
        pad=pad,
    )
    letters["m"] = draw(between(1, shape.k))
    letters["p"] = draw(between(1, letters["m"]))
    letters["t"] = draw(between(1, letters["m"] // letters["p"]))
    letters["n"] = draw(between(1, shape.n))
    letters["e"] = draw(between(1, shape.p))
    letters["order"] = draw(st.sampled_from(ORDERS))
    buses = {name: draw(between(1, 4)) for name in ("ifmap", "filter", "psum_read", "psum_write")}
    array = {
        "rows": 60,
        "cols": 60,
        "filter_rf_words": letters["p"] * letters["q"] * s + draw(st.sampled_from([0, 1, 5, 400])),
        "ifmap_rf_words": letters["q"] * s + draw(st.sampled_from([0, 1, 8])),
        "psum_rf_words": letters["p"],
        "psum_fifo_words": letters["p"] + 3 + draw(st.sampled_from([0, 1, 20])),
        "pipeline_stages": draw(between(1, 4)),
        "filter_prefetch": draw(st.booleans()),
        "stops_for_fmaps": draw(st.booleans()),
    }
    arch = EYERISS.with_set(
        {
            **{f"noc.{name}_words_per_cycle": words for name, words in buses.items()},
            **{f"array.{name}": value for name, value in array.items()},
            "mac.sparsity": draw(st.sampled_from(["none", "gate_ifmap"])),
            "buffers.glb.size_bytes": "1000 KiB",
            "buffers.filter_buffer.size_bytes": "80 KiB",
        }
    )
    return shape, letters, arch


def network_of(shape, density):
    def tensor(name, dims, **more):
        return Tensor(name=f"layer.{name}", shape=dims, bits=16, **more)

    layer = Layer(
        name="layer",
        op="conv2d",
        shape=shape,
        ifmap=tensor("ifmap", shape.ifmap_shape, density=density),
        filter=tensor("filter", shape.filter_shape, is_weight=True),
        ofmap=tensor("ofmap", shape.ofmap_shape),
    )
    return Network(name="network", layers=(layer,))


@settings(max_examples=150, deadline=None)
@given(jobs(), st.sampled_from([0.4, 1.0]), between(0, 9))
def test_the_stepped_array_agrees(job, density, seed):
    shape, letters, arch = job
    mapping = {"dataflow": "row_stationary", "layers": {"layer": letters}}
    try:
        (verdict,) = verify(network_of(shape, density), arch, mapping=mapping, seed=seed)
    except MappingError:
        assume(False)
    assert verdict.is_proven, verdict.differences
    assert verdict.n_macs_stepped == shape.n_macs
