"""The calibration service: where readings, certificates and the law meet.

`run_once` looks for what is new, learns from it, and brings assessments and work orders up to date. It keeps nothing
that it could not learn again: killed at any point and started anew, it goes on with the same result. Observations move
with their cursor in one transaction; an order is stored with its audit entry; a seal counter's cursor moves only after
the order that it caused is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from steelyard.calibration.errors import CalibrationError, OrderChanged, OrderExists
from steelyard.calibration.knowledge import Fleet, Knowledge, Known, read_fleet
from steelyard.calibration.observing import (
    SealOpening,
    evidence_ends_ns,
    observe_pair,
    observe_seal,
    pair_cursor,
    reference_standing,
    seal_cursor,
)
from steelyard.calibration.ports import (
    Cursor,
    ReadingsSource,
    RegistryPort,
    VerificationPort,
    WorkOrderPort,
)
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification import reasons
from steelyard.calibration.verification.assessment import Assessment, ErrorEstimate
from steelyard.calibration.verification.case import Case, LostReference, dates_of
from steelyard.calibration.verification.device_states import IN_USE, StateNow
from steelyard.calibration.verification.devices import DeviceState, device_of
from steelyard.calibration.verification.due_date import DueDates, legal_date
from steelyard.calibration.verification.findings import find, status_of
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.lots import FailedLot, carried_lots
from steelyard.calibration.verification.observations import ReferencePair
from steelyard.calibration.verification.reconcile import Reconciled, reconcile, verified_since
from steelyard.calibration.verification.standing import FactKind, Standing
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import Evidence, WorkOrder
from steelyard.contracts.identifiers import InstrumentId

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What one run did; `problems` are sentences about instruments whose record cannot be used, or not all of it."""

    observations: int
    assessed: int
    raised: int
    joined: int
    withdrawn: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """What a run has done so far."""

    observations: int = 0
    raised: int = 0
    joined: int = 0
    withdrawn: int = 0
    problems: dict[InstrumentId, str] = field(default_factory=dict)


class CalibrationService:
    """Assesses a fleet. One instance per installation; `run_once` is not for several threads at a time."""

    def __init__(
        self,
        *,
        registry: RegistryPort,
        verification: VerificationPort,
        orders: WorkOrderPort,
        readings: ReadingsSource,
        settings: CalibrationSettings,
    ) -> None:
        self._registry = registry
        self._knowledge = Knowledge(verification, settings)
        self._verification = verification
        self._orders = orders
        self._readings = readings
        self._settings = settings
        self._last_date: date | None = None
        self._states: dict[InstrumentId, StateNow] = {}
        self._pending: set[InstrumentId] = set()  # what a failed run has learnt but not acted on
        self._reported: dict[InstrumentId, str] = {}

    def run_once(self, now_ns: int) -> RunSummary:
        """Take in everything that is new at `now_ns` (UTC ns) and act on it.

        A fault in one instrument's data is reported in the summary and does not stop the others. An unreachable store
        raises whatever its adapter raises; the next run goes on from what was committed.
        """
        tally = _Tally()
        today = legal_date(now_ns, self._settings.utc_offset_minutes)
        fleet = read_fleet(self._registry, today)
        cursors = self._verification.cursors()
        references = self._references(fleet, today)
        self._observe_pairs(fleet, cursors, references, now_ns, tally)
        changed, taken = self._knowledge.learn(fleet, today)
        tally.observations += taken
        tally.problems.update(self._knowledge.problems())
        seals, seal_cursors = self._observe_seals(fleet, cursors)
        self._pending |= changed
        everyone = today != self._last_date
        self._pending |= {name for name in fleet.legal if fleet.state(name) != self._states.get(name, IN_USE)}
        concerned = [name for name in fleet.legal if everyone or name in self._pending or name in seals]
        assessed = self._assess(fleet, concerned, seals, references, now_ns=now_ns, today=today, tally=tally)
        if seal_cursors:
            self._verification.append_observations((), seal_cursors)
        self._pending.clear()
        self._last_date, self._states = today, fleet.states
        self._report(tally.problems)
        return RunSummary(
            observations=tally.observations,
            assessed=assessed,
            raised=tally.raised,
            joined=tally.joined,
            withdrawn=tally.withdrawn,
            problems=tuple(tally.problems.values()),
        )

    def _references(self, fleet: Fleet, today: date) -> dict[InstrumentId, Standing]:
        """By instrument, what the record of its pair's reference says of that."""
        found = {}
        for name, pair in fleet.pairs.items():
            legal = fleet.legal.get(pair.reference_instrument)
            events = () if legal is None else self._verification.events(pair.reference_instrument)
            standing = reference_standing(legal, events, today)
            if standing is not None:
                found[name] = standing
        return found

    def _observe_pairs(
        self,
        fleet: Fleet,
        cursors: Mapping[str, Cursor],
        references: Mapping[InstrumentId, Standing],
        now_ns: int,
        tally: _Tally,
    ) -> None:
        for name, pair in fleet.pairs.items():
            ends_ns = evidence_ends_ns(references.get(name), self._settings.utc_offset_minutes)
            channel = fleet.channels.get((name, pair.channel))
            if channel is None:
                tally.problems[name] = (
                    f"{name}: its reference pair names channel {pair.channel}, which is not registered"
                )
                continue
            try:
                for observations, cursor in observe_pair(
                    pair,
                    fleet.legal[name],
                    channel,
                    self._readings,
                    cursors.get(pair_cursor(pair)),
                    now_ns=now_ns if ends_ns is None else min(now_ns, ends_ns),
                    settings=self._settings,
                ):
                    tally.observations += self._verification.append_observations(observations, (cursor,))
            except CalibrationError as error:
                tally.problems[name] = f"{name}: {error}"

    def _observe_seals(
        self, fleet: Fleet, cursors: Mapping[str, Cursor]
    ) -> tuple[dict[InstrumentId, SealOpening], list[Cursor]]:
        seals: dict[InstrumentId, SealOpening] = {}
        moved: list[Cursor] = []
        for name, channel in fleet.seals.items():
            seen = observe_seal(name, channel.id, self._readings, cursors.get(seal_cursor(name)))
            if seen is None:
                continue
            opening, cursor = seen
            moved.append(cursor)
            if opening is not None:
                seals[name] = opening
        return seals, moved

    def _assess(
        self,
        fleet: Fleet,
        names: Sequence[InstrumentId],
        seals: Mapping[InstrumentId, SealOpening],
        references: Mapping[InstrumentId, Standing],
        *,
        now_ns: int,
        today: date,
        tally: _Tally,
    ) -> int:
        if not names:
            return 0
        estimates = self._knowledge.estimates(names, now_ns, today)
        orders: dict[InstrumentId, list[WorkOrder]] = {}
        for order in self._orders.open_orders():
            orders.setdefault(order.instrument, []).append(order)
        assessments = []
        lots = self._lots(fleet, names, today)
        for name in names:
            legal, known, estimate = fleet.legal[name], self._knowledge[name], estimates.get(name)
            case = Case(
                law=law_of(legal),
                standing=known.standing(today),
                at_ns=now_ns,
                today=today,
                settings=self._settings,
                state=fleet.state(name).state,
                came_back=fleet.state(name).came_back,
                estimates=() if estimate is None else (estimate,),
                longest_period_months=legal.longest_period_months,
                lost_reference=_lost(fleet.pairs.get(name), references.get(name)),
                lot=lots.get(name),
            )
            dates = dates_of(case)
            of_instrument: Sequence[WorkOrder] = orders.get(name, ())
            case = replace(case, seal=self._seal_evidence(case, dates, seals.get(name), of_instrument))
            findings = find(case, dates)
            if findings.triggers - {order.trigger for order in of_instrument}:
                of_instrument = self._orders.orders_of(name)
            done = reconcile(case, fleet.instruments[name].organization, findings, dates, of_instrument)
            self._store(done, tally)
            assessments.append(
                Assessment(
                    instrument=name,
                    at_ns=now_ns,
                    status=status_of(case, dates, findings),
                    reason=_reason(
                        known, dates, estimate, fleet.state(name), [finding.evidence for finding in findings.found]
                    ),
                    statutory_due=dates.statutory,
                    recommended_due=dates.recommended,
                    due_date=dates.due,
                    estimate=estimate,
                )
            )
        self._verification.save_assessments(assessments)
        return len(assessments)

    def _lots(self, fleet: Fleet, names: Sequence[InstrumentId], today: date) -> dict[InstrumentId, FailedLot]:
        """The failed lots among the batches of some instruments, by who carries the order."""
        batches = {fleet.instruments[name].batch for name in names} - {None}
        members = [
            (device_of(fleet.instruments[name], fleet.state(name).state), self._knowledge[name].standing(today))
            for name in (fleet.legal if batches else ())
            if fleet.instruments[name].batch in batches
        ]
        return carried_lots(members, self._settings.reliability_target)

    def _seal_evidence(
        self, case: Case, dates: DueDates, opening: SealOpening | None, orders: Iterable[WorkOrder]
    ) -> Evidence | None:
        """A seal opened now, or the opening that an open order is about, unless a verification has passed since."""
        if opening is not None:
            if verified_since(dates, opening.t_ns, case):
                return None
            day = case.day_of(opening.t_ns)
            return Evidence(
                trigger=Trigger.SEAL_BROKEN,
                at_ns=opening.t_ns,
                sentence=reasons.seal(case.instrument, opening.before, opening.after, day),
                cause=f"seal:{opening.after}",
            )
        for order in orders:
            if order.trigger is Trigger.SEAL_BROKEN and order.evidence:
                newest = max(order.evidence, key=lambda evidence: evidence.at_ns)
                return None if verified_since(dates, newest.at_ns, case) else newest
        return None

    def _store(self, done: Reconciled, tally: _Tally) -> None:
        """Store what was decided. Somebody else may have been faster: then the next run decides again."""
        for change in done.raised:
            try:
                self._orders.add_order(change.order, change.audit)
                tally.raised += 1
            except OrderExists as error:
                _LOG.info("order %s not raised: %s", change.order.id, error)
        for changes, counter in ((done.joined, "joined"), (done.withdrawn, "withdrawn")):
            for change in changes:
                try:
                    self._orders.update_order(change.order, change.audit)
                    setattr(tally, counter, getattr(tally, counter) + 1)
                except OrderChanged as error:
                    _LOG.info("order %s not %s: %s", change.order.id, counter, error)

    def _report(self, problems: dict[InstrumentId, str]) -> None:
        """One log line when a problem appears or changes, and one when it is gone."""
        for name, text in problems.items():
            if self._reported.get(name) != text:
                _LOG.warning("cannot use all of the record of %s", text)
        for name in self._reported.keys() - problems.keys():
            _LOG.info("the record of %s can be used again", name)
        self._reported = dict(problems)


def _lost(pair: ReferencePair | None, standing: Standing | None) -> LostReference | None:
    """A reference that failed, by its newest decision or a check."""
    if pair is None or standing is None or standing.verdict is None:
        return None
    failed = standing.fact(FactKind.FAILED_CHECK)
    event = standing.verdict.event if standing.failed else None if failed is None else failed.event
    return None if event is None else LostReference(reference=pair.reference_instrument, event=event)


def _reason(
    known: Known, dates: DueDates, estimate: ErrorEstimate | None, state: StateNow, evidence: Sequence[Evidence]
) -> str:
    """The findings' sentences; without any, why nothing is asked, or what is known."""
    name = known.legal.instrument
    if evidence:
        return " ".join(one.sentence for one in evidence)
    if state.state is not DeviceState.IN_USE:
        return reasons.out_of_use(name, state)
    if estimate is not None:
        return reasons.quiet(name, estimate)
    last = "no completed event is on record" if dates.last_event is None else "its events carry no measured error"
    if known.problem is not None:
        last = f"its record cannot be used ({known.problem})"
    return f"Nothing is known about the error of {name}: {last}."
