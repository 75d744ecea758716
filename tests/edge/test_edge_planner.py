"""The planner: every register exactly once, within the instrument's limits, in as few requests as there can be."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.profile import ChannelProfile, ReadLimits, parse_profile
from steelyard.contracts.profiles import builtin, builtin_names
from steelyard.edge.errors import PlanError
from steelyard.edge.planner import plan

TYPES = ("uint16", "int16", "uint32", "float32", "uint64", "float64")


def channel(name: str, register: int, kind: str = "uint16", function: int = 4) -> ChannelProfile:
    return ChannelProfile(
        id=name,
        quantity="q",
        unit="1",
        function=function,
        register=register,
        type=kind,
        low=0.0,
        high=1.0,
        resolution=1.0,
    )


@st.composite
def layouts(draw: st.DrawFn) -> list[ChannelProfile]:
    """Channels that do not overlap, in any order."""
    channels: list[ChannelProfile] = []
    for function in (3, 4):
        register = draw(st.integers(0, 50))
        for place in range(draw(st.integers(0, 25))):
            made = channel(f"f{function}-{place}", register, draw(st.sampled_from(TYPES)), function)
            channels.append(made)
            register += made.register_count + draw(st.integers(0, 40))
    return draw(st.permutations(channels))


LIMITS = st.builds(ReadLimits, max_registers=st.integers(4, 125), max_gap=st.integers(0, 30))


@given(layouts(), LIMITS)
def test_every_channel_is_covered_exactly_once_within_the_limits(
    channels: list[ChannelProfile], limits: ReadLimits
) -> None:
    requests = plan(channels, limits)
    assert sorted(c.id for r in requests for c in r.channels) == sorted(c.id for c in channels)
    for request in requests:
        assert 1 <= request.count <= limits.max_registers
        assert {c.function for c in request.channels} == {request.function}
        end = request.register
        for each in request.channels:
            assert 0 <= each.register - end <= limits.max_gap
            end = each.register + each.register_count
        assert request.channels[0].register == request.register
        assert end == request.register + request.count


@given(layouts(), LIMITS)
def test_no_plan_has_fewer_requests(channels: list[ChannelProfile], limits: ReadLimits) -> None:
    assert len(plan(channels, limits)) == fewest(channels, limits)


def fewest(channels: list[ChannelProfile], limits: ReadLimits) -> int:
    """The least number of requests, by trying every last request for every beginning (dynamic programming)."""
    total = 0
    for function in (3, 4):
        row = sorted((c for c in channels if c.function == function), key=lambda c: c.register)
        best = [0] + [10**9] * len(row)
        for end in range(1, len(row) + 1):
            for start in range(end):
                part = row[start:end]
                span = part[-1].register + part[-1].register_count - part[0].register
                gaps = [b.register - a.register - a.register_count for a, b in pairwise(part)]
                if span <= limits.max_registers and all(gap <= limits.max_gap for gap in gaps):
                    best[end] = min(best[end], best[start] + 1)
        total += best[-1]
    return total


def test_a_gap_one_register_too_wide_is_not_read_along() -> None:
    row = [channel("a", 0), channel("b", 5)]
    assert len(plan(row, ReadLimits(max_gap=4))) == 1
    assert len(plan(row, ReadLimits(max_gap=3))) == 2


def test_the_sdm630_takes_few_requests() -> None:
    profile = parse_profile(builtin("sdm630").read_text("utf-8"), "sdm630.toml")
    requests = plan(profile.channels, profile.limits)
    assert len(requests) <= 6
    assert len(requests) < len(profile.channels) / 4


@pytest.mark.parametrize("name", builtin_names())
def test_every_profile_that_comes_with_steelyard_has_a_plan(name: str) -> None:
    profile = parse_profile(builtin(name).read_text("utf-8"), name)
    assert plan(profile.channels, profile.limits)


def test_a_channel_wider_than_a_request_may_be_is_refused() -> None:
    with pytest.raises(PlanError, match="channel wide: 4 registers, but one request may ask for 3"):
        plan([channel("wide", 0, "float64")], ReadLimits(max_registers=3))


def test_a_channel_beyond_the_address_space_is_refused() -> None:
    with pytest.raises(PlanError, match="65535"):
        plan([channel("far", 65_535, "float32")], ReadLimits())
