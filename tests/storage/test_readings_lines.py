"""InfluxDB's lines and the embedded store's rows: golden bytes, and back."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.reading import Quality
from steelyard.storage.readings.lines import STEP, frames_to_lines, mark, status_of
from steelyard.storage.readings.packing import BucketSums, merge, pack_block, pack_row, unpack_row
from steelyard.storage.readings.port import Series

T0 = 1_790_000_000_000_000_000
TWO_100 = b"1.2676506002282294e30"


def test_golden_a_live_round_is_one_line_an_instrument(block: Callable, frame: Callable) -> None:
    lines = frames_to_lines(
        [
            frame(
                block("em-1", ["voltage_l1", "current_l1"], [T0], [[230.1], [-0.0]]),
                block("tt-1", ["temperature"], [T0 + 1, T0 + 2], [[1e22, 5e-324]]),
            )
        ]
    )
    assert list(lines) == [
        b"readings,instrument=em-1 voltage_l1.v=230.1,current_l1.v=-0.0 1790000000000000000",
        b"readings,instrument=tt-1 temperature.v=1e22 1790000000000000001",
        b"readings,instrument=tt-1 temperature.v=5e-324 1790000000000000002",
    ]


def test_golden_what_is_not_plainly_good_is_a_mark(block: Callable, frame: Callable) -> None:
    (line,) = frames_to_lines(
        [frame(block("em-1", ["a", "b", "c", "d"], [T0], [[1.5], [None], [612.5], [-STEP]], [[0], [1], [5], [0]]))]
    )
    assert line == (
        b"readings,instrument=em-1 a.v=1.5,b.v=-2.535301200456459e30,c.v=-7.605903601369376e30,c.f=612.5,"
        b"d.v=-" + TWO_100 + b",d.f=-" + TWO_100 + b" 1790000000000000000"
    )


@given(st.integers(0, 200))
def test_a_mark_names_its_status_exactly(status: int) -> None:
    assert status_of(mark(status)) == status
    assert mark(status) <= -STEP
    assert float(repr(mark(status))) == mark(status)


@pytest.mark.parametrize("name", ["", "a\nb", "a\\"])
def test_a_name_that_no_line_can_hold_is_refused(block: Callable, frame: Callable, name: str) -> None:
    with pytest.raises(ValueError, match="grammar of identifiers"):
        list(frames_to_lines([frame(block(name, ["a"], [T0], [[1.0]]))]))


def test_golden_a_row_of_good_values_is_their_doubles(block: Callable) -> None:
    ((t, row),) = pack_block(block("em-1", ["a", "b"], [T0], [[1.0], [-2.0]]))
    assert (t, row.hex()) == (T0, "000000000000f03f" + "00000000000000c0")


def test_golden_statuses_stand_behind_the_doubles(block: Callable) -> None:
    rows = dict(pack_block(block("em-1", ["a", "b"], [T0, T0 + 1], [[1.0, 2.0], [None, 3.0]], [[0, 0], [1, 0]])))
    assert rows[T0].hex() == "000000000000f03f" + "000000000000f87f" + "0001"
    assert rows[T0 + 1].hex() == "0000000000000040" + "0000000000000840"


@given(
    st.lists(st.tuples(st.none() | st.floats(allow_nan=False), st.sampled_from(list(Quality))), min_size=1, max_size=9)
)
def test_a_row_comes_back_as_it_was(readings: list) -> None:
    values, statuses = unpack_row(pack_row([v for v, _ in readings], [q for _, q in readings]), len(readings))
    assert [None if math.isnan(value) else value for value in values] == [value for value, _ in readings]
    assert statuses == [int(quality) for _, quality in readings]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.floats(-1e6, 1e6)), min_size=1, unique_by=lambda each: each[0]),
    st.integers(1, 50),
)
def test_summing_piece_by_piece_is_summing_at_once(readings: list, cut: int) -> None:
    readings.sort()
    t = np.array([at for at, _ in readings], np.int64)
    value = np.array([number for _, number in readings])
    status = np.zeros(len(t), np.int16)
    sums = BucketSums(start_ns=0, width_ns=7, count=15)
    for part in (slice(None, cut), slice(cut, None)):
        sums.add(Series(t=t[part], value=value[part], status=status[part]))

    buckets = sums.buckets()

    for start, mean, low, high, count in zip(
        buckets.start, buckets.mean, buckets.minimum, buckets.maximum, buckets.count, strict=True
    ):
        inside = value[(t >= start) & (t < start + 7)]
        assert (low, high, count) == (inside.min(), inside.max(), len(inside))
        assert mean == pytest.approx(inside.mean(), abs=1e-6)
    assert buckets.count.sum() == len(t)


def test_series_of_several_layouts_are_one() -> None:
    first = Series(t=np.array([1, 3]), value=np.array([1.0, 3.0]), status=np.array([0, 0], np.int16))
    second = Series(t=np.array([2, 3]), value=np.array([2.0, 3.0]), status=np.array([5, 0], np.int16))
    merged = merge([first, second])
    assert (merged.t.tolist(), merged.value.tolist(), merged.status.tolist()) == ([1, 2, 3], [1.0, 2.0, 3.0], [0, 5, 0])
    assert len(merge([])) == 0
