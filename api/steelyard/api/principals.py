"""Who asks, and what they may see.

An enterprise sees its own; an institute sees the enterprises that it serves today and itself; a supervisor sees the
organizations of its region and below, and changes nothing. The platform's administrator has no part in results and
sees none. What may not be seen does not exist: a foreign object is answered like one that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from steelyard.api.errors import Forbidden
from steelyard.calibration.verification.roles import ENTERPRISE_ROLES, INSTITUTE_ROLES, Role
from steelyard.contracts.identifiers import OrganizationId
from steelyard.contracts.registry import Organization, OrganizationKind, ServiceRelation

ROLES_BY_KIND: dict[OrganizationKind, frozenset[Role]] = {
    OrganizationKind.ENTERPRISE: ENTERPRISE_ROLES,
    OrganizationKind.INSTITUTE: INSTITUTE_ROLES | {Role.ADMINISTRATOR},
    OrganizationKind.SUPERVISOR: frozenset({Role.SUPERVISOR}),
}
"""The roles that people and keys of an organization can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who asks: a person with a session, or a program with a key.

    `who` is what the audit trail keeps (the account's or the key's id), `name` what people read. `csrf` is the token
    that a form or a changing request of a session must carry; None for a key, which no browser sends by itself.
    """

    who: str
    name: str
    role: Role
    organization: Organization
    csrf: str | None = None

    @property
    def institute(self) -> bool:
        """Whether an institute asks."""
        return self.organization.kind is OrganizationKind.INSTITUTE


def in_region(region: str, of: str) -> bool:
    """Return whether `region` is `of` or lies within it (``cn-zj-hangzhou`` lies in ``cn-zj``)."""
    return region == of or region.startswith(f"{of}-")


def served(institute: OrganizationId, relations: Iterable[ServiceRelation], today: date) -> frozenset[OrganizationId]:
    """Return the enterprises that an institute serves on this legal date."""
    return frozenset(each.enterprise for each in relations if each.institute == institute and each.holds(today))


def visible(
    principal: Principal,
    organizations: Iterable[Organization],
    relations: Iterable[ServiceRelation],
    today: date,
) -> dict[OrganizationId, Organization]:
    """Return the organizations whose instruments, orders, gateways and alerts the principal may see.

    Args:
        principal: who asks.
        organizations: all of them.
        relations: who serves whom, ended relations and those to come too.
        today: the legal date.
    """
    own = principal.organization
    if own.kind is OrganizationKind.INSTITUTE:
        if principal.role is Role.ADMINISTRATOR:
            return {}
        clients = served(own.id, relations, today)
        seen = [each for each in organizations if each.id in clients or each.id == own.id]
    elif own.kind is OrganizationKind.SUPERVISOR:
        seen = [each for each in organizations if in_region(each.region, own.region)]
    else:
        seen = [own]
    return {each.id: each for each in seen}


def require_writer(principal: Principal) -> None:
    """Refuse a principal that only reads.

    Raises:
        Forbidden: a supervisor asks to change something.
    """
    if principal.role is Role.SUPERVISOR or principal.organization.kind is OrganizationKind.SUPERVISOR:
        raise Forbidden(
            "A supervisor reads and changes nothing.",
            field="role",
            value=principal.role.value,
            remedy="Ask the enterprise or the institute that is responsible.",
        )


def require_role(principal: Principal, roles: frozenset[Role]) -> None:
    """Refuse a principal whose role is not among `roles`.

    Raises:
        Forbidden: naming the roles that may.
    """
    require_writer(principal)
    if principal.role not in roles:
        raise Forbidden(
            f"The role {principal.role.value} may not do this.",
            field="role",
            value=principal.role.value,
            remedy=f"Ask one of: {', '.join(sorted(role.value for role in roles))}.",
        )
