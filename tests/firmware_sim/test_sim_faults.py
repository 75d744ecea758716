"""Faults strike when, where and how the scenario says."""

import struct
from collections.abc import Callable

import pytest

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.device import Device
from steelyard.firmware_sim.errors import ScenarioError
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.world import World

HOUR = 3_600 * 10**9
Lines = Callable[..., Scenario]


def fault(instrument: str, kind: str, *more: str) -> str:
    return "\n".join(("[[fault]]", f'instrument = "{instrument}"', f'kind = "{kind}"', *more))


def device(scenario: Scenario, instrument: str) -> Device:
    found = World(scenario).device(InstrumentId(instrument))
    assert found is not None
    return found


def registers(target: Device, channel: str, t_ns: int) -> bytes:
    return target.registers(target.profile.channel(ChannelId(channel)), t_ns)[0]


def value(target: Device, channel: str, t_ns: int) -> float | None:
    return target.registers(target.profile.channel(ChannelId(channel)), t_ns)[1]


def test_stuck_channel_repeats_its_value_from_the_faults_beginning(with_lines: Lines, start_ns: int) -> None:
    target = device(
        with_lines(fault("gauge", "stuck", 'from = "1h"', 'until = "30h"', 'channel = "pressure"')), "gauge"
    )
    healthy = device(with_lines(), "gauge")
    stuck_at = value(healthy, "pressure", start_ns + HOUR)
    assert value(target, "pressure", start_ns + HOUR - 1) != stuck_at or value(target, "pressure", start_ns) != stuck_at
    assert {value(target, "pressure", start_ns + hour * HOUR) for hour in range(1, 30)} == {stuck_at}
    assert value(target, "pressure", start_ns + 30 * HOUR) == value(healthy, "pressure", start_ns + 30 * HOUR)
    assert value(target, "sensor_temperature", start_ns + 9 * HOUR) == value(
        healthy, "sensor_temperature", start_ns + 9 * HOUR
    )


def test_spike_adds_its_size_in_its_share_of_the_buckets(with_lines: Lines, start_ns: int) -> None:
    target = device(with_lines(fault("gauge", "spike", "size = 0.5", "share = 0.25", 'channel = "pressure"')), "gauge")
    healthy = device(with_lines(), "gauge")
    times = [start_ns + second * 10**9 for second in range(2_000)]
    differences = [value(target, "pressure", t) - value(healthy, "pressure", t) for t in times]
    hit = [difference for difference in differences if difference > 0.25]
    assert all(difference == pytest.approx(0.5, abs=1e-5) or difference == 0.0 for difference in differences)
    assert len(hit) / 2_000 == pytest.approx(0.25, abs=0.04)


def test_fault_lasts_for_the_whole_bucket(with_lines: Lines, start_ns: int) -> None:
    target = device(with_lines(fault("gauge", "spike", "size = 0.5", "share = 0.5", 'channel = "pressure"')), "gauge")
    for second in range(50):
        first, last = start_ns + second * 10**9, start_ns + second * 10**9 + 999_999_999
        assert value(target, "pressure", first) == pytest.approx(value(target, "pressure", last), abs=0.1)


def test_integer_channel_says_not_available_with_its_profiles_mark(with_lines: Lines, start_ns: int) -> None:
    target = device(with_lines(fault("thermometer", "not_available", 'channel = "temperature"')), "thermometer")
    assert registers(target, "temperature", start_ns) == bytes.fromhex("8000")
    assert value(target, "temperature", start_ns) is None


def test_float_channel_says_not_available_with_a_nan(with_lines: Lines, start_ns: int) -> None:
    target = device(with_lines(fault("meter", "not_available")), "meter")
    number = struct.unpack(">f", registers(target, "voltage_l1", start_ns))[0]
    assert number != number  # noqa: PLR0124 - only a NaN differs from itself


def test_not_available_of_all_channels_leaves_alone_what_cannot_say_it(with_lines: Lines, start_ns: int) -> None:
    target = device(with_lines(fault("thermometer", "not_available")), "thermometer")
    assert value(target, "temperature", start_ns) is None
    assert value(target, "seal", start_ns) == 3.0


def test_swapped_bytes_and_words_change_the_registers_but_not_the_meant_value(with_lines: Lines, start_ns: int) -> None:
    healthy = registers(device(with_lines(), "meter"), "power_total", start_ns)
    bytes_swapped = device(with_lines(fault("meter", "byte_swap")), "meter")
    words_swapped = device(with_lines(fault("meter", "word_swap")), "meter")
    a, b, c, d = healthy
    assert registers(bytes_swapped, "power_total", start_ns) == bytes((b, a, d, c))
    assert registers(words_swapped, "power_total", start_ns) == bytes((c, d, a, b))
    assert value(bytes_swapped, "power_total", start_ns) == value(
        device(with_lines(), "meter"), "power_total", start_ns
    )


def test_opened_seal_counts_up_and_stays(with_lines: Lines, start_ns: int) -> None:
    faults = (
        fault("scale", "seal_opened", 'from = "5h"', 'until = "6h"'),
        fault("scale", "seal_opened", 'from = "9h"'),
    )
    target = device(with_lines(*faults), "scale")
    assert [value(target, "seal", start_ns + hour * HOUR) for hour in (0, 4, 5, 8, 9, 100)] == [0, 0, 1, 1, 2, 2]
    assert registers(target, "seal", start_ns + 9 * HOUR) == bytes.fromhex("0002")
    assert target.true_value(ChannelId("seal"), start_ns + 9 * HOUR) == 2.0


def test_seal_counter_wraps_as_a_16_bit_register_does(five_text: str, start_ns: int) -> None:
    from steelyard.firmware_sim.scenario_file import load_scenario  # noqa: PLC0415 - the one test that edits the text

    text = five_text.replace("seal_openings = 3", "seal_openings = 65535") + fault("thermometer", "seal_opened")
    assert value(device(load_scenario(text), "thermometer"), "seal", start_ns) == 0.0


def test_first_of_several_reply_faults_wins(with_lines: Lines, start_ns: int) -> None:
    scenario = with_lines(fault("meter", "late"), fault("meter", "dropout"), fault("meter", "drip"))
    struck = device(scenario, "meter").faults.reply(start_ns)
    assert struck is not None
    assert struck.kind == "late"


def test_fault_ends_at_its_until(with_lines: Lines, start_ns: int) -> None:
    faults = device(with_lines(fault("meter", "dropout", 'from = "1h"', 'until = "2h"')), "meter").faults
    struck = [faults.reply(start_ns + offset) is not None for offset in (0, HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR)]
    assert struck == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (fault("nobody", "dropout"), r"fault\[0\].instrument: 'nobody': not one of meter"),
        (fault("meter", "spike"), r"fault\[0\].size: None: a spike"),
        (fault("meter", "stuck", "size = 1.0"), r"fault\[0\].size: 1.0: a spike, and only a spike"),
        (fault("meter", "dropout", "share = 1.5"), r"share: 1.5: a share is 0 to 1"),
        (fault("meter", "dropout", 'from = "2h"', 'until = "2h"'), r"until: '2h': must be later than from"),
        (fault("meter", "dropout", 'channel = "power_total"'), r"strikes the whole instrument"),
        (fault("meter", "exception", "code = 0"), r"code: 0: a Modbus exception code"),
        (fault("meter", "stuck", 'channel = "power"'), r"channel: 'power': profile sdm630 .* power_total"),
        (fault("meter", "seal_opened"), r"kind: 'seal': profile sdm630 of 'meter' has the channels"),
        (fault("scale", "not_available", 'channel = "seal"'), r"no mark for not available"),
    ],
)
def test_fault_that_cannot_be_is_refused_with_the_place(with_lines: Lines, lines: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        World(with_lines(lines))
