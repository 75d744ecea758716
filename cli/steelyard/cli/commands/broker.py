"""`steelyard broker ca | acl | conf`: what a Mosquitto of one's own needs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from steelyard.broker_config.acl import acl_file
from steelyard.broker_config.authority import make_certificates
from steelyard.broker_config.conf import MosquittoSettings, ServerTls, mosquitto_conf
from steelyard.broker_config.errors import BrokerConfigError
from steelyard.cli.errors import CommandError
from steelyard.contracts.clock import SystemClock
from steelyard.contracts.identifiers import GatewayId, OrganizationId, parse_gateway_id, parse_organization_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    ca = actions.add_parser(
        "ca",
        aliases=["authority"],
        help="make (or extend) a directory of certificates: authority, broker, ingest, gateways",
    )
    ca.add_argument("directory", type=Path, help="what is there is kept: run it again to add a gateway")
    ca.add_argument(
        "--host",
        action="append",
        default=[],
        help="a name or address by which clients reach the broker; repeatable (default: localhost, 127.0.0.1)",
    )
    ca.add_argument(
        "--gateway",
        action="append",
        default=[],
        metavar="ORGANIZATION/GATEWAY",
        help="a gateway's two names; repeatable",
    )
    ca.set_defaults(run=_ca)
    acl = actions.add_parser("acl", help="print Mosquitto's ACL file: who may write and read which topic")
    acl.set_defaults(run=_acl)
    conf = actions.add_parser("conf", help="print mosquitto.conf: TLS, identities, every limit set")
    conf.add_argument("--tls-directory", default="/mosquitto/tls", help="where ca.crt, server.crt, server.key are")
    conf.add_argument("--acl-file", default="/mosquitto/config/acl", help="where the ACL file is")
    conf.add_argument("--data-directory", default="/mosquitto/data", help="where the broker keeps its sessions")
    conf.add_argument("--port", type=int, default=8883)
    conf.set_defaults(run=_conf)


def _ca(arguments: argparse.Namespace) -> int:
    now = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC)
    try:
        made = make_certificates(
            arguments.directory,
            hosts=arguments.host or ["localhost", "127.0.0.1"],
            gateways=[_names(text) for text in arguments.gateway],
            now=now,
        )
    except BrokerConfigError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot write {arguments.directory}: {error.strerror}") from error
    for path in made:
        print(path)
    if not made:
        print(f"nothing to make: every certificate asked for is in {arguments.directory}")
    return 0


def _names(text: str) -> tuple[OrganizationId, GatewayId]:
    organization, slash, gateway = text.partition("/")
    if not slash:
        raise CommandError(f"--gateway {text!r}: write the organization and the gateway, as in hengyuan/gw-hengyuan")
    return parse_organization_id(organization, "--gateway"), parse_gateway_id(gateway, "--gateway")


def _acl(_arguments: argparse.Namespace) -> int:
    print(acl_file(), end="")
    return 0


def _conf(arguments: argparse.Namespace) -> int:
    tls = Path(arguments.tls_directory)
    settings = MosquittoSettings(
        port=arguments.port,
        directory=arguments.data_directory,
        tls=ServerTls(
            ca=str(tls / "ca.crt"),
            certificate=str(tls / "server.crt"),
            key=str(tls / "server.key"),
            acl=arguments.acl_file,
        ),
    )
    try:
        print(mosquitto_conf(settings), end="")
    except BrokerConfigError as error:
        raise CommandError(str(error)) from error
    return 0
