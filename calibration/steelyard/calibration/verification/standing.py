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
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from steelyard.calibration.mpe import Limits, Phase
from steelyard.calibration.verification.due_date import add_months
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.law import Law, Rules, in_half_widths, outside
from steelyard.calibration.verification.plausibility import Implausible, implausible
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.sequence import in_order, later, without_superseded

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
    REPAIR_IN_DOUBT = "repair_in_doubt"
    """Repaired on the day of a verification that does not say that it came after it."""
    FAILED_CHECK = "failed_check"
    PASSED_OUTSIDE = "passed_outside"
    """Typed as passed, with errors outside the MPE."""
    OUTLIER = "outlier"
    """The newest evidence lies where nothing before explains it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact about an instrument and the event that it comes from.

    Where it rests on an error, that of `test_point` in `unit`, against `limits` in the same.
    """

    kind: FactKind
    event: VerificationEvent
    limits: Limits | None = None
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
    the current period. `sampled` says that it was verified again or checked, `failures` are the events that failed it
    then. `statutory` is the end of the period (the first day after it), None where there is none.
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
    sampled: bool = False
    failures: tuple[VerificationEvent, ...] = ()

    def fact(self, kind: FactKind) -> Fact | None:
        """The fact of a kind, if it stands."""
        return next((one for one in self.facts if one.kind is kind), None)

    @property
    def failed(self) -> bool:
        """Whether the newest decision took the instrument out of service."""
        return self.verdict is not None and not self.verdict.passed


def standing_of(law: Law, events: Iterable[VerificationEvent], on: date) -> Standing:
    """What the events completed by `on` say of an instrument."""
    kept, superseded, unknown = without_superseded(in_order([event for event in events if event.completed <= on]))
    mandatory = law.on(on).mandatory
    own_class = law.accuracy_class
    reading = _Reading(law=law, mandatory=mandatory, accuracy_class=own_class, class_in_dispute=own_class)
    for event in kept:
        reading.take(event, [other for other in kept if other is not event])
    facts = [fact for fact in reading.facts.values() if fact is not None]
    facts += [fact for fact in (_seal_fact(kept, mandatory=mandatory), _repair_doubt(kept)) if fact is not None]
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
        sampled=reading.sampled,
        failures=tuple(reading.failures),
    )


@dataclass(slots=True)
class _Reading:
    """The state while events are read in order."""

    law: Law
    mandatory: bool
    accuracy_class: str | None
    class_in_dispute: str | None
    verdict: Verdict | None = None
    before_interim: Verdict | None = None
    first_pass: date | None = None
    facts: dict[FactKind, Fact | None] = field(default_factory=dict)
    unmeant: list[Implausible] = field(default_factory=list)
    failures: list[VerificationEvent] = field(default_factory=list)
    sampled: bool = False
    changes: list[float] = field(default_factory=list)
    left: float | None = None

    def take(self, event: VerificationEvent, others: Sequence[VerificationEvent]) -> None:
        """Read one event."""
        if event.kind is EventKind.ARBITRATION:
            self.accuracy_class = self.class_in_dispute  # what was decided about the class is in dispute too
        elif event.kind in STARTS_A_PERIOD:
            self.class_in_dispute = self.accuracy_class
        if event.decision is Decision.LIMITED:
            self.accuracy_class = _class_named(self.law, event) or self.accuracy_class
        wrong = implausible(event, self.law, self.accuracy_class, others)
        self.unmeant += wrong
        points = [point for point in (_meant(point, wrong) for point in event.points) if point is not None]
        worst = _Worst.of(self.law, event, points, self.accuracy_class, self._phase(event))
        unmeant = {id(one.point) for one in wrong}
        believed = not event.points or any(id(point) not in unmeant for point in event.points)
        self._judge(event, worst, points, believed=believed)
        self._decide(event)
        self._compare(event, worst)
        self._sample(event, worst)

    def _phase(self, event: VerificationEvent) -> Phase:
        """By which limits the occasion judges: an instrument at work by those in use."""
        match event.kind:
            case EventKind.FIRST_VERIFICATION:
                return Phase.FIRST
            case EventKind.INTERMEDIATE_CHECK | EventKind.INTERIM:
                return Phase.IN_USE
            case EventKind.CALIBRATION if self.mandatory:
                return Phase.IN_USE
        return Phase.SUBSEQUENT

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
            self.facts[FactKind.OUTLIER] = None
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

    def _judge(self, event: VerificationEvent, worst: _Worst, points: Sequence[EventPoint], *, believed: bool) -> None:
        """What its values are against the limits."""
        decision = event.decision
        if event.kind in {EventKind.REPAIR, EventKind.SEAL_OPENED} or decision is Decision.NOT_TESTABLE:
            return
        decides = self._speaks(event)
        # Limited to a part of its range: which one the limits do not tell.
        partly = decision is Decision.LIMITED and _class_named(self.law, event) is None
        contradicted = worst.left is not None and worst.left.beyond and not partly
        if decides and decision in CONFORMS | {Decision.NONE} and contradicted and worst.left is not None:
            kind = FactKind.FAILED_CHECK if decision is Decision.NONE else FactKind.PASSED_OUTSIDE
            self._set(worst.left.fact(kind, event))
        elif decides:
            if decision is not Decision.FAILED:
                self._clear()
        elif event.kind in {EventKind.INTERMEDIATE_CHECK, EventKind.CALIBRATION}:
            self._check(event, worst, points, believed=believed)

    def _check(self, event: VerificationEvent, worst: _Worst, points: Sequence[EventPoint], *, believed: bool) -> None:
        """The owner's own check: it can find a fault; only a voluntary instrument's fault ends by one, where it was."""
        beyond = worst.found if worst.found is not None and worst.found.beyond else None
        put_right = not self.mandatory and worst.left is not None and not worst.left.beyond and event.adjusted
        if (event.decision is Decision.FAILED or beyond is not None) and not put_right:
            self._set(
                Fact(kind=FactKind.FAILED_CHECK, event=event)
                if beyond is None
                else beyond.fact(FactKind.FAILED_CHECK, event)
            )
        elif not self.mandatory and believed and (worst.left is not None or event.decision is Decision.PASSED):
            failed = self.facts.get(FactKind.FAILED_CHECK)
            if failed is None or _looks_there(points, failed) or put_right:
                self._clear()

    def _sample(self, event: VerificationEvent, worst: _Worst) -> None:
        """Whether it was verified again or checked, and failed then: what a lot is judged by."""
        if event.kind in {EventKind.FIRST_VERIFICATION, EventKind.REPAIR, EventKind.SEAL_OPENED}:
            return
        decided = event.decision in {Decision.PASSED, Decision.FAILED, Decision.LIMITED}
        self.sampled = self.sampled or decided or worst.found is not None
        found_outside = worst.found is not None and worst.found.beyond and event.kind not in AUTHORITY
        if event.decision is Decision.FAILED or found_outside:
            self.failures.append(event)

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


def _meant(point: EventPoint, wrong: Sequence[Implausible]) -> EventPoint | None:
    """What of a point can be held against the limits: an absurd uncertainty does not hide an error."""
    fields = {one.field for one in wrong if one.point is point}
    if not fields or fields == {"expanded_uncertainty"}:
        return point
    if fields == {"as_found"} and point.as_left is not None:
        return replace(point, as_found=None)
    return None


def _looks_there(points: Sequence[EventPoint], failed: Fact) -> bool:
    """Whether a check was made near the test point that failed."""
    if failed.test_point is None:
        return True
    near = _NEAR * abs(failed.test_point)
    return any(abs(point.test_point - failed.test_point) <= near for point in points)


_NEAR = 0.2
"""Of a test point: how near a later check is made to speak of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """The error of one point against its limits; `ratio` in half widths, signed like the error."""

    ratio: float
    beyond: bool
    error: float
    limits: Limits
    test_point: float
    unit: str

    def fact(self, kind: FactKind, event: VerificationEvent) -> Fact:
        return Fact(
            kind=kind, event=event, limits=self.limits, error=self.error, test_point=self.test_point, unit=self.unit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worst:
    """Of an event's points the one nearest to or farthest beyond its limits, as found and as left; None without any."""

    found: _Value | None
    left: _Value | None

    @classmethod
    def of(
        cls, law: Law, event: VerificationEvent, points: Sequence[EventPoint], accuracy_class: str | None, phase: Phase
    ) -> _Worst:
        """Judged by the limits of a phase."""
        found: list[_Value] = []
        left: list[_Value] = []
        for point in points:
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
                            limits=limits,
                            test_point=point.test_point,
                            unit=point.unit,
                        )
                    )
        return cls(found=_farthest(found), left=_farthest(left))


def _farthest(values: Sequence[_Value]) -> _Value | None:
    return max(values, key=lambda one: (one.beyond, abs(one.ratio)), default=None)


def _class_named(law: Law, event: VerificationEvent) -> str | None:
    """The class that a limited decision names; None where it limits the range or the use."""
    known = {name for rules in law.editions for name in rules.mpe if name is not None}
    return next((word for word in event.limits_named if word in known), None)


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
    if mandatory or event.kind is not EventKind.CALIBRATION:
        return False
    return event.decision in CONFORMS or (event.decision is Decision.NONE and event.supersedes is None)


def _repair_doubt(events: Sequence[VerificationEvent]) -> Fact | None:
    """A repair on the day of a pass that does not say that it came after it, with nothing since."""
    passes = [event for event in events if event.kind in AUTHORITY and event.decision in CONFORMS]
    after = [event for event in passes if event.kind is EventKind.AFTER_REPAIR]
    for repaired in [event for event in events if event.kind is EventKind.REPAIR]:
        unsure = [event for event in passes if later(event, repaired) is None and event not in after]
        sure = [event for event in passes if later(event, repaired)]
        sure += [event for event in after if event.completed >= repaired.completed]
        if unsure and not sure:
            return Fact(kind=FactKind.REPAIR_IN_DOUBT, event=repaired)
    return None


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
