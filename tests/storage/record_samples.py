"""Records that several tests of the store begin with."""

from datetime import date

from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import Evidence, OrderState, WorkOrder, raise_order
from steelyard.contracts.identifiers import ChannelId, InstrumentId, OrganizationId
from steelyard.storage.records import Records

T0 = 1_790_000_000_000_000_000
PT, EM = InstrumentId("pt-1"), InstrumentId("em-1")
PRESSURE = ChannelId("pressure")
HENGYUAN, PROVINCIAL = OrganizationId("hengyuan"), OrganizationId("provincial")


def entry(action: str = "test", object_id: str = "x") -> AuditEntry:
    return AuditEntry(
        at_ns=T0,
        who="a-1",
        role="planner",
        action=action,
        object_kind="thing",
        object_id=object_id,
        old=None,
        new="新",
        why="?",
    )


def order(
    number: str = "wo-1", trigger: Trigger = Trigger.DRIFT, instrument: InstrumentId = PT, raised: int = T0
) -> WorkOrder:
    evidence = Evidence(
        trigger=trigger, at_ns=T0, sentence="0.85 of the MPE, 误差", unit="kPa", error=0.123456789012345
    )
    return WorkOrder(
        id=number,
        instrument=instrument,
        organization=HENGYUAN,
        trigger=trigger,
        cause=f"{trigger.value}:2027-01-15",
        state=OrderState.PROPOSED,
        due_date=date(2027, 1, 15),
        reason=evidence.sentence,
        mandatory=True,
        raised_ns=raised,
        updated_ns=raised,
        evidence=(evidence,),
    )


def added(records: Records, new: WorkOrder) -> WorkOrder:
    change = raise_order(new, who="calibration", role=Role.SYSTEM)
    records.orders.add_order(change.order, change.audit)
    return change.order
