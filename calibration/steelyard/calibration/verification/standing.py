"""What an instrument's events say of it on a day: verdict, period, class, and the facts that stand against it.

Events are read in the order in which they happened. Four rules carry the law:

- a *verdict* comes from verifications of authorized bodies (for a voluntary instrument also from calibrations); an
  arbitration decides in place of the verification in dispute, whose date begins the period; an interim verification
  takes an instrument out of service or clears what was found, but starts no period;
- a *fact* (repaired, seal opened, check failed, passed outside the MPE) stands until what clears it has happened since:
  under mandatory control an authorized body's pass, never the owner's own check;
- a superseded event is as if it had never been; its number and its successor stay on record;
- what cannot be meant (`plausibility`) says nothing about the error, and what it says is asked back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cmp_to_key

from steelyard.calibration.mpe import Phase
from steelyard.calibration.verification.due_date import add_months
from steelyard.calibration.verification.events import Decision, EventKind, VerificationEvent
from steelyard.calibration.verification.law import Law, Rules, in_half_widths, outside
from steelyard.calibration.verification.plausibility import Implausible, implausible
from steelyard.calibration.verification.regime import Regime

STARTS_A_PERIOD = frozenset({EventKind.FIRST_VERIFICATION, EventKind.SUBSEQUENT_VERIFICATION, EventKind.AFTER_REPAIR})
"""Occasions whose pass starts a new statutory period."""
AUTHORITY = STARTS_A_PERIOD | {EventKind.ARBITRATION, EventKind.INTERIM}
"""What only an authorized body does."""
CONFORMS = frozenset({Decision.PASSED, Decision.LIMITED})


class FactKind(StrEnum):
    """What stands against an instrument until something clears it."""

    REPAIRED = "repaired"
    NOT_CONFIRMED = "not_confirmed"
    SEAL_OPENED = "seal_opened"
    SEAL_IN_DOUBT = "seal_in_doubt"
    """Opened on the day of a verification, and the hours are not known."""
    FAILED_CHECK = "failed_check"
    PASSED_OUTSIDE = "passed_outside"
    """Typed as passed, with errors outside the MPE."""
    OUTLIER = "outlier"
    """The newest evidence lies where nothing before explains it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact about an instrument and the event that it comes from.

    Where it rests on an error, that of `test_point` in `unit`, and `ratio` is its size in half widths of the MPE.
    """

    kind: FactKind
    event: VerificationEvent
    ratio: float | None = None
    error: float | None = None
    test_point: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision that stands: of `event`, on a period that `start` began; `passed` or failed."""

    event: VerificationEvent
    passed: bool
    start: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What follows from the events up to a day.

    `events` are those that count, in order; `superseded` those that no longer do. `rules` is the edition that holds for
    the current period. `statutory` is the end of the period (the first day after it), None where there is none.
    `accuracy_class` is the instrument's own or what a limited decision left of it. `unmeant` values are out of the
    evidence; `unknown_references` are pairs of an event and the id it says it supersedes, which nobody knows.
    """

    events: tuple[VerificationEvent, ...]
    superseded: tuple[VerificationEvent, ...]
    verdict: Verdict | None
    rules: Rules
    statutory: date | None
    accuracy_class: str | None
    facts: tuple[Fact, ...]
    unmeant: tuple[Implausible, ...]
    unknown_references: tuple[tuple[VerificationEvent, str], ...]

    def fact(self, kind: FactKind) -> Fact | None:
        """The fact of a kind, if it stands."""
        return next((one for one in self.facts if one.kind is kind), None)

    @property
    def failed(self) -> bool:
        """Whether the newest decision took the instrument out of service."""
        return self.verdict is not None and not self.verdict.passed


def standing_of(law: Law, events: Iterable[VerificationEvent], on: date) -> Standing:
    """What the events completed by `on` say of an instrument."""
    ordered = _in_order([event for event in events if event.completed <= on])
    kept, superseded, unknown = _without_superseded(ordered)
    mandatory = law.on(on).mandatory
    reading = _Reading(law=law, mandatory=mandatory, accuracy_class=law.accuracy_class)
    for event in kept:
        reading.take(event, [other for other in kept if other is not event])
    facts = [fact for fact in reading.facts.values() if fact is not None]
    seal = _seal_fact(kept, mandatory=mandatory)
    if seal is not None:
        facts.append(seal)
    rules = law.on(on if reading.verdict is None else reading.verdict.start)
    return Standing(
        events=tuple(kept),
        superseded=tuple(superseded),
        verdict=reading.verdict,
        rules=rules,
        statutory=_period_end(law, rules, reading),
        accuracy_class=reading.accuracy_class,
        facts=tuple(facts),
        unmeant=tuple(reading.unmeant),
        unknown_references=tuple(unknown),
    )


def later(one: VerificationEvent, other: VerificationEvent) -> bool | None:
    """Whether `one` happened after `other`; None on one day of which not both hours are known."""
    if one.completed != other.completed:
        return one.completed > other.completed
    if one.completed_at_ns is None or other.completed_at_ns is None:
        return None
    return one.completed_at_ns > other.completed_at_ns


@dataclass(slots=True)
class _Reading:
    """The state while events are read in order."""

    law: Law
    mandatory: bool
    accuracy_class: str | None
    verdict: Verdict | None = None
    before_interim: Verdict | None = None
    first_pass: date | None = None
    facts: dict[FactKind, Fact | None] = field(default_factory=dict)
    unmeant: list[Implausible] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    left: float | None = None

    def take(self, event: VerificationEvent, others: Sequence[VerificationEvent]) -> None:
        """Read one event."""
        if event.decision is Decision.LIMITED and event.limited_to is not None:
            self.accuracy_class = _class_left(self.law, event.limited_to, self.accuracy_class)
        wrong = implausible(event, self.law, self.accuracy_class, others)
        self.unmeant += wrong
        unmeant = {id(one.point) for one in wrong}
        event_points = [point for point in event.points if id(point) not in unmeant]
        worst = _Worst.of(self.law, event, event_points, self.accuracy_class)
        self._judge(event, worst, believed=bool(event_points) or not event.points)
        self._decide(event)
        self._compare(event, worst)

    def _decide(self, event: VerificationEvent) -> None:
        """What the event does to the verdict."""
        kind, decision = event.kind, event.decision
        if kind is EventKind.REPAIR:
            self.facts[FactKind.REPAIRED] = Fact(kind=FactKind.REPAIRED, event=event)
        if not self._speaks(event):
            return
        if decision is Decision.NOT_TESTABLE:
            self.facts[FactKind.NOT_CONFIRMED] = Fact(kind=FactKind.NOT_CONFIRMED, event=event)
            return
        passed = decision is not Decision.FAILED
        self.facts[FactKind.NOT_CONFIRMED] = None
        if kind is EventKind.INTERIM:
            self._interim(event, passed=passed)
            return
        disputed = self.verdict if kind is EventKind.ARBITRATION else None
        start = event.completed if disputed is None else disputed.start
        self.verdict, self.before_interim = Verdict(event=event, passed=passed, start=start), None
        if passed:
            self.facts[FactKind.REPAIRED] = None
            self.first_pass = start if self.first_pass is None else min(self.first_pass, start)

    def _interim(self, event: VerificationEvent, *, passed: bool) -> None:
        """A failed interim verification takes out of service; a passed one takes back only that."""
        if not passed:
            start = event.completed if self.verdict is None else self.verdict.start
            self.before_interim = self.before_interim or self.verdict
            self.verdict = Verdict(event=event, passed=False, start=start)
        elif self.before_interim is not None:
            self.verdict, self.before_interim = self.before_interim, None

    def _speaks(self, event: VerificationEvent) -> bool:
        """Whether the event decides about use."""
        if event.decision is Decision.NONE:
            # Values only. In place of another certificate and without any, it withdraws that one.
            withdrawal = event.supersedes is not None and not event.points
            return event.kind is EventKind.CALIBRATION and not self.mandatory and not withdrawal
        return event.kind in AUTHORITY or (event.kind is EventKind.CALIBRATION and not self.mandatory)

    def _judge(self, event: VerificationEvent, worst: _Worst, *, believed: bool) -> None:
        """What its values are against the limits."""
        decision = event.decision
        if event.kind in {EventKind.REPAIR, EventKind.SEAL_OPENED} or decision is Decision.NOT_TESTABLE:
            return
        decides = self._speaks(event)
        if decides and decision in CONFORMS | {Decision.NONE} and worst.left is not None and worst.left.beyond:
            kind = FactKind.FAILED_CHECK if decision is Decision.NONE else FactKind.PASSED_OUTSIDE
            self._set(worst.left.fact(kind, event))
        elif decides:
            if decision is not Decision.FAILED:
                self._clear()
        elif event.kind in {EventKind.INTERMEDIATE_CHECK, EventKind.CALIBRATION}:
            self._check(event, worst, believed=believed)

    def _check(self, event: VerificationEvent, worst: _Worst, *, believed: bool) -> None:
        """The owner's own check: it can find a fault; only a voluntary instrument's fault ends by one."""
        beyond = worst.found if worst.found is not None and worst.found.beyond else None
        put_right = not self.mandatory and worst.left is not None and not worst.left.beyond and event.adjusted
        if (event.decision is Decision.FAILED or beyond is not None) and not put_right:
            self._set(
                Fact(kind=FactKind.FAILED_CHECK, event=event)
                if beyond is None
                else beyond.fact(FactKind.FAILED_CHECK, event)
            )
        elif not self.mandatory and believed and (worst.left is not None or event.decision is Decision.PASSED):
            self._clear()

    def _set(self, fact: Fact) -> None:
        self.facts[fact.kind] = fact

    def _clear(self) -> None:
        self.facts[FactKind.FAILED_CHECK] = None
        self.facts[FactKind.PASSED_OUTSIDE] = None

    def _compare(self, event: VerificationEvent, worst: _Worst) -> None:
        """Whether what was found is far from what was left, measured by how it changed before."""
        if event.kind is EventKind.REPAIR:
            self.left = None  # whatever is found next, the repair explains it
        if worst.found is None or worst.left is None:
            return
        self.facts[FactKind.OUTLIER] = None
        if self.left is not None and event.kind is not EventKind.AFTER_REPAIR:
            change = abs(worst.found.ratio - self.left)
            usual = sorted(self.changes)[len(self.changes) // 2] if len(self.changes) >= _LEAST_CHANGES else None
            if usual is not None and change > max(_OUTLYING, _TIMES_USUAL * usual):
                self._set(worst.found.fact(FactKind.OUTLIER, event))
            self.changes.append(change)
        self.left = worst.left.ratio


_LEAST_CHANGES = 2
_OUTLYING = 0.5
"""Half widths of the MPE: a smaller change needs no explanation."""
_TIMES_USUAL = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """The error of one point against its limits; `ratio` in half widths, signed like the error."""

    ratio: float
    beyond: bool
    error: float
    test_point: float
    unit: str

    def fact(self, kind: FactKind, event: VerificationEvent) -> Fact:
        return Fact(
            kind=kind, event=event, ratio=self.ratio, error=self.error, test_point=self.test_point, unit=self.unit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worst:
    """Of an event's points the one nearest to or farthest beyond its limits, as found and as left; None without any."""

    found: _Value | None
    left: _Value | None

    @classmethod
    def of(cls, law: Law, event: VerificationEvent, points: Sequence[object], accuracy_class: str | None) -> _Worst:
        """Judged by the phase that the occasion has."""
        phase = _PHASES.get(event.kind, Phase.SUBSEQUENT)
        found: list[_Value] = []
        left: list[_Value] = []
        for point in event.points:
            if not any(point is one for one in points):
                continue
            limits = law.limits(point, day=event.completed, accuracy_class=accuracy_class, phase=phase)
            if limits is None:
                continue
            last = point.as_found if point.as_left is None else point.as_left
            first = point.as_left if point.as_found is None else point.as_found
            for error, values in ((first, found), (last, left)):
                if error is not None:
                    size = in_half_widths(error, limits)
                    values.append(
                        _Value(
                            ratio=size if error >= 0.0 else -size,
                            beyond=outside(error, limits),
                            error=error,
                            test_point=point.test_point,
                            unit=point.unit,
                        )
                    )
        return cls(found=_farthest(found), left=_farthest(left))


_PHASES = {
    EventKind.FIRST_VERIFICATION: Phase.FIRST,
    EventKind.INTERMEDIATE_CHECK: Phase.IN_USE,
}


def _farthest(values: Sequence[_Value]) -> _Value | None:
    return max(values, key=lambda one: (one.beyond, abs(one.ratio)), default=None)


def _class_left(law: Law, limited_to: str, current: str | None) -> str | None:
    """The class that a limited decision names: "2", "class 2"; anything else limits the use and leaves the class."""
    known = {name for rules in law.editions for name in rules.mpe if name is not None}
    for word in (limited_to.strip(), *limited_to.replace(",", " ").split()):
        if word in known:
            return word
    return current


def _in_order(events: Sequence[VerificationEvent]) -> list[VerificationEvent]:
    """By day, then by hour where both are known, then repairs before what is measured, then by entry."""
    places = {id(event): place for place, event in enumerate(events)}

    def compare(one: VerificationEvent, other: VerificationEvent) -> int:
        if later(one, other):
            return 1
        if later(other, one):
            return -1
        ranks = tuple(event.kind is not EventKind.REPAIR for event in (one, other))
        return (ranks[0] - ranks[1]) or (places[id(one)] - places[id(other)])

    return sorted(events, key=cmp_to_key(compare))


def _without_superseded(
    events: Sequence[VerificationEvent],
) -> tuple[list[VerificationEvent], list[VerificationEvent], list[tuple[VerificationEvent, str]]]:
    """Events that count, those that another one replaces, and references that name nothing.

    A replaced event stays replaced when its successor is replaced in turn.
    """
    gone: set[int] = set()
    unknown = []
    for event in events:
        if event.supersedes is None:
            continue
        named = [
            other
            for other in events
            if other is not event and event.supersedes in {other.id, other.certificate} - {None}
        ]
        if not named:
            unknown.append((event, event.supersedes))
        gone |= {id(other) for other in named}
    kept = [event for event in events if id(event) not in gone]
    return kept, [event for event in events if id(event) in gone], unknown


def _seal_fact(events: Sequence[VerificationEvent], *, mandatory: bool) -> Fact | None:
    """The newest opening that no verification since has covered; in doubt where one of its day may have."""
    doubt = None
    clearing = [event for event in events if _covers_a_seal(event, mandatory=mandatory)]
    for opened in reversed([event for event in events if event.kind is EventKind.SEAL_OPENED]):
        since = [later(event, opened) for event in clearing]
        if any(since):
            continue
        if None not in since:
            return Fact(kind=FactKind.SEAL_OPENED, event=opened)
        doubt = doubt or Fact(kind=FactKind.SEAL_IN_DOUBT, event=opened)
    return doubt


def _covers_a_seal(event: VerificationEvent, *, mandatory: bool) -> bool:
    if event.kind in AUTHORITY:
        return event.decision in CONFORMS
    return not mandatory and event.kind is EventKind.CALIBRATION and event.decision is not Decision.FAILED


def _period_end(law: Law, rules: Rules, reading: _Reading) -> date | None:
    """The first day on which the newest pass no longer holds.

    A period of limited use runs from its first pass, or from when the instrument was put into use where the regulation
    says so: later events cannot renew it, and years on a shelf do not count.
    """
    verdict = reading.verdict
    if verdict is None or not verdict.passed or rules.period_months is None:
        return None
    if reading.facts.get(FactKind.REPAIRED) is not None:
        return None
    start = verdict.start
    if rules.regime is Regime.FIRST_LIMITED:
        start = reading.first_pass or start
        if rules.counts_from_use and law.put_into_use is not None:
            start = law.put_into_use
    return add_months(start, rules.period_months)
