"""Reading pairs and seal counters: complete days, bad qualities, low load, cursors."""

from dataclasses import replace

import numpy as np
import pytest
from calibration.cases import DAY_NS, legal, ns
from calibration.memory_ports import MemoryReadings

from steelyard.calibration.errors import ObservationError
from steelyard.calibration.mpe import MaximumPermissibleError, Relative
from steelyard.calibration.observing import observe_pair, observe_seal, usable_pairs
from steelyard.calibration.ports import Cursor
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.contracts.registry import Channel

H = 3600 * 10**9
START = ns(2026, 11, 1, 0)
NOW = ns(2026, 11, 21)
SETTINGS = CalibrationSettings()
PRESSURE = Channel(instrument="pt-1", id="pressure", quantity="pressure", unit="MPa", resolution=0.0001)
PAIR = ReferencePair(
    instrument="pt-1",
    channel="pressure",
    reference_instrument="pg-1",
    reference_channel="pressure",
    expanded_uncertainty=0.0008,
)


def hours(count, start=START):
    return start + np.arange(count, dtype=np.int64) * H


def stores(error=0.002, count=100, reference_count=None):
    readings = MemoryReadings()
    t = hours(count)
    process = 0.8 + 0.1 * np.sin(np.arange(count))
    readings.put("pt-1", "pressure", t, process + error)
    keep = slice(0, count if reference_count is None else reference_count)
    readings.put("pg-1", "pressure", t[keep] + 5_000_000, process[keep])
    return readings


def observe(readings, cursor=None, *, pair=PAIR, status=None, channel=PRESSURE, now=NOW, settings=SETTINGS):
    seen, last = [], cursor
    for observations, moved in observe_pair(
        pair, status or legal(), channel, readings, cursor, now_ns=now, settings=settings
    ):
        seen.extend(observations)
        last = moved
    return seen, last


def test_each_complete_day_is_one_observation_free_of_the_process():
    seen, cursor = observe(stores())
    assert len(seen) == 4
    assert [one.error for one in seen] == pytest.approx([0.002] * 4)
    assert all(START + i * DAY_NS <= one.t_ns < START + (i + 1) * DAY_NS for i, one in enumerate(seen))
    assert cursor == Cursor(name="pair/pt-1/pressure", position_ns=START + 4 * DAY_NS)
    assert {one.unit for one in seen} == {"MPa"}
    assert seen[0].test_point == pytest.approx(0.8, abs=0.05)


def test_a_day_waits_until_both_channels_have_gone_beyond_it():
    seen, cursor = observe(stores(reference_count=50))
    assert len(seen) == 2
    assert cursor is not None
    assert cursor.position_ns == START + 2 * DAY_NS


def test_from_the_cursor_on_nothing_is_read_twice():
    readings = stores()
    _, cursor = observe(readings, now=START + 2 * DAY_NS + H)
    seen, _ = observe(readings, cursor)
    assert [one.t_ns // DAY_NS for one in seen] == [(START // DAY_NS) + 2, (START // DAY_NS) + 3]
    assert observe(readings, observe(readings, cursor)[1])[0] == []


def test_what_claims_to_be_of_the_future_waits():
    assert observe(stores(), now=START + DAY_NS + H)[0][-1].t_ns < START + DAY_NS


def test_without_readings_there_is_nothing_and_no_cursor():
    assert observe(MemoryReadings()) == ([], None)


def test_bad_quality_and_missing_values_are_left_out():
    readings = stores()
    series = readings.channels["pt-1", "pressure"]
    series.status[5:15] = 5
    series.value[5:15] = 99.0
    series.value[20:22] = np.nan
    assert [one.error for one in observe(readings)[0]] == pytest.approx([0.002] * 4)


def test_a_day_of_too_few_good_readings_is_passed_over():
    readings = stores()
    readings.channels["pt-1", "pressure"].status[24:46] = 1
    seen, cursor = observe(readings)
    assert len(seen) == 3
    assert cursor is not None
    assert cursor.position_ns == START + 4 * DAY_NS


def test_readings_without_scatter_have_an_uncertainty_from_their_resolution():
    (one, *_) = observe(stores())[0]
    assert one.standard_uncertainty == pytest.approx(0.0001 / np.sqrt(12.0), rel=1e-6)
    (exact, *_) = observe(stores(), channel=replace(PRESSURE, resolution=0.0))[0]
    assert exact.standard_uncertainty is None or exact.standard_uncertainty < 1e-15


METER = legal(
    instrument="em-1",
    channel="power_total",
    mpe=MaximumPermissibleError(unit="W", rule=Relative(percent=1.0), source="t"),
    range_low=0.0,
    range_high=100_000.0,
)
POWER = Channel(instrument="em-1", id="power_total", quantity="power", unit="W", resolution=1.0)
METER_PAIR = ReferencePair(
    instrument="em-1",
    channel="power_total",
    reference_instrument="em-1c",
    reference_channel="power_total",
    expanded_uncertainty=0.1,
    relative=True,
)


def meter(power):
    readings = MemoryReadings()
    t = hours(power.size)
    readings.put("em-1", "power_total", t, power * 1.015)
    readings.put("em-1c", "power_total", t, power)
    return readings


def test_a_meters_error_is_relative_and_low_load_is_not_looked_at():
    power = np.full(50, 40_000.0)
    power[::2] = 4_999.0
    readings = meter(power)
    readings.channels["em-1", "power_total"].value[::2] = 0.0
    seen, _ = observe(readings, pair=METER_PAIR, status=METER, channel=POWER)
    assert [one.error for one in seen] == pytest.approx([1.5, 1.5])
    assert {one.unit for one in seen} == {"%"}
    assert [one.test_point for one in seen] == pytest.approx([40_000.0] * 2)


def test_a_relative_pair_needs_the_measuring_range():
    with pytest.raises(ObservationError, match="range_high"):
        observe(meter(np.ones(50)), pair=METER_PAIR, status=replace(METER, range_low=None, range_high=None))


def test_the_pair_of_an_energy_counter_is_not_used_and_the_best_reference_is():
    energy = replace(METER_PAIR, channel="energy_import", reference_channel="energy_import")
    worse = replace(METER_PAIR, reference_instrument="em-0", expanded_uncertainty=0.5)
    stranger = replace(PAIR, instrument="pt-9")
    assert usable_pairs([energy, worse, METER_PAIR, stranger], {"em-1": METER}) == {"em-1": METER_PAIR}


def test_dense_backlog_is_read_in_pieces_and_gives_the_same():
    count = 30 * 24
    rng = np.random.default_rng(1)
    process, error = rng.normal(0.8, 0.1, count), rng.normal(0.002, 0.0002, count)
    readings = MemoryReadings()
    readings.put("pt-1", "pressure", hours(count, START - 30 * DAY_NS), process + error)
    readings.put("pg-1", "pressure", hours(count, START - 30 * DAY_NS), process)
    at_once, _ = observe(readings, settings=CalibrationSettings(backlog_days=60))
    daily, cursor = [], None
    for day in range(-29, 3):
        seen, cursor = observe(
            readings, cursor, now=START + day * DAY_NS, settings=CalibrationSettings(backlog_days=60)
        )
        daily += seen
    assert [one.t_ns for one in daily] == [one.t_ns for one in at_once]
    assert [one.error for one in daily] == pytest.approx([one.error for one in at_once])


def seal(values, cursor=None, status=0):
    readings = MemoryReadings()
    t = hours(len(values))
    readings.put("ws-1", "seal", t, np.asarray(values, float), status)
    return observe_seal("ws-1", "seal", readings, cursor)


def test_the_first_count_is_where_counting_begins():
    assert seal([3.0]) == (None, Cursor(name="seal/ws-1", position_ns=START, value=3.0))


def test_a_risen_count_is_an_opening():
    found = seal([3.0, 3.0, 5.0], Cursor(name="seal/ws-1", position_ns=START, value=3.0))
    assert found is not None
    opening, cursor = found
    assert opening is not None
    assert (opening.before, opening.after, opening.t_ns) == (3, 5, START + 2 * H)
    assert cursor.value == 5.0


def test_an_unchanged_count_is_nothing_new():
    assert seal([3.0, 3.0], Cursor(name="seal/ws-1", position_ns=START, value=3.0)) is None


def test_a_fallen_count_begins_anew_without_an_opening():
    found = seal([3.0, 1.0], Cursor(name="seal/ws-1", position_ns=START, value=3.0))
    assert found == (None, Cursor(name="seal/ws-1", position_ns=START + H, value=1.0))


@pytest.mark.parametrize(("values", "status"), [([4.0], 3), ([np.nan], 0)])
def test_a_count_that_was_not_read_says_nothing(values, status):
    assert seal(values, Cursor(name="seal/ws-1", position_ns=START, value=3.0), status) is None
    assert observe_seal("ws-1", "seal", MemoryReadings(), None) is None
