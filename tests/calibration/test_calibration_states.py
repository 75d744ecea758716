"""The service and the states of devices: what is stored or scrapped asks for nothing, what comes back is verified."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from calibration.cases import DAY_NS, event, ns
from calibration.fleet import NOW, TODAY, Fleet

from steelyard.calibration.verification.device_states import StateEntry
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import OrderState, transition

SCALE = "ws-l-02"
VERIFIED = date(2025, 12, 1)
"""With 12 months due on 2026-12-01, ten days after TODAY: an order is open (lead 60 days)."""


class Ledger:
    """One scale whose verification falls due, and its service."""

    def __init__(self, verified=VERIFIED):
        self.fleet = Fleet()
        self.fleet.scale(SCALE, verified)
        self.service = self.fleet.service()

    def enter(self, state, since):
        entry = StateEntry(instrument=SCALE, state=state, since=since)
        self.fleet.stores.registry.states.append(entry)

    def run(self, at_ns=NOW):
        self.service.run_once(at_ns)
        return self.fleet.stores.verification.latest_assessments()[SCALE]

    @property
    def order(self):
        (held,) = [one for one in self.fleet.stores.orders.orders.values() if one.trigger.value == "due"]
        return held

    @property
    def open(self):
        return [one.trigger.value for one in self.fleet.stores.orders.open_orders()]


def test_without_a_state_the_scale_is_in_use_and_due():
    ledger = Ledger()
    assert ledger.run().status is InstrumentStatus.DUE_SOON
    assert ledger.open == ["due"]


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (DeviceState.STORED, InstrumentStatus.STORED, "is stored since 2026-11-20: nothing is asked"),
        (DeviceState.SCRAPPED, InstrumentStatus.SCRAPPED, "is scrapped since 2026-11-20: it stays in the ledger"),
        (DeviceState.OUT_OF_SERVICE, InstrumentStatus.OUT_OF_SERVICE, "is out of service since 2026-11-20"),
    ],
)
def test_l22_l23_what_left_use_asks_for_nothing_and_its_open_orders_are_withdrawn(state, status, words):
    ledger = Ledger()
    ledger.run()
    ledger.enter(state, TODAY - timedelta(days=1))
    found = ledger.run(NOW + 60 * 10**9)  # within the day, as soon as it is entered
    assert (found.status, found.due_date) == (status, None)
    assert words in found.reason
    assert (ledger.order.state, ledger.open) == (OrderState.WITHDRAWN, [])
    assert f"the instrument is {state.value.replace('_', ' ')}" in ledger.fleet.stores.orders.audit[-1].why


def test_l22_an_approved_order_is_withdrawn_too():
    ledger = Ledger()
    ledger.run()
    change = transition(
        ledger.order, to=OrderState.APPROVED, who="owner", role=Role.OWNER, why="yes", at_ns=NOW + 10**9
    )
    ledger.fleet.stores.orders.update_order(change.order, change.audit)
    ledger.enter(DeviceState.STORED, TODAY)
    ledger.run(NOW + 60 * 10**9)
    assert ledger.order.state is OrderState.WITHDRAWN


def test_l22_nothing_falls_due_while_it_is_stored():
    ledger = Ledger()
    ledger.enter(DeviceState.STORED, TODAY - timedelta(days=1))
    for days in (0, 30, 400):
        assert ledger.run(NOW + days * DAY_NS).status is InstrumentStatus.STORED
    assert ledger.fleet.stores.orders.orders == {}


def test_l22_back_after_the_periods_end_it_is_verified_before_it_is_used():
    ledger = Ledger()
    ledger.enter(DeviceState.STORED, TODAY - timedelta(days=1))
    ledger.run()
    ledger.enter(DeviceState.IN_USE, date(2027, 3, 1))
    assert ledger.run(ns(2027, 2, 28)).status is InstrumentStatus.STORED
    found = ledger.run(ns(2027, 3, 1))
    assert (found.status, ledger.open) == (InstrumentStatus.OVERDUE, ["due"])
    assert "back in use since 2027-03-01: verify it before it is used" in ledger.order.reason


def test_l22_back_before_the_periods_end_it_goes_on():
    ledger = Ledger(verified=TODAY - timedelta(days=100))
    ledger.enter(DeviceState.STORED, TODAY - timedelta(days=50))
    ledger.enter(DeviceState.IN_USE, TODAY)
    found = ledger.run()
    assert (found.status, ledger.open) == (InstrumentStatus.VALID, [])
    assert found.due_date == (TODAY - timedelta(days=100)).replace(year=2027)


def test_l23_scrapping_ends_all_dates_for_ever():
    ledger = Ledger()
    ledger.enter(DeviceState.SCRAPPED, TODAY)
    for days in (0, 500, 3000):
        found = ledger.run(NOW + days * DAY_NS)
        assert (found.status, found.statutory_due, found.due_date) == (InstrumentStatus.SCRAPPED, None, None)
    assert ledger.fleet.stores.orders.orders == {}


def test_l23_what_an_institute_has_received_is_left_to_it():
    ledger = Ledger()
    ledger.run()
    steps = [
        (OrderState.APPROVED, Role.OWNER, None),
        (OrderState.ASSIGNED, Role.PLANNER, "provincial"),
        (OrderState.ACCEPTED, Role.RECEIVER, None),
        (OrderState.SCHEDULED, Role.PLANNER, None),
        (OrderState.RECEIVED, Role.RECEIVER, None),
    ]
    for to, role, institute in steps:
        change = transition(
            ledger.order, to=to, who=role.value, role=role, why="", at_ns=NOW + 10**9, assign_to=institute
        )
        ledger.fleet.stores.orders.update_order(change.order, change.audit)
    ledger.enter(DeviceState.SCRAPPED, TODAY)
    ledger.run(NOW + 60 * 10**9)
    assert ledger.order.state is OrderState.RECEIVED


def test_a_device_under_repair_asks_for_its_verification_after_repair():
    ledger = Ledger()
    ledger.enter(DeviceState.UNDER_REPAIR, TODAY)
    assert ledger.run().status is InstrumentStatus.UNDER_REPAIR
    assert ledger.open == ["repair"]


def test_a_state_of_tomorrow_holds_from_tomorrow_on():
    ledger = Ledger()
    ledger.enter(DeviceState.STORED, TODAY + timedelta(days=1))
    assert ledger.run().status is InstrumentStatus.DUE_SOON
    assert ledger.run(NOW + DAY_NS).status is InstrumentStatus.STORED


def test_many_failures_of_one_batch_are_one_order_that_goes_with_who_still_serves():
    """12 scales of one batch, 4 of 8 that were verified again have failed."""
    fleet = Fleet()
    names = [f"ws-{number:02}" for number in range(12)]
    for name in names:
        fleet.scale(name, TODAY - timedelta(days=300))
    registry = fleet.stores.registry
    registry.instrument_list[:] = [replace(one, batch="B7", maker="Lian") for one in registry.instrument_list]
    again = TODAY - timedelta(days=10)
    decisions = [Decision.FAILED] * 4 + [Decision.PASSED] * 4
    fleet.stores.add_events(
        [event(again, instrument=name, decision=one) for name, one in zip(names, decisions, strict=False)]
    )
    service = fleet.service()
    service.run_once(NOW)
    (order,) = [one for one in fleet.stores.orders.open_orders() if one.trigger is Trigger.LOT]
    assert (order.instrument, "4 of 12 sampled" in order.reason) == ("ws-04", True)
    service.run_once(NOW + DAY_NS)
    assert len([one for one in fleet.stores.orders.orders.values() if one.trigger is Trigger.LOT]) == 1
    fleet.stores.add_events([event(TODAY, instrument="ws-04", decision=Decision.FAILED)])
    service.run_once(NOW + 2 * DAY_NS)
    lots = {one.instrument: one.state for one in fleet.stores.orders.orders.values() if one.trigger is Trigger.LOT}
    assert lots == {"ws-04": OrderState.WITHDRAWN, "ws-05": OrderState.PROPOSED}
