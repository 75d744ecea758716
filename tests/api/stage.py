"""A small world for the tests of this room: organizations, instruments with a history, orders, alerts, people, keys.

Everything is stored through the real stores (SQLite files) and is a function of `NOW_NS` alone.
"""

import math
import random
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from api.devices import DAY, DEVICES, GATEWAYS, NOW_NS, NS, ORGANIZATIONS, SERVED, TODAY, Device
from argon2 import PasswordHasher

from steelyard.api.app import create_app
from steelyard.api.passwords import Passwords
from steelyard.api.people import create_account, create_api_key
from steelyard.api.settings import ApiSettings
from steelyard.calibration.verification.assessment import (
    Assessment,
    Assumed,
    ErrorEstimate,
    Forecast,
    Jump,
)
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.events import Decision, EventKind, EventPoint, VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation, ObservationSource, ObservationStage
from steelyard.calibration.verification.regime import CatalogueReference, Confidence, LegalStatus, Regime
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import Evidence, OrderState, WorkOrder, raise_order
from steelyard.contracts.devices import FIRST_DAY, Placement, Position
from steelyard.contracts.frame import Block, ClockStatus, Frame
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.registry import Channel, Gateway, Instrument
from steelyard.storage.ledger import Ledger, LedgerReader
from steelyard.storage.readings import open_readings
from steelyard.storage.records import Alert, GatewayHealth, Registrar, Registration, open_records, upgrade

HUNG = {"hengyuan": "pt-h-02", "linjiang": "ws-l-02", "taihu": "tt-t-01", "provincial": "tt-i-01"}
"""One instrument of each owner hangs at a position, in its owner's region."""

QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
PASSWORD = "correct horse battery"


class SettableClock:
    """A clock that stands until it is set."""

    def __init__(self, now_ns: int = NOW_NS) -> None:
        self.t = now_ns

    def now_ns(self) -> int:
        return self.t

    def to_wall_ns(self, t_ns: int) -> int:
        return t_ns

    @property
    def status(self) -> ClockStatus:
        return ClockStatus(state="unknown")


def normal_outside(mean: float, sd: float, limit: float) -> float:
    return 0.5 * (math.erfc((limit - mean) / (sd * math.sqrt(2))) + math.erfc((limit + mean) / (sd * math.sqrt(2))))


def probably_outside(device: Device, days: float) -> float:
    return normal_outside(_mean(device, days), _sd(device, days), device.limit)


def _mean(device: Device, days: float) -> float:
    return device.error + device.rate * days / 365.25


def _sd(device: Device, days: float) -> float:
    return math.hypot(device.expanded / 2, 0.06 * device.limit * math.sqrt(days / 90) if days else 0.0)


def due_of(device: Device) -> date:
    return device.verified + timedelta(days=round(device.months * 30.4375))


def assessment_of(device: Device, at_ns: int = NOW_NS) -> Assessment:
    days = tuple(float(day) for day in range(0, 366, 7))
    statutory = due_of(device)
    status, reason, recommended = InstrumentStatus.VALID, f"Valid until {statutory}; no sign of drift.", None
    if device.id == "pt-h-02":
        recommended = TODAY + timedelta(days=38)
        status = InstrumentStatus.DRIFTING
        reason = (
            "The error is 6.8 kPa, 85 % of the permitted 8 kPa, and grows by 7.3 kPa a year. "
            f"The chance of leaving the limits passes 10 % on {recommended}."
        )
    elif device.jump:
        status = InstrumentStatus.JUMPED
        reason = "The error rose by 1.50 % on 2026-10-12. It is now 1.42 %; 1 % is permitted."
    elif 0 <= (statutory - TODAY).days <= 30:
        status = InstrumentStatus.DUE_SOON
        reason = f"The statutory period of {device.months} months ends on {statutory}."
    return Assessment(
        instrument=device.id,
        at_ns=at_ns,
        status=status,
        reason=reason,
        statutory_due=statutory,
        recommended_due=recommended,
        due_date=min(recommended or statutory, statutory),
        estimate=ErrorEstimate(
            channel=device.channels[0][0],
            test_point=device.channels[0][4],
            test_point_unit=device.channels[0][2],
            unit=device.error_unit,
            error=device.error,
            standard_uncertainty=device.expanded / 2,
            mpe_lower=-device.limit,
            mpe_upper=device.limit,
            rate_per_year=device.rate,
            rate_standard_uncertainty=0.06 * device.limit,
            drift_significant=device.id == "pt-h-02",
            probability_out_of_tolerance=probably_outside(device, 0.0),
            observation_count=311,
            last_observation_ns=at_ns - 6 * 3600 * NS,
            forecast=Forecast(
                days=days,
                mean=tuple(_mean(device, day) for day in days),
                lower=tuple(_mean(device, day) - 1.96 * _sd(device, day) for day in days),
                upper=tuple(_mean(device, day) + 1.96 * _sd(device, day) for day in days),
                probability=tuple(probably_outside(device, day) for day in days),
            ),
            jump=Jump(
                t_ns=NOW_NS - 40 * DAY, detected_ns=NOW_NS - 38 * DAY, size=device.jump, standard_uncertainty=0.06
            )
            if device.jump
            else None,
            assumed=Assumed(
                error=0.4 * device.limit,
                rate_per_year=0.2 * device.limit,
                wander=0.1 * device.limit,
                instruments=0 if device.jump else 214,
                certificates=0 if device.jump else 860,
            ),
        ),
    )


def observations_of(device: Device) -> list[ErrorObservation]:
    """Two years of daily comparisons for devices with a reference beside them."""
    if device.kind in {"resistance_thermometer", "digital_indicating_scale"}:
        return []
    found = []
    verified_days = (TODAY - device.verified).days
    chance = random.Random(device.id)
    for ago in range(700, 0, -2):
        noise = chance.gauss(0.0, 0.045 * device.limit)
        since = ago if ago <= verified_days else ago - verified_days
        error = device.error - device.rate * since / 365.25 + noise
        if device.jump and ago > 40:
            error -= device.jump
        found.append(
            ErrorObservation(
                instrument=device.id,
                channel=device.channels[0][0],
                t_ns=NOW_NS - ago * DAY,
                error=error,
                standard_uncertainty=0.05 * device.limit,
                test_point=device.channels[0][4],
                unit=device.error_unit,
                source=ObservationSource.REFERENCE_PAIR,
            )
        )
    return found


def events_of(device: Device) -> list[VerificationEvent]:
    first = device.verified - timedelta(days=400)
    days = (TODAY - device.verified).days
    left = device.error - device.jump - device.rate * days / 365.25
    found = left + (5.6 if device.id == "pt-h-02" else 0.05 * device.limit)
    mandatory = device.regime is not Regime.VOLUNTARY
    return [
        VerificationEvent(
            id=f"event-{device.id}-1",
            instrument=device.id,
            kind=EventKind.FIRST_VERIFICATION if mandatory else EventKind.CALIBRATION,
            completed=first,
            decision=Decision.PASSED,
            performed_by="Provincial Metrology Institute",
            certificate=f"PMI-{first.year}-{device.id}",
            points=(_point(device, None, 0.02 * device.limit),),
        ),
        VerificationEvent(
            id=f"event-{device.id}-2",
            instrument=device.id,
            kind=EventKind.SUBSEQUENT_VERIFICATION if mandatory else EventKind.CALIBRATION,
            completed=device.verified,
            decision=Decision.PASSED,
            performed_by="Provincial Metrology Institute",
            certificate=f"PMI-{device.verified.year}-{device.id}",
            points=(_point(device, found, left),),
        ),
    ]


def _point(device: Device, as_found: float | None, as_left: float) -> EventPoint:
    return EventPoint(
        test_point=float(f"{device.channels[0][4]:.2g}"),
        unit=device.error_unit,
        as_found=as_found,
        as_left=as_left,
        expanded_uncertainty=0.15 * device.limit,
    )


def order_of(device: Device, trigger: Trigger, cause: str) -> WorkOrder:
    held = assessment_of(device)
    at_ns = NOW_NS - 2 * DAY
    return WorkOrder(
        id=f"wo-{device.id}-{trigger.value}",
        instrument=device.id,
        organization=device.organization,
        trigger=trigger,
        cause=cause,
        state=OrderState.PROPOSED,
        due_date=held.due_date,
        reason=held.reason,
        mandatory=device.regime is not Regime.VOLUNTARY,
        raised_ns=at_ns,
        updated_ns=at_ns,
        evidence=(
            Evidence(
                trigger=trigger,
                at_ns=at_ns,
                sentence=held.reason,
                unit=device.error_unit,
                test_point=device.channels[0][4],
                error=device.error,
                standard_uncertainty=device.expanded / 2,
                mpe_lower=-device.limit,
                mpe_upper=device.limit,
                rate_per_year=device.rate,
                probability_out_of_tolerance=held.probability_out_of_tolerance,
            ),
        ),
    )


def registration() -> Registration:
    key = SigningKey.from_pem(SigningKey.generate().to_pem()).public
    return Registration(
        organizations=ORGANIZATIONS,
        service_relations=SERVED,
        gateways=[Gateway(id=f"gw-{org}", organization=org, public_key=key) for org in GATEWAYS],
        instruments=[
            Instrument(
                id=d.id, organization=d.organization, gateway=f"gw-{d.organization}", name=d.name, kind=d.kind,
                profile=d.profile, serial=f"SN-{1000 + n}", location=d.location, accuracy_class=d.accuracy_class,
            )
            for n, d in enumerate(DEVICES)
        ],
        channels=[
            Channel(instrument=d.id, id=name, quantity=quantity, unit=unit, resolution=resolution)
            for d in DEVICES
            for name, quantity, unit, resolution, _ in d.channels
        ],
        positions=[
            Position(id=f"place-{org.id[0]}", organization=org.id, name=f"Place of {org.name}", region=org.region)
            for org in ORGANIZATIONS
            if org.id in HUNG
        ],
        placements=[
            Placement(instrument=name, position=f"place-{org[0]}", since=FIRST_DAY) for org, name in HUNG.items()
        ],
        legal_statuses=[
            LegalStatus(
                instrument=d.id, regime=d.regime, channel=d.channels[0][0], mpe=d.mpe, period_months=d.months,
                catalogue=CatalogueReference(document=d.document, confidence=Confidence.HIGH),
            )
            for d in DEVICES
        ],
    )  # fmt: skip


def frames(span_ns: int, step_ns: int) -> list[Frame]:
    found, seq = [], 0
    for org in GATEWAYS:
        for t in range(NOW_NS - span_ns + step_ns - 2 * NS, NOW_NS, step_ns):
            seq += 1
            hour = (t // NS % 86_400) / 3600
            wave = 1 + 0.03 * math.sin(2 * math.pi * hour / 24) + 0.004 * math.sin(t / NS * 0.7)
            blocks = tuple(
                Block(
                    instrument=d.id,
                    channels=tuple(c[0] for c in d.channels),
                    t=(t,),
                    span_us=(3000,),
                    values=tuple((round(c[4] * wave / c[3]) * c[3],) for c in d.channels),
                    status=tuple((0,) for _ in d.channels),
                )
                for d in DEVICES
                if d.organization == org
            )
            found.append(
                Frame(
                    gateway=f"gw-{org}", boot="00000001-0a1b2c3d", seq=seq, sent=t, clock=ClockStatus(state="synced"),
                    blocks=blocks,
                )
            )  # fmt: skip
    return found


PEOPLE = {
    "owner": ("hengyuan", Role.OWNER),
    "operator": ("hengyuan", Role.SITE_OPERATOR),
    "other-owner": ("linjiang", Role.OWNER),
    "planner": ("provincial", Role.PLANNER),
    "verifier": ("provincial", Role.VERIFIER),
    "checker": ("provincial", Role.CHECKER),
    "approver": ("provincial", Role.APPROVER),
    "administrator": ("provincial", Role.ADMINISTRATOR),
    "supervisor": ("supervision", Role.SUPERVISOR),
}


class Stage:
    """The world, opened: stores, clock, keys by the names in PEOPLE."""

    def __init__(
        self, directory: Path, *, history: bool = False, like: "Stage | None" = None, url: str | None = None
    ) -> None:
        self.directory = directory
        self.clock = SettableClock()
        self.url = url or f"sqlite:///{directory}/records.db"
        if like is not None:  # a closed one: its files are copied, which is much quicker than filling new ones
            shutil.copytree(like.directory, directory, dirs_exist_ok=True)
            self.keys, self.orders = like.keys, like.orders
            self._open()
            return
        upgrade(self.url)
        ledger = Ledger(directory / "ledger.db")
        ledger.quarantine("gw-unknown", "steelyard/v1/x/gw-unknown/frame", "unknown gateway", b"\x00", NOW_NS)
        ledger.close()
        self._open()
        self._fill(history=history)

    def _open(self) -> None:
        self.records = open_records(self.url)
        self.readings = open_readings(f"sqlite:///{self.directory}/readings.db")
        self.ledger = LedgerReader(self.directory / "ledger.db")

    def _fill(self, *, history: bool) -> None:
        self.records.registry.apply(
            registration(), Registrar(who="test", role="administrator", why="stage", at_ns=NOW_NS)
        )
        verification = self.records.verification
        for device in DEVICES:
            for event in events_of(device):
                verification.add_event(event, _audit("record_event", "instrument", device.id), _papers(device, event))
            verification.append_observations(observations_of(device), [])
        verification.save_assessments([assessment_of(device) for device in DEVICES])
        self.orders = {}
        for name, trigger, cause in (
            ("pt-h-02", Trigger.DRIFT, "drift:2026-12"),
            ("em-h-03", Trigger.JUMP, "jump:2026-10-12"),
            ("ws-l-02", Trigger.DUE, "due:2026-12-11"),
        ):
            order = order_of(next(d for d in DEVICES if d.id == name), trigger, cause)
            self.orders[trigger] = order.id
            self.records.orders.add_order(order, raise_order(order, who="calibration", role=Role.SYSTEM).audit)
        self._operations()
        self.readings.write(frames(30 * DAY, 2 * 3600 * NS) if history else frames(DAY, 6 * 3600 * NS))
        self.keys = {
            name: create_api_key(self.records, organization=org, role=role, name=name, created_by="test", now_ns=NOW_NS)
            for name, (org, role) in PEOPLE.items()
        }
        for name, (org, role) in PEOPLE.items():
            create_account(
                self.records, QUICK, organization=org, name=name.capitalize(), email=f"{name}@{org}.test",
                role=role, password=PASSWORD, created_by="test", now_ns=NOW_NS,
            )  # fmt: skip

    def app(self, **settings):
        return create_app(
            ApiSettings(**settings), self.records, self.readings, self.ledger, self.clock, passwords=QUICK
        )

    def decide(
        self,
        name: str,
        state: OrderState = OrderState.PASSED,
        *,
        outcome: OrderState | None = None,
        people: tuple[str | None, str | None, str | None] = ("person-v", "person-c", "person-a"),
        assigned_to: str = "provincial",
    ) -> WorkOrder:
        """Bring an order to a state in which something was decided, by these people, with its history."""
        held = self.records.orders.order(name)
        decided = replace(
            held, state=state, assigned_to=assigned_to, verified_by=people[0], checked_by=people[1],
            approved_by=people[2], revision=held.revision + 1,
        )  # fmt: skip
        entry = AuditEntry(
            at_ns=NOW_NS, who="person-a", role="approver", action="transition", object_kind="work_order",
            object_id=name, old="reviewed", new=(outcome or state).value, why="",
        )  # fmt: skip
        self.records.orders.update_order(decided, entry)
        return decided

    def close(self) -> None:
        self.ledger.close()
        self.readings.close()
        self.records.close()

    def _operations(self) -> None:
        self.records.health.put(
            [
                GatewayHealth(
                    gateway=f"gw-{org}", boot="00000001-0a1b2c3d", state=state, contiguous_upto=4120,
                    last_frame_ns=NOW_NS - seconds * NS, received_frames=4120, received_readings=412_000,
                    missed_polls=missed, spooled_frames=0, clock_state="synced", clock_error_ms=2.1, updated_ns=NOW_NS,
                )
                for org, state, seconds, missed in (
                    ("hengyuan", "online", 1, 0), ("linjiang", "online", 2, 3), ("provincial", "offline", 7200, 0)
                )
            ]
        )  # fmt: skip
        order = self.records.orders.order(self.orders[Trigger.DRIFT])
        self.records.alerts.add(
            [
                Alert(
                    id="alert-1", work_order=order.id, instrument=order.instrument, organization=order.organization,
                    medium="email", recipient="owner@hengyuan.example", subject="Drift: Steam pressure 2 (pt-h-02)",
                    body="Verify early.", created_ns=NOW_NS - DAY, sent_ns=NOW_NS - DAY, attempts=1,
                    outcome="accepted by mail.example", news=f"1 by {order.due_date}",
                )
            ]
        )  # fmt: skip


def _papers(device: Device, event: VerificationEvent) -> list[ErrorObservation]:
    (point,) = event.points
    at_ns = int(datetime(event.completed.year, event.completed.month, event.completed.day, 12, tzinfo=UTC).timestamp())
    return [
        ErrorObservation(
            instrument=device.id, channel=device.channels[0][0], t_ns=at_ns * NS, error=error,
            standard_uncertainty=0.075 * device.limit, test_point=point.test_point, unit=point.unit,
            source=ObservationSource.CERTIFICATE, stage=stage, event=event.id,
        )
        for stage, error in ((ObservationStage.AS_FOUND, point.as_found), (ObservationStage.AS_LEFT, point.as_left))
        if error is not None
    ]  # fmt: skip


def _audit(action: str, kind: str, name: str) -> AuditEntry:
    return AuditEntry(
        at_ns=NOW_NS, who="test", role="administrator", action=action, object_kind=kind, object_id=name,
        old=None, new=None, why="stage",
    )  # fmt: skip
