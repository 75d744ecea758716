"""What every readings store does: the same tests on embedded SQLite and on a real InfluxDB 2."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import FIXTURE_SHARED_BY_EXAMPLES, examples

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.contracts.reading import WITHOUT_VALUE, Quality
from steelyard.storage.readings import ReadingsStore, Sample, open_readings
from steelyard.storage.readings.port import COUNTED, MAX_BUCKETS

T0 = 1_790_000_000_000_000_000
S = 1_000_000_000
EM, TT = InstrumentId("em-1"), InstrumentId("tt-1")
U, I = ChannelId("voltage_l1"), ChannelId("current_l1")  # noqa: E741 - the symbols of voltage and current
FOREVER = (0, 2**63 - 1)


def test_what_was_written_is_read_back_in_order_of_time(
    readings: ReadingsStore, block: Callable, frame: Callable
) -> None:
    readings.write([frame(block(EM, [U, I], [T0 + 2 * S], [[230.2], [5.2]]), seq=2)])
    readings.write([frame(block(EM, [U, I], [T0, T0 + S], [[230.0, 230.1], [5.0, 5.1]]))])

    series = readings.series(EM, U, *FOREVER)

    assert series.t.tolist() == [T0, T0 + S, T0 + 2 * S]
    assert series.value.tolist() == [230.0, 230.1, 230.2]
    assert series.status.tolist() == [0, 0, 0]
    assert (series.t.dtype, series.value.dtype, series.status.dtype) == (np.int64, np.float64, np.int16)
    assert readings.series(EM, I, *FOREVER).value.tolist() == [5.0, 5.1, 5.2]


def test_nanoseconds_are_kept(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    times = [T0 + 1, T0 + 2, T0 + 123_456_789]
    readings.write([frame(block(EM, [U], times, [[1.0, 2.0, 3.0]]))])

    assert readings.series(EM, U, *FOREVER).t.tolist() == times


def test_writing_again_changes_nothing(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    frames = [frame(block(EM, [U], [T0 + n * S], [[230.0 + n]], [[0]]), seq=n + 1) for n in range(5)]

    readings.write(frames)
    readings.write(frames[2:])
    readings.write(frames)

    assert readings.series(EM, U, *FOREVER).value.tolist() == [230.0, 231.0, 232.0, 233.0, 234.0]


def test_a_reading_at_the_same_time_overwrites(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    readings.write([frame(block(EM, [U, I], [T0], [[1.0], [10.0]])), frame(block(EM, [U, I], [T0], [[2.0], [20.0]]))])
    readings.write([frame(block(EM, [U, I], [T0], [[3.0], [30.0]]))])

    assert readings.series(EM, U, *FOREVER).value.tolist() == [3.0]
    assert readings.series(EM, I, *FOREVER).value.tolist() == [30.0]


@pytest.mark.parametrize("first", sorted(Quality))
@pytest.mark.parametrize("second", sorted(Quality))
def test_the_last_write_decides_whether_there_is_a_value(
    readings: ReadingsStore, block: Callable, frame: Callable, first: Quality, second: Quality
) -> None:
    for value, quality in ((612.5, first), (613.5, second)):
        readings.write([frame(block(EM, [U], [T0], [[None if quality in WITHOUT_VALUE else value]], [[quality]]))])

    series = readings.series(EM, U, *FOREVER)
    expected = None if second in WITHOUT_VALUE else 613.5
    assert series.status.tolist() == [second]
    assert (None if math.isnan(series.value[0]) else series.value[0]) == expected
    assert readings.latest(EM)[U] == Sample(t=T0, value=expected, status=second)
    assert readings.buckets(EM, U, T0, T0 + S, 1).count.tolist() == ([1] if second in COUNTED else [])


def test_a_channel_set_may_change_and_overlap(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    p = ChannelId("power")
    readings.write([frame(block(EM, [U, I], [T0, T0 + S], [[1.0, 2.0], [10.0, 20.0]]))])
    readings.write([frame(block(EM, [p, U], [T0 + S, T0 + 2 * S], [[200.0, 300.0], [2.5, 3.0]]))])

    assert readings.series(EM, U, *FOREVER).t.tolist() == [T0, T0 + S, T0 + 2 * S]
    assert readings.series(EM, U, *FOREVER).value.tolist() == [1.0, 2.5, 3.0]
    assert readings.series(EM, I, *FOREVER).value.tolist() == [10.0, 20.0]
    assert readings.series(EM, p, *FOREVER).value.tolist() == [200.0, 300.0]
    assert readings.buckets(EM, U, T0, T0 + 3 * S, 1).count.tolist() == [3]

    readings.write([frame(block(EM, [U, I], [T0 + S], [[None], [21.0]], [[1], [0]]))])

    series = readings.series(EM, U, *FOREVER)
    assert series.status.tolist() == [0, 1, 0]
    assert math.isnan(series.value[1])
    assert readings.series(EM, p, *FOREVER).value.tolist() == [200.0, 300.0]


def test_overlapping_channel_sets_in_one_batch(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    readings.write(
        [
            frame(block(EM, [U, I], [T0], [[1.0], [10.0]])),
            frame(block(EM, [U], [T0], [[2.0]]), seq=2),
            frame(block(EM, [I, U], [T0], [[30.0], [3.0]]), seq=3),
            frame(block(EM, [U], [T0], [[4.0]]), seq=4),
        ]
    )

    assert readings.series(EM, U, *FOREVER).value.tolist() == [4.0]
    assert readings.series(EM, I, *FOREVER).value.tolist() == [30.0]
    assert readings.latest(EM)[U].value == 4.0


def test_ranges_are_half_open(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    readings.write([frame(block(EM, [U], [T0, T0 + 1, T0 + 2, T0 + 3], [[0.0, 1.0, 2.0, 3.0]]))])

    assert readings.series(EM, U, T0 + 1, T0 + 3).value.tolist() == [1.0, 2.0]
    assert len(readings.series(EM, U, T0 + 1, T0 + 1)) == 0
    assert len(readings.series(EM, U, T0 + 3, T0)) == 0
    assert readings.buckets(EM, U, T0 + 1, T0 + 3, 1).count.tolist() == [2]


def test_what_nobody_wrote_is_empty(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    assert len(readings.series(EM, U, *FOREVER)) == 0
    assert len(readings.buckets(EM, U, T0, T0 + S, 10)) == 0
    assert readings.latest(EM) == {}
    readings.write([])
    readings.write([frame()])
    readings.write([frame(block(EM, [U], [T0], [[1.0]]))])
    assert len(readings.series(TT, U, *FOREVER)) == 0
    assert len(readings.series(EM, I, *FOREVER)) == 0
    assert len(readings.buckets(EM, I, T0, T0 + S, 10)) == 0
    assert readings.latest(TT) == {}


def test_instruments_are_kept_apart(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    readings.write([frame(block(EM, [U], [T0], [[230.0]]), block(TT, [U], [T0], [[24.0]]))])

    assert readings.series(EM, U, *FOREVER).value.tolist() == [230.0]
    assert readings.series(TT, U, *FOREVER).value.tolist() == [24.0]
    assert readings.latest(TT) == {U: Sample(t=T0, value=24.0, status=Quality.GOOD)}


def test_latest_is_each_channels_youngest_reading(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    readings.write([frame(block(EM, [U, I], [T0 + 5 * S], [[230.0], [None]], [[0], [1]]))])
    readings.write([frame(block(EM, [U], [T0 + 7 * S], [[999.0]], [[5]]), seq=2)])
    readings.write([frame(block(EM, [U, I], [T0], [[1.0], [2.0]]), seq=3)])  # an old frame, late

    assert readings.latest(EM) == {
        U: Sample(t=T0 + 7 * S, value=999.0, status=Quality.OUT_OF_RANGE),
        I: Sample(t=T0 + 5 * S, value=None, status=Quality.NO_REPLY),
    }


def test_buckets_summarize_equal_spans_and_leave_out_empty_ones(
    readings: ReadingsStore, block: Callable, frame: Callable
) -> None:
    start = T0 + 7  # no multiple of the width
    times = [start, start + 1, start + 9, start + 30, start + 39]
    readings.write([frame(block(EM, [U], times, [[1.0, 2.0, 6.0, 10.0, 20.0]]))])

    buckets = readings.buckets(EM, U, start, start + 40, 4)

    assert buckets.start.tolist() == [start, start + 30]
    assert buckets.mean.tolist() == pytest.approx([3.0, 15.0])
    assert buckets.minimum.tolist() == [1.0, 10.0]
    assert buckets.maximum.tolist() == [6.0, 20.0]
    assert buckets.count.tolist() == [3, 2]


def test_buckets_count_good_values_only(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    readings.write(
        [
            frame(
                block(
                    EM,
                    [U],
                    [T0 + n for n in range(5)],
                    [[1.0, None, 9999.0, 3.0, 8888.0]],
                    [[0, Quality.NO_REPLY, Quality.OUT_OF_RANGE, Quality.CLOCK_UNSYNCED, Quality.INSTRUMENT_FAULT]],
                )
            )
        ]
    )

    buckets = readings.buckets(EM, U, T0, T0 + 10, 1)

    assert (buckets.count.tolist(), buckets.mean.tolist()) == ([2], pytest.approx([2.0]))
    assert (buckets.minimum.tolist(), buckets.maximum.tolist()) == ([1.0], [3.0])


@pytest.mark.parametrize("count", [0, -1, MAX_BUCKETS + 1])
def test_a_senseless_number_of_buckets_is_refused(readings: ReadingsStore, count: int) -> None:
    with pytest.raises(ValueError, match="must be 1 to 100000 buckets"):
        readings.buckets(EM, U, T0, T0 + S, count)


@pytest.mark.parametrize(
    "name",
    [
        "0",
        "a",
        "time",
        "instrument",
        "readings",
        "select",
        "a-b_c",
        "a" * 63,
        "1e5",
        "value_v",
        "null",
        "_a b=c,d\"e'f${x}",
    ],
)
def test_any_name_can_be_an_instrument_and_a_channel(
    readings: ReadingsStore, block: Callable, frame: Callable, name: str
) -> None:
    """The last one no parser lets through; a store does not rely on that."""
    instrument, channel = InstrumentId(name), ChannelId(name)
    readings.write([frame(block(name, [name, "other"], [T0, T0 + 1], [[1.0, None], [2.0, 3.0]], [[0, 1], [0, 0]]))])

    assert readings.series(instrument, channel, *FOREVER).status.tolist() == [0, 1]
    assert readings.buckets(instrument, channel, T0, T0 + 2, 2).mean.tolist() == [1.0]
    assert readings.latest(instrument)[channel] == Sample(t=T0 + 1, value=None, status=Quality.NO_REPLY)


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        -0.0,
        5e-324,
        1.7976931348623157e308,
        -1.7976931348623157e308,
        0.1,
        1e22,
        -(2.0**100),
        -(2.0**101),
        -1e30,
        1 / 3,
    ],
)
def test_every_finite_number_comes_back_bit_for_bit(
    readings: ReadingsStore, block: Callable, frame: Callable, value: float
) -> None:
    readings.write([frame(block(EM, [U], [T0], [[value]]))])

    (found,) = readings.series(EM, U, *FOREVER).value
    assert found.hex() == value.hex()
    latest = readings.latest(EM)[U]
    assert (latest.value, latest.status) == (value, Quality.GOOD)


_fresh = itertools.count()
_finite = st.floats(allow_nan=False, allow_infinity=False)
_readings = st.sampled_from(sorted(Quality)).flatmap(
    lambda quality: st.tuples(st.none() if quality in WITHOUT_VALUE else _finite, st.just(int(quality)))
)


@settings(max_examples=examples(25), suppress_health_check=FIXTURE_SHARED_BY_EXAMPLES)
@given(written=st.lists(st.tuples(st.integers(0, 5), st.lists(_readings, min_size=2, max_size=2)), max_size=12))
def test_a_store_is_a_dictionary_of_readings(
    readings: ReadingsStore, block: Callable, frame: Callable, written: list
) -> None:
    """Model: whatever is written, in whatever order, with whatever quality, the last reading of an instant stands."""
    instrument = InstrumentId(f"m-{next(_fresh)}")
    model: dict[int, list[tuple[float | None, int]]] = {}
    for at, pair in written:
        readings.write(
            [frame(block(instrument, [U, I], [T0 + at], [[pair[0][0]], [pair[1][0]]], [[pair[0][1]], [pair[1][1]]]))]
        )
        model[T0 + at] = pair

    for place, channel in enumerate((U, I)):
        series = readings.series(instrument, channel, *FOREVER)
        found = [
            (t, None if math.isnan(value) else value, status)
            for t, value, status in zip(series.t.tolist(), series.value.tolist(), series.status.tolist(), strict=True)
        ]
        assert found == [(t, *model[t][place]) for t in sorted(model)]


@pytest.mark.slow
def test_a_hundred_thousand_points(readings: ReadingsStore, block: Callable, frame: Callable) -> None:
    n = 100_000
    frames = [
        frame(
            block(
                EM,
                [U, I],
                [T0 + k * S for k in range(first, first + 100)],
                [[k % 977 / 8 for k in range(first, first + 100)], [1.0] * 100],
            )
        )
        for first in range(0, n, 100)
    ]
    for first in range(0, len(frames), 100):
        readings.write(frames[first : first + 100])

    series = readings.series(EM, U, T0, T0 + n * S)
    expected = np.arange(n) % 977 / 8
    assert np.array_equal(series.t, T0 + np.arange(n) * S)
    assert np.array_equal(series.value, expected)

    buckets = readings.buckets(EM, U, T0, T0 + n * S, 1000)
    assert buckets.count.tolist() == [100] * 1000
    assert buckets.mean == pytest.approx(expected.reshape(1000, 100).mean(axis=1), rel=1e-12)
    assert np.array_equal(buckets.minimum, expected.reshape(1000, 100).min(axis=1))
    assert np.array_equal(buckets.maximum, expected.reshape(1000, 100).max(axis=1))


def test_a_second_handle_sees_what_the_first_wrote(
    readings: ReadingsStore, readings_url: str, block: Callable, frame: Callable
) -> None:
    second = open_readings(readings_url)
    try:
        second.check()
        readings.write([frame(block(EM, [U], [T0], [[230.0]]))])
        assert second.series(EM, U, *FOREVER).value.tolist() == [230.0]
        second.write([frame(block(EM, [U, I], [T0], [[231.0], [5.0]]))])
        assert readings.series(EM, U, *FOREVER).value.tolist() == [231.0]
    finally:
        second.close()
        second.close()


def test_the_name_of_the_store_keeps_its_secret(readings: ReadingsStore, readings_url: str) -> None:
    assert "token" not in readings.url
    assert readings.url.split("&token")[0].rstrip("/") == readings.url or readings.url == readings_url
