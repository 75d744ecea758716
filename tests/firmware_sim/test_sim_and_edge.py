"""The gateway's planner and decoder at the other end: written by other hands, they find what the simulator meant."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.reading import Quality
from steelyard.edge.decoder import RequestDecoder
from steelyard.edge.planner import plan
from steelyard.firmware_sim.demo import demo_scenario
from steelyard.firmware_sim.durations import NS_PER_DAY
from steelyard.firmware_sim.scenario import Fault, Scenario
from steelyard.firmware_sim.world import World

NOW_NS = 1_795_248_000 * 10**9
SCENARIO = demo_scenario(NOW_NS - 730 * NS_PER_DAY, NOW_NS)
WORLD = World(SCENARIO)


def read_all(world: World, instrument: str, t_ns: int) -> list[tuple[str, float | None, float | None, int]]:
    """Channel, value served, value decoded, status; every channel of the profile, as a gateway asks for them."""
    device = world.device(instrument)
    assert device is not None
    rows: list[tuple[str, float | None, float | None, int]] = []
    for request in plan(device.profile.channels, device.profile.limits):
        reply = device.read(request.function, request.register, request.count, t_ns)
        assert reply is not None, f"{instrument}: {request} meets no registers"
        data, served = reply
        values, statuses = RequestDecoder(request, device.profile).decode(data)
        assert [s.channel for s in served] == [c.id for c in request.channels]
        rows += [(s.channel, s.value, v, q) for s, v, q in zip(served, values, statuses, strict=True)]
    return rows


def _with(faults: tuple[Fault, ...]) -> Scenario:
    return msgspec.structs.replace(SCENARIO, faults=faults)


@given(st.sampled_from(WORLD.instruments), st.integers(-NS_PER_DAY, 800 * NS_PER_DAY))
def test_gateway_decodes_exactly_what_was_served_and_finds_it_good(instrument: str, after_ns: int) -> None:
    for channel, served, decoded, status in read_all(WORLD, instrument, SCENARIO.start_ns + after_ns):
        assert decoded == served, channel
        assert status == Quality.GOOD, channel


def test_gateway_is_never_fooled_by_a_value_that_is_not_available() -> None:
    faults = tuple(Fault(instrument=instrument, kind="not_available") for instrument in WORLD.instruments)
    world = World(_with(faults))
    for instrument in world.instruments:
        for channel, served, decoded, status in read_all(world, instrument, NOW_NS):
            if channel == "seal":
                continue
            assert (served, decoded, status) == (None, None, Quality.NOT_A_NUMBER), f"{instrument}/{channel}"
