"""Deadlines are absolute, none is kept twice, and each is kept or counted as missed. All in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from steelyard.edge.schedule import NS, Schedule, make_schedule, stagger_ns

MS = 1_000_000


def steady(period_ns: int = 100 * MS, start_ns: int = 0) -> Schedule:
    return Schedule(start_ns=start_ns, period_ns=period_ns)


def test_deadlines_do_not_drift_with_the_work() -> None:
    schedule = steady()
    now, number, starts = 0, 0, []
    for _ in range(1000):
        now = max(now, schedule.deadline_ns(number))
        starts.append(now)
        now += 37 * MS  # the work
        following = schedule.following(number, now)
        assert following.missed == 0
        number = following.round
    assert starts == [place * 100 * MS for place in range(1000)]


def test_a_poll_longer_than_the_period_misses_and_counts() -> None:
    schedule = steady()
    # Round 3, due at 300, ends at 730: 4, 5 and 6 passed by, 7 is done at once.
    assert schedule.following(3, 730 * MS).round == 7
    assert schedule.following(3, 730 * MS).missed == 3


def test_a_poll_a_little_longer_than_the_period_is_kept_late() -> None:
    following = steady().following(3, 430 * MS)
    assert (following.round, following.missed) == (4, 0)


@given(
    st.lists(st.integers(0, 2_000 * MS), min_size=1, max_size=60),
    st.integers(5 * MS, 3_000 * MS),
    st.integers(0, 5 * MS),
)
def test_every_deadline_is_kept_once_or_counted_once(durations: list[int], period_ns: int, offset_ns: int) -> None:
    """However long the polls take."""
    schedule = steady(period_ns, start_ns=7 * MS)
    now = 0
    number = schedule.latest_due(now, offset_ns) + 1
    assert number == 0
    kept, missed = [], 0
    for duration in durations:
        due = schedule.deadline_ns(number, offset_ns)
        now = max(now, due)
        kept.append(number)
        now += duration
        following = schedule.following(number, now, offset_ns)
        assert following.round > number
        missed += following.missed
        number = following.round
    assert len(kept) + missed == number
    assert len(set(kept)) == len(kept)


@given(st.integers(0, 10**12), st.integers(1, 10**10), st.integers(0, 10**9))
def test_the_latest_due_round_is_the_last_one_whose_deadline_has_come(now: int, period: int, offset: int) -> None:
    schedule = steady(period, start_ns=1000)
    latest = schedule.latest_due(now, offset)
    assert latest >= -1
    if latest >= 0:
        assert schedule.deadline_ns(latest, offset) <= now
    assert schedule.deadline_ns(latest + 1, offset) > now


def test_true_deadlines_fall_on_multiples_of_the_period() -> None:
    """So gateways, and one gateway before and after a restart, poll at the same instants."""
    wall = 1_790_000_000_123_456_789
    schedule = make_schedule(now_ns=55, wall_ns=wall, period_ns=NS)
    first_wall = wall + schedule.deadline_ns(0) - 55
    assert first_wall % NS == 0
    assert 0 < first_wall - wall <= NS


def test_neighbours_are_staggered_but_never_beyond_the_period() -> None:
    assert stagger_ns(instruments=50, period_ns=NS, step_ns=2 * MS) == 2 * MS
    assert stagger_ns(instruments=50, period_ns=25 * MS, step_ns=2 * MS) == 500_000
    assert stagger_ns(instruments=1, period_ns=NS, step_ns=0) == 0
