"""MQTT topics: ``steelyard/v1/<organization>/<gateway>/<kind>``, and who may use which."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from steelyard.contracts.errors import IdentifierError, TopicError
from steelyard.contracts.identifiers import GatewayId, OrganizationId, parse_gateway_id, parse_organization_id

PREFIX = "steelyard/v1"


class TopicKind(StrEnum):
    """What travels on a topic."""

    FRAME = "frame"
    RECEIPT = "receipt"
    STATUS = "status"
    COMMAND = "command"


SUBSCRIBE_FRAMES = f"{PREFIX}/+/+/{TopicKind.FRAME}"
SUBSCRIBE_STATUS = f"{PREFIX}/+/+/{TopicKind.STATUS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicName:
    """A topic, taken apart."""

    organization: OrganizationId
    gateway: GatewayId
    kind: TopicKind


def frame_topic(organization: OrganizationId, gateway: GatewayId) -> str:
    """Where a gateway publishes its frames."""
    return _topic(organization, gateway, TopicKind.FRAME)


def receipt_topic(organization: OrganizationId, gateway: GatewayId) -> str:
    """Where ingest publishes a gateway's receipts."""
    return _topic(organization, gateway, TopicKind.RECEIPT)


def status_topic(organization: OrganizationId, gateway: GatewayId) -> str:
    """Where a gateway's retained status stands."""
    return _topic(organization, gateway, TopicKind.STATUS)


def command_topic(organization: OrganizationId, gateway: GatewayId) -> str:
    """Where signed commands for a gateway arrive."""
    return _topic(organization, gateway, TopicKind.COMMAND)


def parse_topic(text: str) -> TopicName:
    """Take a topic apart or raise TopicError."""
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX:
        raise TopicError("topic", text, f"must read {PREFIX}/<organization>/<gateway>/<kind>")
    try:
        return TopicName(
            organization=parse_organization_id(parts[2]),
            gateway=parse_gateway_id(parts[3]),
            kind=TopicKind(parts[4]),
        )
    except IdentifierError as error:
        raise TopicError("topic", text, f"{error.field} {error.remedy}") from error
    except ValueError as error:
        kinds = ", ".join(TopicKind)
        raise TopicError("topic", text, f"the last level must be one of {kinds}") from error


def _topic(organization: OrganizationId, gateway: GatewayId, kind: TopicKind) -> str:
    return f"{PREFIX}/{organization}/{gateway}/{kind}"


class Party(StrEnum):
    """Who connects to the broker."""

    GATEWAY = "gateway"
    INGEST = "ingest"


class Access(StrEnum):
    """What a party may do on a topic, in the broker's words."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class AclRule:
    """`party` may `access` topics matching `pattern`.

    In a gateway's patterns ``{organization}`` and ``{gateway}`` stand for its own names; ingest's use MQTT wildcards.
    """

    party: Party
    access: Access
    pattern: str


def acl_rules() -> tuple[AclRule, ...]:
    """Everything anybody may do on the broker; what is not here is refused."""
    own = PREFIX + "/{organization}/{gateway}/"
    every = PREFIX + "/+/+/"
    return (
        AclRule(party=Party.GATEWAY, access=Access.WRITE, pattern=own + TopicKind.FRAME),
        AclRule(party=Party.GATEWAY, access=Access.WRITE, pattern=own + TopicKind.STATUS),
        AclRule(party=Party.GATEWAY, access=Access.READ, pattern=own + TopicKind.RECEIPT),
        AclRule(party=Party.GATEWAY, access=Access.READ, pattern=own + TopicKind.COMMAND),
        AclRule(party=Party.INGEST, access=Access.READ, pattern=every + TopicKind.FRAME),
        AclRule(party=Party.INGEST, access=Access.READ, pattern=every + TopicKind.STATUS),
        AclRule(party=Party.INGEST, access=Access.WRITE, pattern=every + TopicKind.RECEIPT),
        AclRule(party=Party.INGEST, access=Access.WRITE, pattern=every + TopicKind.COMMAND),
    )
