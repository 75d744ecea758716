"""Who may do what on the broker, as Mosquitto's ACL file, generated from `contracts.topics`.

A client is who its certificate says (`use_identity_as_username`). A gateway's common name is
`<organization>/<gateway>`: exactly the two topic levels that are its own, so one pattern with `%u` serves all
gateways and nothing has to be reloaded when one is added. MQTT lets a user name hold a `/`, which is a danger only
where a single identifier could hold one; both parts come from the one grammar of `contracts.identifiers`, which has
none, and a name with no slash or two leads to a topic that nobody reads. Mosquitto itself refuses names with `+` or
`#` where patterns are in use.
"""

from __future__ import annotations

from steelyard.broker_config.errors import CertificateError
from steelyard.contracts.identifiers import GatewayId, OrganizationId, parse_gateway_id, parse_organization_id
from steelyard.contracts.topics import Party, acl_rules

INGEST_IDENTITY = "ingest"
"""Common name of ingest's certificate; as it has no slash, no gateway can have it."""

DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
"""Where Mosquitto says how many messages it has dropped because a queue was full."""

LONGEST_NAME = 64
"""RFC 5280, appendix A.1 (ub-common-name): characters in a common name."""


def gateway_identity(organization: OrganizationId, gateway: GatewayId) -> str:
    """Common name of a gateway's certificate.

    Raises:
        IdentifierError: a part is outside the grammar.
        CertificateError: the two together are longer than a common name may be.
    """
    name = f"{parse_organization_id(organization)}/{parse_gateway_id(gateway)}"
    if len(name) > LONGEST_NAME:
        message = f"the common name {name!r} has {len(name)} characters, X.509 allows {LONGEST_NAME}"
        remedy = "choose a shorter organization or gateway id"
        raise CertificateError(message, field="common name", value=name, remedy=remedy)
    return name


def acl_file() -> str:
    """The text of Mosquitto's `acl_file`. What it does not allow is refused, `$SYS` included."""
    lines = [
        "# Generated from steelyard.contracts.topics: `steelyard broker acl`. Do not edit.",
        "# A gateway is known by its certificate's common name, <organization>/<gateway>, which is %u.",
    ]
    own = "{organization}/{gateway}"
    gateways = (rule for rule in acl_rules() if rule.party is Party.GATEWAY)
    lines += [f"pattern {rule.access} {rule.pattern.replace(own, '%u')}" for rule in gateways]
    lines += ["", f"user {INGEST_IDENTITY}"]
    lines += [f"topic {rule.access} {rule.pattern}" for rule in acl_rules() if rule.party is Party.INGEST]
    lines.append(f"topic read {DROPPED_TOPIC}")
    return "\n".join(lines) + "\n"
