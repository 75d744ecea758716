"""When to poll: absolute deadlines.

A loop that sleeps after its work drifts by the work's duration (2 to 5 % measured). Here round `k` is due at ``start
+ k * period`` whatever happened before, an instrument is never asked twice at a time, and a deadline that nobody kept
is counted.

Instants are nanoseconds of the monotonic clock, so a step of the wall clock moves no deadline.
"""

from __future__ import annotations

from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """The round to do next, and how many deadlines passed without a poll."""

    round: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The deadlines of instruments with one period: round 0 is due at `start_ns`, then one every `period_ns`."""

    start_ns: int
    period_ns: int

    def deadline_ns(self, round_number: int, offset_ns: int = 0) -> int:
        """When `round_number` is due for an instrument staggered by `offset_ns`."""
        return self.start_ns + round_number * self.period_ns + offset_ns

    def latest_due(self, now_ns: int, offset_ns: int = 0) -> int:
        """The last round whose deadline is not after `now_ns`; before the first one, -1."""
        return max(-1, (now_ns - self.start_ns - offset_ns) // self.period_ns)

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


def make_schedule(*, now_ns: int, wall_ns: int, period_ns: int) -> Schedule:
    """The schedule that begins now.

    Args:
        now_ns: the monotonic clock now.
        wall_ns: the wall clock now, UTC nanoseconds.
        period_ns: of rounds; deadlines fall on its multiples since 1970, so that gateways and restarts share one grid.
    """
    first_wall_ns = (wall_ns // period_ns + 1) * period_ns
    return Schedule(start_ns=now_ns + first_wall_ns - wall_ns, period_ns=period_ns)
