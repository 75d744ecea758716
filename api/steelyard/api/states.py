"""Saying in which state a device is. One audit entry for each change."""

from __future__ import annotations

from datetime import date

from steelyard.api.desk import Desk
from steelyard.api.errors import Forbidden, Invalid
from steelyard.api.principals import Principal, require_writer
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.certificates import require_plausible_date
from steelyard.calibration.verification.device_states import StateEntry, state_on
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.roles import Role
from steelyard.contracts.registry import Instrument

INSTITUTE_STATE_ROLES = frozenset({Role.PLANNER, Role.RECEIVER, Role.VERIFIER, Role.APPROVER})


def may_set_state(principal: Principal, instrument: Instrument) -> bool:
    """Return whether the principal, who sees the instrument, may say in which state it is."""
    if principal.institute:
        return principal.role in INSTITUTE_STATE_ROLES
    return principal.role is Role.OWNER and instrument.organization == principal.organization.id


def set_state(desk: Desk, principal: Principal, name: str, *, state: DeviceState, since: date, why: str) -> None:
    """Enter the state of a device from a legal date on; what is entered already stays as it is.

    Args:
        desk: the stores.
        principal: the device's owner, or an institute that serves it.
        name: the instrument's id.
        state: in which state it is.
        since: the first legal date, today at the latest.
        why: for the history.

    Raises:
        Missing: no such instrument in sight.
        Forbidden: not for this role.
        Invalid: the date lies in the future by the legal date, or nobody says why.
        RecordRefused: it was scrapped before, or something is on record after the day of its scrapping.
    """
    require_writer(principal)
    instrument = desk.instrument(principal, name).instrument
    if not may_set_state(principal, instrument):
        raise Forbidden(
            f"The role {principal.role.value} may not say in which state an instrument is.",
            field="role",
            value=principal.role.value,
            remedy="Ask the owner's metrology manager, or the institute that serves it.",
        )
    if not why:
        raise Invalid(
            "The history keeps why a state changed.", field="why", value=why, remedy="Say why, in a few words."
        )
    require_plausible_date(since)
    if since > desk.today():
        raise Invalid(
            "A state is entered when it has begun.",
            field="since",
            value=since.isoformat(),
            remedy="Give the day on which it began, today at the latest.",
        )
    before = state_on(desk.records.devices.states(instrument.id), desk.today())
    desk.records.devices.set_state(
        StateEntry(instrument=instrument.id, state=state, since=since, why=why),
        AuditEntry(
            at_ns=desk.clock.now_ns(),
            who=principal.who,
            role=principal.role.value,
            action="set_state",
            object_kind="device_state",
            object_id=instrument.id,
            old=before.state.value,
            new=f"{state.value} since {since.isoformat()}",
            why=why,
        ),
    )
