"""The truth: consistent in itself, the same every time, and what is indicated but for error, noise and rounding."""

import statistics
import subprocess
import sys

import pytest

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.durations import NS_PER_DAY, NS_PER_SECOND
from steelyard.firmware_sim.errors import TruthError
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.truth import Truth

METER, SCALE, TRANSMITTER, GAUGE = (InstrumentId(name) for name in ("meter", "scale", "transmitter", "gauge"))
HOUR = 3_600 * NS_PER_SECOND

ERRING_METER = """
[instrument.measurand.power]
noise = 30.0
zero = { offset = 20.0 }
span = { offset = 0.002, drift_per_year = 0.05, jumps = [{ at = "4d", size = 0.015 }] }
"""


def of(truth: Truth, channel: str, t_ns: int, instrument: InstrumentId = METER) -> float:
    return truth.true_value(instrument, ChannelId(channel), t_ns)


def error_of(truth: Truth, channel: str, t_ns: int, at: float | None = None) -> float:
    return truth.true_error(METER, ChannelId(channel), t_ns, at)


@pytest.fixture
def truth(five: Scenario) -> Truth:
    return Truth(five)


@pytest.fixture
def erring(five_text: str) -> Truth:
    return Truth(load_scenario(five_text.replace("energy_start = 48000.0", "energy_start = 48000.0\n" + ERRING_METER)))


def test_energy_is_the_integral_of_power(truth: Truth, start_ns: int) -> None:
    minutes = 3 * 1_440
    watts = statistics.fmean(
        of(truth, "power_total", start_ns + (2 * m + 1) * 30 * NS_PER_SECOND) for m in range(minutes)
    )
    energy = of(truth, "energy_import", start_ns + 3 * NS_PER_DAY) - of(truth, "energy_import", start_ns)
    assert energy == pytest.approx(watts * 72 / 1_000, rel=1e-7)
    assert of(truth, "energy_import", start_ns) == 48_000.0


def test_energy_error_is_the_integral_of_the_error_in_power(erring: Truth, start_ns: int) -> None:
    minutes = 6 * 1_440  # over the jump on the fourth day
    watts = statistics.fmean(
        error_of(erring, "power_total", start_ns + (2 * m + 1) * 30 * NS_PER_SECOND) for m in range(minutes)
    )
    assert error_of(erring, "energy_import", start_ns + 6 * NS_PER_DAY) == pytest.approx(watts * 144 / 1_000, rel=1e-6)
    assert error_of(erring, "energy_import", start_ns) == pytest.approx(0.0, abs=1e-9)


def test_phases_add_up_to_the_total(erring: Truth, start_ns: int) -> None:
    t = start_ns + 5 * NS_PER_DAY
    for quantity in ("power", "apparent_power", "reactive_power"):
        phases = sum(of(erring, f"{quantity}_l{n}", t) for n in (1, 2, 3))
        assert phases == pytest.approx(of(erring, f"{quantity}_total", t), rel=1e-12)
    assert sum(error_of(erring, f"power_l{n}", t) for n in (1, 2, 3)) == pytest.approx(
        error_of(erring, "power_total", t)
    )
    assert sum(of(erring, f"current_l{n}", t) for n in (1, 2, 3)) == pytest.approx(of(erring, "current_sum", t))
    indicated = [erring.indication(METER, ChannelId(f"power_{name}"), t) for name in ("l1", "l2", "l3", "total")]
    assert sum(indicated[:3]) == pytest.approx(indicated[3], abs=0.2)


def test_powers_obey_the_power_triangle_and_ohm(truth: Truth, start_ns: int) -> None:
    t = start_ns + 7 * HOUR
    for n in (1, 2, 3):
        active, apparent = of(truth, f"power_l{n}", t), of(truth, f"apparent_power_l{n}", t)
        assert active**2 + of(truth, f"reactive_power_l{n}", t) ** 2 == pytest.approx(apparent**2)
        assert active / apparent == pytest.approx(of(truth, f"power_factor_l{n}", t))
        assert of(truth, f"voltage_l{n}", t) * of(truth, f"current_l{n}", t) == pytest.approx(apparent)


def test_energy_register_never_runs_back(erring: Truth, start_ns: int) -> None:
    readings = [erring.indication(METER, ChannelId("energy_import"), start_ns + n * HOUR) for n in range(400)]
    assert readings == sorted(readings)


def test_net_is_gross_less_tare_in_truth_and_on_the_display(truth: Truth, start_ns: int) -> None:
    for n in range(20):
        t = start_ns + n * HOUR
        assert of(truth, "net", t, SCALE) == of(truth, "gross", t, SCALE) - 20.0
        gross, net = (truth.indication(SCALE, ChannelId(name), t) for name in ("gross", "net"))
        assert gross - net == pytest.approx(20.0)


def test_both_of_a_pair_measure_the_same(truth: Truth, start_ns: int) -> None:
    for n in range(0, 500, 7):
        t = start_ns + n * HOUR
        assert of(truth, "pressure", t, TRANSMITTER) == of(truth, "pressure", t, GAUGE)


def test_error_is_zero_plus_span_times_the_value_at_which_it_is_asked(erring: Truth, start_ns: int) -> None:
    before, after = start_ns + 4 * NS_PER_DAY - 1_000, start_ns + 4 * NS_PER_DAY
    assert error_of(erring, "power_total", start_ns, 10_000.0) == pytest.approx(20.0 + 20.0)
    assert error_of(erring, "power_total", start_ns, 0.0) == pytest.approx(20.0)
    jump = error_of(erring, "power_total", after, 10_000.0) - error_of(erring, "power_total", before, 10_000.0)
    assert jump == pytest.approx(150.0)
    assert error_of(erring, "power_total", start_ns) == pytest.approx(
        20.0 + 0.002 * of(erring, "power_total", start_ns)
    )


def test_indication_scatters_around_truth_and_error_by_its_noise(erring: Truth, start_ns: int) -> None:
    channel = ChannelId("power_total")
    rests = []
    for second in range(3_000):
        t = start_ns + second * NS_PER_SECOND
        expected = erring.true_value(METER, channel, t) + erring.true_error(METER, channel, t)
        rests.append(erring.indication(METER, channel, t) - expected)
    assert statistics.fmean(rests) == pytest.approx(0.0, abs=2.0)
    assert statistics.stdev(rests) == pytest.approx(30.0, rel=0.05)


def test_noise_stays_within_its_bucket_and_changes_with_it(erring: Truth, start_ns: int) -> None:
    channel = ChannelId("power_total")

    def noise(t_ns: int) -> float:
        return (
            erring.indication(METER, channel, t_ns)
            - of(erring, "power_total", t_ns)
            - error_of(erring, "power_total", t_ns)
        )

    assert noise(start_ns) == pytest.approx(noise(start_ns + 999_999_999), abs=0.5)
    assert abs(noise(start_ns) - noise(start_ns + NS_PER_SECOND)) > 0.5


def test_indication_is_a_multiple_of_the_resolution(truth: Truth, start_ns: int) -> None:
    for channel, resolution in (("voltage_l1", 0.1), ("current_l1", 0.001), ("power_total", 0.1), ("frequency", 0.01)):
        steps = truth.indication(METER, ChannelId(channel), start_ns + HOUR) / resolution
        assert steps == pytest.approx(round(steps), abs=1e-6)


PROGRAM = """
import sys
from pathlib import Path
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.truth import Truth
truth = Truth(load_scenario(Path(sys.argv[1]).read_text()))
print([truth.indication("meter", c, int(sys.argv[2])) for c in ("power_total", "energy_import", "voltage_l2")])
"""


def test_another_process_sees_the_same_world(
    erring: Truth, start_ns: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from steelyard.firmware_sim.scenario_file import dump_scenario  # noqa: PLC0415 - only here

    path = tmp_path_factory.mktemp("world") / "scenario.toml"
    path.write_text(dump_scenario(erring.scenario))
    t = start_ns + 77 * HOUR
    command = [sys.executable, "-c", PROGRAM, str(path), str(t)]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    here = [erring.indication(METER, ChannelId(c), t) for c in ("power_total", "energy_import", "voltage_l2")]
    assert there == str(here)


def test_question_about_what_is_not_there_is_refused(truth: Truth, start_ns: int) -> None:
    with pytest.raises(TruthError, match="nobody: no such instrument; there are meter"):
        truth.true_value(InstrumentId("nobody"), ChannelId("power_total"), start_ns)
    with pytest.raises(TruthError, match="meter/pressure: no such channel in profile sdm630"):
        truth.true_error(METER, ChannelId("pressure"), start_ns)


STORY = """
[instrument.story]
label = "drift"
channel = "pressure"
test_point = 1.0
mpe = 0.008
[instrument.measurand.pressure]
zero = { drift_per_year = 0.01461 }
"""


def test_story_tells_when_the_error_leaves_its_limit(five_text: str, start_ns: int) -> None:
    text = five_text.replace('process = "line"\n\n[[pair]]', f'process = "line"\n{STORY}\n[[pair]]')
    truth = Truth(load_scenario(text))
    # 0.01461 MPa a Julian year is 0.00004 MPa a day: 0.008 MPa on day 200.
    (before,) = truth.stories(start_ns + 150 * NS_PER_DAY)
    assert before.instrument == GAUGE
    assert before.error == pytest.approx(0.006, rel=1e-9)
    assert before.error_over_mpe == pytest.approx(0.75)
    assert before.rate_per_year == pytest.approx(0.01461)
    assert before.out_since_ns is None
    assert before.crosses_ns == pytest.approx(start_ns + 200 * NS_PER_DAY, abs=2 * NS_PER_SECOND)
    (after,) = truth.stories(start_ns + 230 * NS_PER_DAY)
    assert after.crosses_ns is None
    assert after.out_since_ns == before.crosses_ns
    (long_before,) = truth.stories(start_ns - 3_000 * NS_PER_DAY)
    assert long_before.crosses_ns is None
