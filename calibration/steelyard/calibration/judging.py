"""A whole ledger judged on a day, without any database: what `steelyard assess` answers.

The same law, the same engine and the same findings as in the calibration service; the ledger's rows stand in for its
records. An instrument whose law cannot be told is left out and named; one of whose values are unusable is judged by the
others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from steelyard.calibration.catalogue import Catalogue
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.estimating import change_design, estimate_fleet, estimates_at
from steelyard.calibration.fleet_priors import FleetPriors
from steelyard.calibration.mpe import MaximumPermissibleError
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.tracks import InstrumentRecord, Track, build_track
from steelyard.calibration.verification import reasons
from steelyard.calibration.verification.assessment import ErrorEstimate
from steelyard.calibration.verification.case import Case, dates_of
from steelyard.calibration.verification.certificates import observations_of
from steelyard.calibration.verification.devices import Device, DeviceState
from steelyard.calibration.verification.due_date import instant_of
from steelyard.calibration.verification.events import Decision, EventKind, VerificationEvent
from steelyard.calibration.verification.findings import DOUBTS, find, is_doubtful, status_of
from steelyard.calibration.verification.law import Law
from steelyard.calibration.verification.law_book import LawBook
from steelyard.calibration.verification.lots import FailedLot, carried_lots
from steelyard.calibration.verification.regime import CatalogueReference, Confidence, LegalStatus, Regime
from steelyard.calibration.verification.standing import Standing, standing_of
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.contracts.identifiers import ChannelId, InstrumentId

_INDICATION = ChannelId("indication")
"""The one channel of an instrument that nobody reads."""
_BROKEN = re.compile(
    r"(?<!\w)(broken|opened|open|missing|removed|damaged)(?!\w)|破损|破坏|破|损坏|打开|开启|已开|缺失|缺损|缺|拆|脱落"
)
_NOT_BROKEN = re.compile(
    r"(?<!\w)(not|no|never|un)[ -]?(been )?(broken|opened|open|missing|removed|damaged)(?!\w)"
    r"|(未见|没有|未|无|没)(破损|破坏|破|损坏|损|打开|开启|开|缺失|缺损|缺|拆封|拆|脱落)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOrder:
    """A work order that would be raised, and why."""

    trigger: Trigger
    due_date: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One instrument on the day: `problems` are questions about its record, a sentence each."""

    instrument: InstrumentId
    status: InstrumentStatus
    statutory_due: date | None
    valid_until: date | None
    due_date: date | None
    doubtful: bool
    orders: tuple[WantedOrder, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Entry:
    """One device while it is judged."""

    device: Device
    law: Law
    standing: Standing
    problems: list[str]
    estimates: tuple[ErrorEstimate, ...] = ()
    lot: FailedLot | None = None
    came_back: date | None = None


def judge_ledger(
    devices: Sequence[Device],
    events: Sequence[VerificationEvent],
    *,
    catalogue: Catalogue,
    on: date,
    settings: CalibrationSettings,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Judgement], list[str]]:
    """What the ledger's `devices` and `events` come to `on` a day; and what is wrong with those that are left out.

    `progress` is told how many of how many devices are done.
    """
    of_device: dict[InstrumentId, list[VerificationEvent]] = {device.id: [] for device in devices}
    problems = [
        f"event {event.id}: instrument: {event.instrument!r}: no such instrument in the ledger; add it or mend the id"
        for event in events
        if event.instrument not in of_device
    ]
    for event in events:
        of_device.get(event.instrument, []).append(event)
    entries = []
    book = LawBook(catalogue)
    for number, device in enumerate(devices):
        try:
            entries.append(_entry(device, of_device[device.id], book, on))
        except CalibrationError as error:
            problems.append(f"instrument {device.id}: {error}; it is left out")
        if progress is not None and number % 500 == 499:
            progress(number + 1, 2 * len(devices))
    _estimate(entries, on, settings)
    _judge_lots(entries, settings)
    judged = []
    for number, entry in enumerate(entries):
        judged.append(_judgement(entry, on, settings))
        if progress is not None and number % 500 == 499:
            progress(len(devices) + number + 1, 2 * len(devices))
    return judged, problems


def _entry(device: Device, events: Sequence[VerificationEvent], book: LawBook, on: date) -> _Entry:
    came_back = device.state_since if device.state is DeviceState.IN_USE else None
    device = replace(device, state=_state_on(device, on))
    law, problems = book.law(device, events)
    if _seal_is_open(device):
        events = [*events, _noted_opening(device, on)]
    standing = standing_of(law, events, on)
    problems += [reasons.unmeant(one) for one in standing.unmeant]
    if law.on(on).counts_from_use and device.put_into_use is None and standing.verdict is not None:
        problems.append(
            f"put_into_use: is missing: the period of {law.on(on).document} counts from it; until it is given, from "
            f"the first verification"
        )
    contradiction = _contradiction(device, standing)
    problems += [] if contradiction is None else [contradiction]
    problems += [
        f"event {event.id}: supersedes: {name!r}: this instrument has no such event or certificate; mend the id"
        for event, name in standing.unknown_references
    ]
    return _Entry(device=device, law=law, standing=standing, problems=problems, came_back=came_back)


def _state_on(device: Device, on: date) -> DeviceState:
    """The state on the day; one that begins later does not hold yet."""
    return DeviceState.IN_USE if device.state_since is not None and device.state_since > on else device.state


def _contradiction(device: Device, standing: Standing) -> str | None:
    """A register that says under repair or scrapped of what was passed since."""
    verdict, since = standing.verdict, device.state_since
    if device.state not in {DeviceState.UNDER_REPAIR, DeviceState.SCRAPPED} or verdict is None or since is None:
        return None
    if not verdict.passed or verdict.event.completed <= since:
        return None
    return (
        f"state: {device.state.value!r} since {since}, and it passed on {verdict.event.completed}: mend the state, "
        f"which counts until then"
    )


def _seal_is_open(device: Device) -> bool:
    return _BROKEN.search(_NOT_BROKEN.sub("", (device.seal or "").lower())) is not None


def _noted_opening(device: Device, on: date) -> VerificationEvent:
    """The register's note that the seal is open, as the event that it stands for."""
    return VerificationEvent(
        id="register",
        instrument=device.id,
        kind=EventKind.SEAL_OPENED,
        completed=on,
        decision=Decision.NONE,
        performed_by="",
    )


def _estimate(entries: Sequence[_Entry], on: date, settings: CalibrationSettings) -> None:
    """The error of each instrument with values, all at once; beside it without its owner's own checks."""
    offset = settings.utc_offset_minutes
    tracks: list[tuple[LegalStatus, Track]] = []
    owners: list[_Entry] = []
    since: list[int] = []
    for entry in entries:
        mpe = entry.law.on(on).mpe.get(entry.standing.accuracy_class)
        if mpe is None or mpe.others or entry.device.state is not DeviceState.IN_USE:
            continue  # without limits, or with limits that depend on another quantity: the engine knows one
        legal = _legal_status(entry, mpe, on)
        checks = entry.law.on(on).mandatory and any(
            event.kind is EventKind.INTERMEDIATE_CHECK and event.points for event in entry.standing.events
        )
        for without_checks in (False, True) if checks else (False,):
            track = _track(entry, legal, offset, without_checks=without_checks)
            if track is not None:
                verdict = entry.standing.verdict
                tracks.append((legal, track))
                owners.append(entry)
                since.append(0 if verdict is None else instant_of(verdict.event.completed, offset))
    priors = FleetPriors(offset)
    priors.learn([track for _, track in tracks], on)
    found = estimate_fleet(tracks, priors, change_design(settings))
    now_ns = instant_of(on, offset)
    for entry, estimate in zip(owners, estimates_at(found, since, now_ns=now_ns, settings=settings), strict=True):
        entry.estimates = (*entry.estimates, estimate)


def _legal_status(entry: _Entry, mpe: MaximumPermissibleError, on: date) -> LegalStatus:
    rules = entry.law.on(on)
    return LegalStatus(
        instrument=entry.device.id,
        regime=rules.regime,
        channel=_INDICATION,
        mpe=mpe,
        period_months=None if rules.regime is Regime.FIRST_SCRAP else rules.period_months or 12,
        catalogue=CatalogueReference(document=rules.document, confidence=Confidence.MEDIUM),
    )


def _track(entry: _Entry, legal: LegalStatus, offset: int, *, without_checks: bool) -> Track | None:
    events = _evidence(entry.standing, second=entry.law.second is not None, without_checks=without_checks)
    observations, problems = observations_of(events, legal, utc_offset_minutes=offset)
    record = InstrumentRecord(
        legal=legal, kind=entry.device.kind, pair=None, events=tuple(events), observations=tuple(observations)
    )
    try:
        track = build_track(record)
    except CalibrationError as error:
        entry.problems.append(str(error))
        return None
    if not without_checks:
        entry.problems += [*problems, *(() if track is None else track.refused)]
    return track


def _evidence(standing: Standing, *, second: bool, without_checks: bool) -> list[VerificationEvent]:
    """The events as evidence of the error: without what cannot be meant, and tested at the second quantity's values."""
    unmeant = {id(one.point) for one in standing.unmeant}
    found = []
    for event in standing.events:
        if without_checks and event.kind is EventKind.INTERMEDIATE_CHECK:
            continue
        points = [
            replace(point, test_point=point.at) if second and point.at is not None else point
            for point in event.points
            if id(point) not in unmeant
        ]
        found.append(replace(event, points=tuple(points)))
    return found


def _judge_lots(entries: Sequence[_Entry], settings: CalibrationSettings) -> None:
    """Let the first device of each failed lot that still serves carry its order."""
    carried = carried_lots([(entry.device, entry.standing) for entry in entries], settings.reliability_target)
    for entry in entries:
        entry.lot = carried.get(entry.device.id)


def _judgement(entry: _Entry, on: date, settings: CalibrationSettings) -> Judgement:
    device, standing = entry.device, entry.standing
    case = Case(
        law=entry.law,
        standing=standing,
        at_ns=instant_of(on, settings.utc_offset_minutes),
        today=on,
        settings=settings,
        state=device.state,
        estimates=entry.estimates,
        state_since=device.state_since,
        came_back=entry.came_back,
        lot=entry.lot,
    )
    dates = dates_of(case)
    findings = find(case, dates)
    wanted = [
        WantedOrder(trigger=one.evidence.trigger, due_date=one.due_date, reason=one.evidence.sentence)
        for one in findings.found
    ]
    newest = max((event.completed for event in standing.events if event.points), default=on)
    doubts = [reasons.in_doubt(fact, newest, on) for fact in standing.facts if fact.kind in DOUBTS]
    return Judgement(
        instrument=device.id,
        status=status_of(case, dates, findings),
        statutory_due=dates.statutory,
        valid_until=dates.valid_until,
        due_date=dates.due,
        doubtful=is_doubtful(case),
        orders=tuple(sorted(wanted, key=lambda one: (one.due_date, one.trigger))),
        problems=(*dict.fromkeys(entry.problems), *doubts),
    )
