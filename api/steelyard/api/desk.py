"""What a principal may see of the records, gathered with as few queries as the page needs.

Every reading of the records for a person or program goes through here, so the rule of who sees what stands in one
place. What another organization owns is `Missing`, like what is not there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from steelyard.api.errors import Forbidden, Missing
from steelyard.api.instants import DAY_NS
from steelyard.api.principals import Principal, visible
from steelyard.api.supervision import Supervised, supervised
from steelyard.api.wording import GROUP_OF
from steelyard.calibration.completeness import StillMissing, still_missing
from steelyard.calibration.verification.assessment import Assessment
from steelyard.calibration.verification.due_date import instant_of, legal_date
from steelyard.calibration.verification.work_orders import WorkOrder
from steelyard.contracts.clock import Clock
from steelyard.contracts.devices import FIRST_DAY, Ownership
from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import InstrumentId, OrganizationId, parse_instrument_id
from steelyard.contracts.registry import Gateway, Instrument, Organization, OrganizationKind
from steelyard.storage.ledger import LedgerReader, Refused
from steelyard.storage.readings.port import ReadingsStore
from steelyard.storage.records import Alert, GatewayHealth, Records

MAX_REFUSED = 200
"""Quarantine entries shown at most, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetItem:
    """An instrument, whose it is, what is known of it, and its open orders (the gravest first).

    Readings and what follows from them are shown from the legal date `since` on, which begins at `since_ns` (UTC ns):
    before, the device was somebody else's.
    """

    instrument: Instrument
    owner: Organization
    assessment: Assessment | None
    orders: tuple[WorkOrder, ...]
    since: date = FIRST_DAY
    since_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayItem:
    """A gateway, whose it is, how many instruments it reads, and its health if it was ever heard of."""

    gateway: Gateway
    owner: Organization
    instruments: int
    health: GatewayHealth | None


class Desk:
    """The stores, seen by somebody."""

    def __init__(
        self,
        records: Records,
        readings: ReadingsStore,
        ledger: LedgerReader | None,
        clock: Clock,
        utc_offset_minutes: int,
    ) -> None:
        self._utc_offset_minutes = utc_offset_minutes
        self.records = records
        self.readings = readings
        self.ledger = ledger
        self.clock = clock

    def today(self) -> date:
        """Return the legal date, by which what is due is counted."""
        return legal_date(self.clock.now_ns(), self._utc_offset_minutes)

    def still_missing(self) -> StillMissing:
        """Return what has not been assessed yet, of the whole fleet."""
        return still_missing(
            self.records.registry,
            self.records.verification,
            now_ns=self.clock.now_ns(),
            utc_offset_minutes=self._utc_offset_minutes,
        )

    def sight(self, principal: Principal) -> dict[OrganizationId, Organization]:
        """Return the organizations whose things the principal may see."""
        watched = self._supervised(principal)
        return self._at_home(principal) if watched is None else self._at_home(principal) | watched.owners

    def _at_home(self, principal: Principal) -> dict[OrganizationId, Organization]:
        """The organizations themselves, wherever their instruments hang."""
        registry = self.records.registry
        return visible(principal, registry.organizations(), registry.service_relations(), self.today())

    def _supervised(self, principal: Principal) -> Supervised | None:
        """What a supervisor sees of instruments; None for all others, who see what their organizations own."""
        if principal.organization.kind is not OrganizationKind.SUPERVISOR:
            return None
        return supervised(self.records, principal.organization.region, self.today())

    def legal_day_ns(self, day: date) -> int:
        """Return the instant at which a legal date begins, UTC nanoseconds."""
        return instant_of(day, self._utc_offset_minutes) - DAY_NS // 2

    def instruments(self, principal: Principal) -> dict[InstrumentId, Instrument]:
        """Return what is registered of all instruments that the principal may see."""
        sight, watched = self.sight(principal), self._supervised(principal)
        return {
            each.id: each
            for each in self.records.registry.instruments()
            if _seen(each.id, each.organization, sight, watched)
        }

    def fleet(self, principal: Principal) -> list[FleetItem]:
        """Return all instruments that the principal may see, the gravest first, then by date. Five queries."""
        sight, watched = self.sight(principal), self._supervised(principal)
        assessments = self.records.verification.latest_assessments()
        orders: dict[InstrumentId, list[WorkOrder]] = defaultdict(list)
        for order in self.records.orders.open_orders():
            orders[order.instrument].append(order)
        items = [
            FleetItem(
                instrument=instrument,
                owner=sight[instrument.organization],
                assessment=assessments.get(instrument.id),
                orders=tuple(orders.get(instrument.id, ())),
            )
            for instrument in self.records.registry.instruments()
            if _seen(instrument.id, instrument.organization, sight, watched)
        ]
        return sorted(items, key=_urgency)

    def instrument(self, principal: Principal, name: str) -> FleetItem:
        """Return one instrument.

        Raises:
            Missing: there is none of this name that the principal may see.
        """
        sight, watched = self.sight(principal), self._supervised(principal)
        instrument = self._instrument(name)
        if instrument is None or not _seen(instrument.id, instrument.organization, sight, watched):
            raise _no_instrument(name)
        orders = self.records.orders.orders_of(instrument.id)
        since = FIRST_DAY
        if watched is None:
            since = shown_since(self.records.devices.ownerships(instrument.id), sight, self.today())
        return FleetItem(
            instrument=instrument,
            owner=sight[instrument.organization],
            assessment=self.newest_assessment(instrument.id),
            orders=tuple(order for order in orders if order.open),
            since=since,
            since_ns=0 if since <= FIRST_DAY else self.legal_day_ns(since),
        )

    def any_instrument(self, name: str) -> Instrument:
        """Return what is registered of an instrument, whoever sees it: for the administrator's imports.

        Raises:
            Missing: there is none of this name.
        """
        instrument = self._instrument(name)
        if instrument is None:
            raise _no_instrument(name)
        return instrument

    def _instrument(self, name: str) -> Instrument | None:
        try:
            return self.records.registry.instrument(parse_instrument_id(name))
        except IdentifierError:
            return None

    def newest_assessment(self, instrument: InstrumentId) -> Assessment | None:
        """Return an instrument's newest assessment: the one stored last, whatever the clock said then."""
        return self.records.verification.latest_assessment(instrument)

    def orders(self, principal: Principal) -> list[WorkOrder]:
        """Return the orders for instruments that the principal may see: open ones first, then by date, newest first."""
        sight, watched = self.sight(principal), self._supervised(principal)
        found = [
            order
            for order in self.records.orders.orders(list(sight))
            if _seen(order.instrument, order.organization, sight, watched)
        ]
        return sorted(found, key=lambda o: (not o.open, o.due_date is None, o.due_date or 0, -o.raised_ns))

    def order(self, principal: Principal, name: str) -> WorkOrder:
        """Return one work order.

        Raises:
            Missing: there is none of this name that the principal may see.
        """
        order = self.records.orders.order(name) if _plain(name) else None
        seen = order is not None and _seen(
            order.instrument, order.organization, self.sight(principal), self._supervised(principal)
        )
        if order is None or not seen:
            raise Missing(
                "There is no work order of this name that you may see.",
                field="work_order",
                value=name,
                remedy="Check the name; the list of work orders shows them all.",
            )
        return order

    def gateways(self, principal: Principal) -> list[GatewayItem]:
        """Return the gateways that the principal may see, by name."""
        sight = self._at_home(principal)
        health = {each.gateway: each for each in self.records.health.all()}
        counts: dict[str, int] = defaultdict(int)
        for instrument in self.records.registry.instruments():
            if instrument.gateway is not None:
                counts[instrument.gateway] += 1
        return [
            GatewayItem(
                gateway=gateway,
                owner=sight[gateway.organization],
                instruments=counts[gateway.id],
                health=health.get(gateway.id),
            )
            for gateway in self.records.registry.gateways()
            if gateway.organization in sight
        ]

    def alerts(self, principal: Principal, limit: int) -> list[Alert]:
        """Return the newest alerts about instruments that the principal may see, the newest first."""
        sight, watched = self.sight(principal), self._supervised(principal)
        found = self.records.alerts.log(list(sight), limit)
        return [alert for alert in found if _seen(alert.instrument, alert.organization, sight, watched)]

    def refused(self, principal: Principal) -> list[Refused]:
        """Return the newest refused messages, the newest first.

        For institutes alone: a refused message may claim any sender.

        Raises:
            Forbidden: somebody else asks.
            Missing: this process does not read the ledger.
        """
        if not principal.institute:
            raise Forbidden(
                "Only an institute sees refused messages.",
                field="role",
                value=principal.role.value,
                remedy="Ask the institute that looks after your instruments.",
            )
        if self.ledger is None:
            raise Missing(
                "This process was started without the ledger.",
                field="stores.ledger",
                remedy="Name the ledger in the table [stores] of server.toml.",
            )
        size = self.ledger.quarantine_size()
        return self.ledger.quarantined(max(0, size - MAX_REFUSED), MAX_REFUSED)[::-1]


def _no_instrument(name: str) -> Missing:
    return Missing(
        "There is no instrument of this name that you may see.",
        field="instrument",
        value=name,
        remedy="Check the name; the list of your instruments shows them all.",
    )


def shown_since(ownerships: Sequence[Ownership], sight: Collection[OrganizationId], today: date) -> date:
    """Return the first day of a device that somebody sees who sees `sight`: from then on all its owners are."""
    since = FIRST_DAY
    for one in sorted(ownerships, key=lambda each: each.since):
        if one.since <= today and one.organization not in sight:
            since = today if one.until is None else one.until
    return since


def _seen(
    instrument: InstrumentId,
    organization: OrganizationId,
    sight: Collection[OrganizationId],
    watched: Supervised | None,
) -> bool:
    return organization in sight and (watched is None or instrument in watched.instruments)


def _urgency(item: FleetItem) -> tuple[int, bool, int, str]:
    status = item.assessment.status if item.assessment else None
    due = item.assessment.due_date if item.assessment else None
    return (GROUP_OF[status], due is None, due.toordinal() if due else 0, item.instrument.id)


def _plain(name: str) -> bool:
    """Whether a name can be one of ours: databases refuse some characters that a URL can carry."""
    return name.isascii() and name.isprintable() and len(name) <= 200
