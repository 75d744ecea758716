"""When to poll: absolute deadlines.

A loop that sleeps after its work drifts by the work's duration (2 to 5 % measured). Here round `k` is due at ``start
+ k * period`` whatever happened before, an instrument is never asked twice at a time, and a deadline that nobody kept
is counted.

Instants are nanoseconds of the monotonic clock, so a step of the wall clock moves no deadline. While a scaled clock
catches up with the wall clock one period holds, afterwards another: hence segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steelyard.contracts.clock import ClockSettings

NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Rounds from `first_round` on are due every `period_ns` (monotonic) from `start_ns`.

    `clock_period_ns` is the same period as the clock shows it: more, while that clock runs fast.
    """

    first_round: int
    start_ns: int
    period_ns: int
    clock_period_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """The round to do next, and how many deadlines passed without a poll."""

    round: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The deadlines of all rounds of instruments with one period; segments in order, at least one."""

    segments: tuple[Segment, ...]

    def segment(self, round_number: int) -> Segment:
        """The segment that a round belongs to."""
        for segment in reversed(self.segments):
            if round_number >= segment.first_round:
                return segment
        return self.segments[0]

    def deadline_ns(self, round_number: int, offset_ns: int = 0) -> int:
        """When `round_number` is due for an instrument staggered by `offset_ns`."""
        segment = self.segment(round_number)
        return segment.start_ns + (round_number - segment.first_round) * segment.period_ns + offset_ns

    def latest_due(self, now_ns: int, offset_ns: int = 0) -> int:
        """The last round whose deadline is not after `now_ns`; before the first one, the number before it."""
        for segment in reversed(self.segments):
            elapsed = now_ns - segment.start_ns - offset_ns
            if elapsed >= 0:
                due = segment.first_round + elapsed // segment.period_ns
                later = [other.first_round - 1 for other in self.segments if other.first_round > segment.first_round]
                return min([due, *later])
        return self.segments[0].first_round - 1

    def following(self, done: int, now_ns: int, offset_ns: int = 0) -> Following:
        """What comes after round `done` ended at `now_ns`.

        A deadline that passed meanwhile is kept late as long as the one after it has not passed too; otherwise the
        instrument joins at the latest one, and those between are missed.
        """
        following = done + 1
        latest = self.latest_due(now_ns, offset_ns)
        if latest <= following:
            return Following(round=following, missed=0)
        return Following(round=latest, missed=latest - following)


def stagger_ns(*, instruments: int, period_ns: int, step_ns: int) -> int:
    """Nanoseconds between the deadlines of neighbours: `step_ns`, or less when all would not fit into a period."""
    return min(step_ns, period_ns // max(instruments, 1))


def caught_up_ns(clock: ClockSettings | None) -> int | None:
    """The wall instant at which a scaled clock becomes the wall clock; None when there is none, or never."""
    if clock is None or clock.rate <= 1:
        return None
    return clock.wall_from_ns + int((clock.wall_from_ns - clock.simulated_from_ns) / (clock.rate - 1))


def make_schedule(
    *,
    now_ns: int,
    wall_ns: int,
    period_ns: int,
    simulated_period_ns: int,
    clock: ClockSettings | None,
) -> Schedule:
    """The schedule that begins now.

    Args:
        now_ns: the monotonic clock now.
        wall_ns: the wall clock now, UTC nanoseconds.
        period_ns: of rounds when the clock runs true; deadlines fall on its multiples since 1970, so that gateways and
            restarts share one grid.
        simulated_period_ns: of rounds while the clock catches up, in that clock's time.
        clock: the scaled clock, if there is one.
    """
    until_ns = caught_up_ns(clock)
    if clock is None or until_ns is None or until_ns <= wall_ns:
        return Schedule(segments=(_true_segment(0, now_ns, wall_ns, wall_ns, period_ns),))
    real_ns = max(1, int(simulated_period_ns / clock.rate))
    rounds = max(0, (until_ns - wall_ns - 1) // real_ns)
    # A little after the clock's own multiples of the period: where it advances in steps of the period, a round that
    # begins with a step has nearly all of it for itself.
    phase_ns = (clock.wall_from_ns - wall_ns + real_ns // 8) % real_ns
    start_ns = now_ns + (phase_ns or real_ns)
    fast = Segment(first_round=0, start_ns=start_ns, period_ns=real_ns, clock_period_ns=simulated_period_ns)
    true = _true_segment(rounds, now_ns, wall_ns, max(until_ns, wall_ns + rounds * real_ns), period_ns)
    return Schedule(segments=(fast, true) if rounds else (true,))


def _true_segment(first_round: int, now_ns: int, wall_ns: int, from_wall_ns: int, period_ns: int) -> Segment:
    first_wall_ns = (from_wall_ns // period_ns + 1) * period_ns
    return Segment(
        first_round=first_round,
        start_ns=now_ns + first_wall_ns - wall_ns,
        period_ns=period_ns,
        clock_period_ns=period_ns,
    )
