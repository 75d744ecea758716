"""How a part of Steelyard reaches the broker."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

import msgspec

from steelyard.broker_config.errors import BrokerSettingsError

LARGEST_PACKET_ID = 65_535
"""MQTT packet identifiers are 16 bits: no more than this many messages can be in flight."""


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files (PEM) of a mutually authenticated TLS connection."""

    ca: str
    """The authority that signed the broker's certificate; no other is trusted."""
    certificate: str
    """Our certificate; its common name is the identity that the broker's ACL knows."""
    key: str
    """Our private key, unencrypted; readable by us alone."""


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[broker]` table of a configuration file."""

    client_id: str
    """Name of our session on the broker; unique per broker, or the two sessions disconnect each other for ever."""
    host: str = "127.0.0.1"
    """Name or address; with TLS it must be one the broker's certificate bears."""
    port: int = 1883
    """TCP port: by custom 1883 without TLS, 8883 with it."""
    protocol: Literal["5", "3.1.1"] = "5"
    """MQTT version. 3.1.1 is for the embedded broker only: it cannot tell us that a publish was refused."""
    tls: TlsSettings | None = None
    """None: plain text, for one machine only."""
    username: str | None = None
    """None: the client certificate (or nothing) identifies us."""
    password: str | None = None
    """Sent with `username`; in clear text unless TLS is set."""
    keepalive_s: int = 30
    """Seconds; a silent connection is given up after one and a half times this."""
    receive_maximum: int = 1_000
    """Messages the broker may send before we acknowledge one (MQTT 5). Ingest's batch must stay below it."""
    send_window: int = 64
    """QoS 1 messages we send before the broker has acknowledged one; the bound of what the client holds in memory."""
    reconnect_min_s: int = 1
    """Seconds before the first attempt to connect again; doubled after each failure."""
    reconnect_max_s: int = 30
    """Seconds; the longest pause between attempts."""

    def __post_init__(self) -> None:
        """Refuse values that the protocol or the operating system would refuse later, and less clearly.

        Raises:
            BrokerSettingsError: names the field, its value and the remedy.
        """
        bounds = (
            ("port", self.port, 1, 65_535),
            ("keepalive_s", self.keepalive_s, 5, 65_535),
            ("receive_maximum", self.receive_maximum, 1, LARGEST_PACKET_ID),
            ("send_window", self.send_window, 1, LARGEST_PACKET_ID),
            ("reconnect_min_s", self.reconnect_min_s, 1, 3_600),
            ("reconnect_max_s", self.reconnect_max_s, self.reconnect_min_s, 3_600),
        )
        for field, value, low, high in bounds:
            if not low <= value <= high:
                message = f"broker.{field} = {value} is out of range"
                raise BrokerSettingsError(message, field=field, value=value, remedy=f"choose {low} to {high}")
        for field, text in (("host", self.host), ("client_id", self.client_id)):
            if not text or any(character.isspace() for character in text):
                message = f"broker.{field} = {text!r} is empty or holds a space"
                raise BrokerSettingsError(message, field=field, value=text, remedy=f"write the {field} without spaces")
        try:
            self.host.encode("idna")  # what the resolver does first; there the error would end the network thread
        except UnicodeError as error:
            message = f"broker.host = {self.host!r} is no host name: {error.__cause__ or error}"
            remedy = "each part between the dots has 1 to 63 characters: RFC 1035, 2.3.4"
            raise BrokerSettingsError(message, field="host", value=self.host, remedy=remedy) from error

    def __repr__(self) -> str:
        """Everything but the password: settings end up in logs."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "password")
        return f"BrokerSettings({', '.join(shown)})"

    def relative_to(self, directory: Path) -> BrokerSettings:
        """The same settings with the TLS files looked up from `directory` (that of the configuration file)."""
        if self.tls is None:
            return self
        tls = self.tls
        files = {name: str(directory / getattr(tls, name)) for name in tls.__struct_fields__}
        return msgspec.structs.replace(self, tls=TlsSettings(**files))

    @property
    def address(self) -> str:
        """`host:port (MQTT version, TLS or not)`, for messages."""
        return f"{self.host}:{self.port} (MQTT {self.protocol}{', TLS' if self.tls else ''})"


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """A context that trusts `tls.ca` alone, shows our certificate, and checks the broker's name.

    Raises:
        BrokerSettingsError: a file is missing, cannot be read or is not what it should be; names the file.
    """
    for field in tls.__struct_fields__:
        path = Path(getattr(tls, field))
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            message = f"broker.tls.{field} = {str(path)!r} is not a file that we may read ({error.strerror})"
            remedy = "give the path of a PEM file; `steelyard broker ca` makes a development set"
            raise BrokerSettingsError(message, field=f"tls.{field}", value=str(path), remedy=remedy) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, tls)
    return context


def renew_tls(context: ssl.SSLContext, tls: TlsSettings) -> None:
    """Read the files anew into a `context` in use: a certificate is renewed while its process runs for years.

    Raises:
        BrokerSettingsError: they cannot be used (they are being replaced, say); the context stays as it was.
    """
    tls_context(tls)
    _load(context, tls)


def _load(context: ssl.SSLContext, tls: TlsSettings) -> None:
    try:
        context.load_verify_locations(cafile=tls.ca)
    except ssl.SSLError as error:
        message = f"broker.tls.ca = {tls.ca!r} is not a PEM certificate ({error.reason})"
        raise BrokerSettingsError(message, field="tls.ca", value=tls.ca, remedy="give the authority's file") from error
    try:
        # An empty password, or OpenSSL would ask the terminal for that of an encrypted key, and wait.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as error:
        reason = error.reason or "its key needs a password"
        message = f"broker.tls.certificate = {tls.certificate!r} and key {tls.key!r} do not fit ({reason})"
        remedy = "give a certificate and the private key it was made for, both PEM, the key unencrypted"
        raise BrokerSettingsError(message, field="tls.key", value=tls.key, remedy=remedy) from error
