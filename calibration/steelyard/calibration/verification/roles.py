"""Who may act on a work order."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person or a part of the system is to a work order.

    `SYSTEM` is the calibration service itself: it may propose and withdraw, never decide.
    """

    OWNER = "owner"
    """The enterprise's metrology manager."""
    SITE_OPERATOR = "site_operator"
    """Works with the instrument at the enterprise."""
    PLANNER = "planner"
    """Assigns and schedules work at an institute."""
    RECEIVER = "receiver"
    """Takes in and hands back instruments at an institute."""
    VERIFIER = "verifier"
    """Measures (检定)."""
    CHECKER = "checker"
    """Checks the verifier's record (核验)."""
    APPROVER = "approver"
    """Decides and signs for the institute (主管)."""
    STANDARDS_KEEPER = "standards_keeper"
    """Keeps the reference standards."""
    SUPERVISOR = "supervisor"
    """Market regulation; reads only."""
    ADMINISTRATOR = "administrator"
    """Runs the platform; has no part in results."""
    SYSTEM = "system"
    """The calibration service."""


ENTERPRISE_ROLES = frozenset({Role.OWNER, Role.SITE_OPERATOR})
INSTITUTE_ROLES = frozenset(
    {Role.PLANNER, Role.RECEIVER, Role.VERIFIER, Role.CHECKER, Role.APPROVER, Role.STANDARDS_KEEPER}
)
