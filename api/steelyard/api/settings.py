"""The tables `[api]` and `[alerts]` of server.toml.

Read strictly: a misspelt key is an error that names the nearest right one.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from steelyard.api.errors import SettingsError
from steelyard.calibration.settings import CalibrationSettings
from steelyard.contracts.errors import ContractError
from steelyard.contracts.toml import convert

LEGAL_OFFSET_MINUTES = CalibrationSettings().utc_offset_minutes


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[api]`: where the interface listens and how it treats people."""

    host: str = "127.0.0.1"
    """Address to listen on; put a reverse proxy with TLS in front before opening it to others."""
    port: int = 8080
    """TCP port."""
    public_url: str = "http://127.0.0.1:8080"
    """How people reach the console; links in alerts begin with it."""
    demo: bool = False
    """Open without a password, signed in as the institute, with a switch to the others. Never for real data."""
    session_hours: float = 12.0
    """How long a person stays signed in."""
    time_zone: str = "UTC"
    """IANA name of the zone in which the console shows times (the interface always speaks UTC)."""
    utc_offset_minutes: int = LEGAL_OFFSET_MINUTES
    """Legal time minus UTC, by which dates are counted; that of the table `[calibration]` if left out."""
    metrics_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks that may read /metrics without a key; an institute's key may read it from anywhere."""

    def zone(self) -> ZoneInfo:
        """Return the time zone of the console.

        Raises:
            SettingsError: there is no such zone.
        """
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as cause:
            raise SettingsError(
                f"api.time_zone: {self.time_zone!r}: no such time zone; use an IANA name such as 'Asia/Shanghai'",
                field="api.time_zone",
                value=self.time_zone,
                remedy="use an IANA name such as 'Asia/Shanghai'",
            ) from cause

    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Return the networks that may read /metrics.

        Raises:
            SettingsError: one of them is not a network.
        """
        try:
            return tuple(ipaddress.ip_network(text) for text in self.metrics_networks)
        except ValueError as cause:
            raise SettingsError(
                f"api.metrics_networks: {cause}; write networks such as '10.0.0.0/8'",
                field="api.metrics_networks",
                value=repr(self.metrics_networks),
                remedy="write networks such as '10.0.0.0/8'",
            ) from cause


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[alerts.smtp]`: the mail server."""

    host: str
    """Name or address of the mail server."""
    sender: str
    """The From address."""
    port: int = 25
    """TCP port: 25 plain, 587 with STARTTLS, 465 with TLS from the start."""
    security: Literal["none", "starttls", "tls"] = "none"
    """How the connection is protected; "none" only on the same machine or network."""
    username: str | None = None
    """Name to sign in with, if the server asks for it."""
    password_file: str | None = None
    """File that holds the password (a secret does not belong into server.toml)."""
    timeout_s: float = 10.0
    """Seconds to wait for the server."""

    def password(self) -> str | None:
        """Return the password from its file, or None when there is none."""
        return Path(self.password_file).read_text(encoding="utf-8").strip() if self.password_file else None


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[[alerts.webhook]]`: an address that is told of new work orders."""

    url: str
    """http or https address that receives a POST."""
    secret: str
    """Shared secret for the signature header, at least 16 characters."""
    organization: str | None = None
    """Only this organization's instruments; None: all."""
    timeout_s: float = 10.0
    """Seconds to wait for an answer."""


class MailboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[[alerts.mailbox]]`: a mailbox that is told beside the people with an account."""

    address: str
    """E-mail address."""
    organization: str | None = None
    """Only this organization's instruments; None: all."""


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[alerts]`: who is told of a new work order, and how often a failed message is tried again."""

    smtp: SmtpSettings | None = None
    """The mail server; without it no e-mail is sent."""
    webhook: tuple[WebhookSettings, ...] = ()
    """Addresses that receive each new work order as signed JSON."""
    mailbox: tuple[MailboxSettings, ...] = ()
    """Further mailboxes."""
    tell_accounts: bool = True
    """Whether people with an account are told: those of the instrument's owner, and the institutes' planners."""
    first_retry_s: float = 60.0
    """Seconds after a first failure before the second attempt; doubled after each further one."""
    longest_retry_s: float = 21_600.0
    """Longest pause between two attempts."""
    max_attempts: int = 20
    """After so many failed attempts a message is given up (and stays in the log as failed)."""
    public_url: str = "http://127.0.0.1:8080"
    """How people reach the console; links in alerts begin with it."""
    utc_offset_minutes: int = LEGAL_OFFSET_MINUTES
    """Legal time minus UTC, by which dates are counted; that of the table `[calibration]` if left out."""


def parse_settings(tables: dict[str, Any], source: str) -> tuple[ApiSettings, AlertSettings]:
    """Read the tables `[api]` and `[alerts]` of a parsed server.toml; other tables are other parts' business.

    Raises:
        SettingsError: naming the file, the key, its value and what to do.
    """
    offset = {"utc_offset_minutes": tables.get("calibration", {}).get("utc_offset_minutes", LEGAL_OFFSET_MINUTES)}
    try:
        api = convert({**offset, **tables.get("api", {})}, ApiSettings, f"{source} [api]")
        alerts = convert(
            {**offset, "public_url": api.public_url, **tables.get("alerts", {})}, AlertSettings, f"{source} [alerts]"
        )
    except ContractError as cause:
        raise SettingsError(str(cause), field=cause.field, value=str(cause.value), remedy=cause.remedy) from cause
    api.zone()
    api.networks()
    for hook in alerts.webhook:
        if not hook.url.startswith(("http://", "https://")) or len(hook.secret) < 16:
            raise SettingsError(
                f"{source} [[alerts.webhook]] {hook.url!r}: needs an http or https address and a secret of "
                "at least 16 characters",
                field="alerts.webhook",
                value=hook.url,
                remedy="give an http or https address and a secret of at least 16 characters",
            )
    return api, alerts
