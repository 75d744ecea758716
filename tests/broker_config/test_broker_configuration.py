"""What is generated: configuration, ACL, certificates, and the files kept beside the code."""

from __future__ import annotations

import errno
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from steelyard.broker_config.acl import INGEST_IDENTITY, LONGEST_NAME, acl_file, gateway_identity
from steelyard.broker_config.authority import Authority, make_certificates
from steelyard.broker_config.conf import MosquittoSettings, ServerTls, mosquitto_conf
from steelyard.broker_config.errors import BrokerSettingsError, CertificateError
from steelyard.broker_config.settings import BrokerSettings, TlsSettings, tls_context
from steelyard.contracts.errors import IdentifierError
from steelyard.contracts.identifiers import GRAMMAR, GatewayId, OrganizationId
from steelyard.contracts.topics import PREFIX, acl_rules

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOUSE = Path(__file__).parents[2] / "broker_config"
SERVER_TLS = ServerTls(
    ca="/mosquitto/tls/ca.crt",
    certificate="/mosquitto/tls/server.crt",
    key="/mosquitto/tls/server.key",
    acl="/mosquitto/config/acl",
)
short_names = st.from_regex(re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,29}[a-z0-9])?"), fullmatch=True)


@given(short_names, short_names)
def test_a_gateways_name_fills_exactly_its_two_topic_levels(organization: str, gateway: str) -> None:
    identity = gateway_identity(OrganizationId(organization), GatewayId(gateway))
    assert identity.split("/") == [organization, gateway]
    assert identity != INGEST_IDENTITY


@given(st.text(min_size=1).filter(lambda text: not re.fullmatch(GRAMMAR, text)))
def test_a_name_outside_the_grammar_gets_no_certificate(text: str) -> None:
    with pytest.raises(IdentifierError):
        gateway_identity(OrganizationId("a"), GatewayId(text))


def test_a_name_longer_than_x509_allows_is_refused_with_the_remedy() -> None:
    with pytest.raises(CertificateError, match="shorter") as caught:
        gateway_identity(OrganizationId("a" * 32), GatewayId("b" * 32))
    assert str(LONGEST_NAME) in str(caught.value)


def test_the_acl_says_exactly_what_the_contract_says() -> None:
    lines = [line for line in acl_file().splitlines() if line and not line.startswith("#")]
    patterns = {tuple(line.split()[1:]) for line in lines if line.startswith("pattern")}
    topics = {tuple(line.split()[1:]) for line in lines if line.startswith("topic")}
    assert patterns == {
        ("write", f"{PREFIX}/%u/frame"),
        ("write", f"{PREFIX}/%u/status"),
        ("read", f"{PREFIX}/%u/receipt"),
        ("read", f"{PREFIX}/%u/command"),
    }
    assert len(patterns) + len(topics) == len(acl_rules()) + 1
    assert ("read", f"{PREFIX}/+/+/frame") in topics
    assert lines.index(f"user {INGEST_IDENTITY}") == len(patterns), "what follows a user line is that user's"


def test_every_limit_of_the_broker_is_set() -> None:
    options = {
        line.split()[0]
        for line in mosquitto_conf(MosquittoSettings(tls=SERVER_TLS)).splitlines()
        if line and line[0] != "#"
    }
    assert options >= {
        "max_packet_size",
        "message_size_limit",
        "max_inflight_messages",
        "max_queued_messages",
        "max_queued_bytes",
        "memory_limit",
        "max_connections",
        "max_keepalive",
        "persistent_client_expiration",
        "require_certificate",
        "use_identity_as_username",
        "use_username_as_clientid",
        "acl_file",
    }


def test_no_broker_without_tls_is_configured_for_others_to_reach() -> None:
    with pytest.raises(BrokerSettingsError, match=r"127\.0\.0\.1"):
        mosquitto_conf(MosquittoSettings(tls=None))
    with pytest.raises(BrokerSettingsError, match=r"0\.0\.0\.0"):
        mosquitto_conf(MosquittoSettings(tls=None, bind="0.0.0.0"))  # noqa: S104 - refused
    assert "allow_anonymous true" in mosquitto_conf(MosquittoSettings(tls=None, bind="127.0.0.1"))


def test_the_files_for_containers_are_the_generated_ones() -> None:
    assert (HOUSE / "acl").read_text() == acl_file()
    assert (HOUSE / "mosquitto.conf").read_text() == mosquitto_conf(MosquittoSettings(tls=SERVER_TLS))


def test_the_reference_page_names_every_setting_of_the_connection() -> None:
    page = (HOUSE.parent / "docs/reference/broker.md").read_text()
    table = page[page.index("## The `[broker]` table") : page.index("## The client")]
    for field in BrokerSettings.__struct_fields__:
        assert f"`{field}`" in table or f"`{field}.ca`" in table, field


def test_a_set_of_certificates_is_made_once_and_extended_later(tmp_path: Path) -> None:
    directory = tmp_path / "certificates"
    first = (OrganizationId("hengyuan"), GatewayId("gw-1"))
    second = (OrganizationId("linjiang"), GatewayId("gw-2"))
    made = make_certificates(directory, hosts=["localhost"], gateways=[first], now=NOW)
    assert [path.name for path in made] == ["ca.crt", "server.crt", "ingest.crt", "hengyuan.gw-1.crt"]
    before = (directory / "hengyuan.gw-1.crt").read_bytes()
    made = make_certificates(directory, hosts=["localhost"], gateways=[first, second], now=NOW)
    assert [path.name for path in made] == ["linjiang.gw-2.crt"]
    assert (directory / "hengyuan.gw-1.crt").read_bytes() == before
    for key in directory.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600, key


@pytest.mark.parametrize("interrupted", ["ca", "server", "ingest", "hengyuan.gw-1"])
@pytest.mark.parametrize("ending", [".key", ".crt"])
def test_making_certificates_can_be_interrupted_anywhere_and_done_again(
    interrupted: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, or a full disk, in the middle of a file."""
    gateways = [(OrganizationId("hengyuan"), GatewayId("gw-1"))]
    write = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        if path.name.startswith(interrupted + ending):
            write(path, content[:40])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space"):
            make_certificates(tmp_path, hosts=["localhost"], gateways=gateways, now=NOW)
    make_certificates(tmp_path, hosts=["localhost"], gateways=gateways, now=NOW)
    for name in ("server", "ingest", "hengyuan.gw-1"):
        ca, certificate, key = (str(tmp_path / file) for file in ("ca.crt", f"{name}.crt", f"{name}.key"))
        tls_context(TlsSettings(ca=ca, certificate=certificate, key=key))


def test_certificates_say_who_for_what_and_how_long(tmp_path: Path) -> None:
    authority = Authority.create(NOW)
    issued = authority.issue_gateway(OrganizationId("hengyuan"), GatewayId("gw-1"), NOW, days=10)
    certificate = x509.load_pem_x509_certificate(issued.certificate)
    assert certificate.subject.rfc4514_string() == "CN=hengyuan/gw-1"
    assert certificate.not_valid_after_utc == NOW + timedelta(days=10)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    server = x509.load_pem_x509_certificate(authority.issue_server(["broker.example", "::1"], NOW).certificate)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["::1"]


def test_a_broken_authority_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="broker ca"):
        Authority.load(tmp_path)
    Authority.create(NOW).save(tmp_path)
    (tmp_path / "ca.key").write_text("not a key")
    with pytest.raises(CertificateError, match=re.escape(str(tmp_path))):
        Authority.load(tmp_path)
    with pytest.raises(CertificateError, match="host"):
        Authority.create(NOW).issue_server([], NOW)
