"""Deadlines are absolute, none is kept twice, and each is kept or counted as missed. All in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.clock import ClockSettings, ScaledClock
from steelyard.edge.schedule import NS, Schedule, Segment, caught_up_ns, make_schedule, stagger_ns

MS = 1_000_000


def steady(period_ns: int = 100 * MS, start_ns: int = 0) -> Schedule:
    segment = Segment(first_round=0, start_ns=start_ns, period_ns=period_ns, clock_period_ns=period_ns)
    return Schedule(segments=(segment,))


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
    st.integers(1, 40),
    st.integers(5 * MS, 500 * MS),
)
def test_every_deadline_is_kept_once_or_counted_once(
    durations: list[int], period_ns: int, offset_ns: int, first_rounds: int, first_period_ns: int
) -> None:
    """However long the polls take, in one segment or across two."""
    second_start = 7 * MS + first_rounds * first_period_ns + 3 * MS
    schedule = Schedule(
        segments=(
            Segment(first_round=0, start_ns=7 * MS, period_ns=first_period_ns, clock_period_ns=NS),
            Segment(first_round=first_rounds, start_ns=second_start, period_ns=period_ns, clock_period_ns=period_ns),
        )
    )
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
    schedule = make_schedule(now_ns=55, wall_ns=wall, period_ns=NS, simulated_period_ns=NS, clock=None)
    first_wall = wall + schedule.deadline_ns(0) - 55
    assert first_wall % NS == 0
    assert 0 < first_wall - wall <= NS


def test_a_scaled_clock_is_polled_fast_until_it_has_caught_up_and_true_afterwards() -> None:
    wall = 1_790_000_000_000_000_000
    two_years = 2 * 365 * 86_400 * NS
    clock = ClockSettings(simulated_from_ns=wall - two_years, wall_from_ns=wall, rate=876_000.0)
    six_hours = 6 * 3600 * NS
    schedule = make_schedule(now_ns=0, wall_ns=wall, period_ns=NS, simulated_period_ns=six_hours, clock=clock)
    fast, true = schedule.segments
    assert fast.period_ns == int(six_hours / 876_000)  # 24.66 ms
    assert fast.clock_period_ns == six_hours
    assert true.first_round == two_years // six_hours
    assert true.period_ns == NS
    assert schedule.deadline_ns(true.first_round - 1) < caught_up_ns(clock) - wall <= true.start_ns
    assert true.start_ns - (caught_up_ns(clock) - wall) <= NS


def test_the_instant_of_catching_up_is_the_clocks_own() -> None:
    settings = ClockSettings(simulated_from_ns=10**18, wall_from_ns=10**18 + 7 * 10**15, rate=1234.5)
    instant = caught_up_ns(settings)

    class Wall:
        def __init__(self, now: int) -> None:
            self.now = now

        def now_ns(self) -> int:
            return self.now

    named = {"simulated_from_ns": 10**18, "wall_from_ns": 10**18 + 7 * 10**15, "rate": 1234.5}
    assert ScaledClock(Wall(instant + 1000), **named).caught_up
    assert not ScaledClock(Wall(instant - 1000), **named).caught_up


def test_a_scaled_clock_that_has_caught_up_leaves_one_true_segment() -> None:
    clock = ClockSettings(simulated_from_ns=10**18, wall_from_ns=10**18 + 10**12, rate=1000.0)
    schedule = make_schedule(now_ns=0, wall_ns=10**18 + 10**13, period_ns=NS, simulated_period_ns=60 * NS, clock=clock)
    assert len(schedule.segments) == 1
    assert schedule.segments[0].period_ns == NS


def test_neighbours_are_staggered_but_never_beyond_the_period() -> None:
    assert stagger_ns(instruments=50, period_ns=NS, step_ns=2 * MS) == 2 * MS
    assert stagger_ns(instruments=50, period_ns=25 * MS, step_ns=2 * MS) == 500_000
    assert stagger_ns(instruments=1, period_ns=NS, step_ns=0) == 0
