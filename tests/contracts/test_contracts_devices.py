"""Spans of days: the first day belongs to one, the last to the next, and no day to two."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.devices import FIRST_DAY, Ownership, held_on, holds, overlap, span_text

_DAYS = st.integers(0, 40).map(lambda n: date(2026, 1, 1) + timedelta(days=n))
_SPANS = st.builds(
    lambda since, length: owned(since, None if length is None else since + timedelta(days=length)),
    _DAYS,
    st.none() | st.integers(1, 20),
)


def owned(since: date, until: date | None = None) -> Ownership:
    return Ownership(instrument="pt-1", organization="hengyuan", since=since, until=until)


def test_the_first_day_belongs_to_it_and_the_last_to_the_next() -> None:
    one = owned(date(2026, 3, 1), date(2026, 6, 1))
    assert [holds(one, day) for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 5, 31), date(2026, 6, 1))] == [
        False,
        True,
        True,
        False,
    ]
    assert not overlap(one, owned(date(2026, 6, 1)))
    assert overlap(one, owned(date(2026, 5, 31)))


@given(_SPANS, _SPANS)
def test_two_overlap_exactly_when_a_day_has_both(one: Ownership, other: Ownership) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(80)]
    assert overlap(one, other) == overlap(other, one) == any(holds(one, day) and holds(other, day) for day in days)


def test_the_one_that_holds_is_found() -> None:
    spans = [owned(FIRST_DAY, date(2026, 6, 1)), owned(date(2026, 6, 1), date(2026, 7, 1))]
    assert held_on(spans, date(2026, 5, 31)) is spans[0]
    assert held_on(spans, date(2026, 6, 1)) is spans[1]
    assert held_on(spans, date(2026, 7, 1)) is None


def test_a_span_is_said_in_words() -> None:
    assert span_text(owned(FIRST_DAY)) == "from the beginning on"
    assert span_text(owned(date(2026, 3, 1), date(2026, 6, 1))) == "from 2026-03-01 until 2026-06-01"
