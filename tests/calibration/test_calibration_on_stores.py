"""The service over the real stores: the same story, the same orders, and again after a restart."""

import shutil
from datetime import date

import pytest
from calibration.cases import event
from calibration.fleet import NOW, START, TODAY
from calibration.test_calibration_service import assessed_story, story

from steelyard.calibration.errors import OrderChanged
from steelyard.calibration.service import CalibrationService
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.work_orders import OrderState, acknowledge
from steelyard.contracts.frame import Block, ClockStatus, Frame
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.registry import Gateway, Organization, OrganizationKind
from steelyard.storage.readings.opening import open_readings
from steelyard.storage.records.migration import upgrade
from steelyard.storage.records.opening import open_records
from steelyard.storage.records.registry import Registrar, Registration


def frames(memory):
    """The story's readings as frames, a block per channel."""
    for number, ((instrument, channel), series) in enumerate(memory.readings.channels.items(), start=1):
        block = Block(
            instrument=instrument,
            channels=(channel,),
            t=tuple(series.t.tolist()),
            span_us=(1000,) * series.t.size,
            values=(tuple(series.value.tolist()),),
            status=((0,) * series.t.size,),
        )
        yield Frame(
            gateway="gw-1",
            boot="00000001-00000001",
            seq=number,
            sent=NOW,
            clock=ClockStatus(state="simulated", error_ms=None),
            blocks=(block,),
        )


def audit(name):
    return AuditEntry(
        at_ns=START, who="test", role="planner", action="add", object_kind="event", object_id=name, old=None, new=name,
        why="",
    )  # fmt: skip


def urls(directory):
    return f"sqlite:///{directory}/records.db", f"sqlite:///{directory}/readings.db"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A directory with both stores, closed, in which the story's two years wait for their first run."""
    directory = tmp_path_factory.mktemp("filled")
    records_url, readings_url = urls(directory)
    upgrade(records_url)
    memory = story().stores
    with open_records(records_url) as records:
        registration = Registration(
            organizations=(Organization(id="hengyuan", name="H", kind=OrganizationKind.ENTERPRISE, region="cn-zj"),),
            gateways=(Gateway(id="gw-1", organization="hengyuan", public_key=SigningKey.generate().public),),
            instruments=memory.registry.instrument_list,
            channels=memory.registry.channel_list,
            legal_statuses=tuple(memory.registry.legal.values()),
            reference_pairs=memory.registry.pairs,
        )
        records.registry.apply(registration, Registrar(who="test", role="planner", why="test", at_ns=START))
        for one in memory.verification.event_list:
            records.verification.add_event(one, audit(one.id))
        readings = open_readings(readings_url)
        readings.write(list(frames(memory)))
        readings.close()
    return directory


@pytest.fixture
def stores(filled, tmp_path):
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    records_url, readings_url = urls(tmp_path)
    with open_records(records_url) as records:
        readings = open_readings(readings_url)
        yield records, readings
        readings.close()


def service(stores):
    records, readings = stores
    return CalibrationService(
        registry=records.registry,
        verification=records.verification,
        orders=records.orders,
        readings=readings,
        settings=CalibrationSettings(),
    )


def triggers(records):
    return {(order.instrument, order.trigger.value) for order in records.orders.open_orders()}


STORY = {("pt-h-02", "drift"), ("em-h-03", "jump"), ("ws-l-02", "due")}


def test_the_story_gives_the_same_orders_on_the_real_stores(stores):
    records, _ = stores
    assert service(stores).run_once(NOW).problems == ()
    assert triggers(records) == STORY
    memory, _ = assessed_story()
    expected = memory.stores.verification.latest_assessments()
    found = records.verification.latest_assessments()
    assert {name: one.status for name, one in found.items()} == {name: one.status for name, one in expected.items()}
    for name, one in expected.items():
        assert found[name].reason == one.reason
        assert found[name].due_date == one.due_date


def test_a_restart_on_the_real_stores_changes_nothing(stores):
    records, _ = stores
    first = service(stores)
    first.run_once(NOW)
    before = {order.id: order for order in records.orders.orders()}
    assert first.run_once(NOW + 1).assessed == 0
    again = service(stores).run_once(NOW + 2)
    assert (again.observations, again.raised, again.joined, again.withdrawn) == (0, 0, 0, 0)
    assert {order.id: order for order in records.orders.orders()} == before


def test_a_verification_entered_meanwhile_withdraws_on_the_real_stores(stores):
    records, _ = stores
    running = service(stores)
    running.run_once(NOW)
    passed = event(TODAY, instrument="ws-l-02")
    records.verification.add_event(passed, audit(passed.id))
    assert running.run_once(NOW + 1).withdrawn == 1
    (order,) = records.orders.orders_of("ws-l-02")
    assert order.state is OrderState.WITHDRAWN
    assert records.verification.latest_assessments()["ws-l-02"].due_date == date(2027, 11, 21)


def test_two_hands_on_one_order_the_second_is_told(stores):
    records, _ = stores
    service(stores).run_once(NOW)
    (order,) = records.orders.orders_of("em-h-03")
    one = acknowledge(order, who="olga", role=Role.OWNER, at_ns=NOW + 1)
    records.orders.update_order(one.order, one.audit)
    other = acknowledge(order, who="rolf", role=Role.RECEIVER, at_ns=NOW + 2)
    with pytest.raises(OrderChanged):
        records.orders.update_order(other.order, other.audit)
    (stored,) = records.orders.orders_of("em-h-03")
    assert stored.acknowledged_by == "olga"
