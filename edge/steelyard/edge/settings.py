"""The gateway's configuration file: read once, strictly, and passed down.

A misspelt key is an error that names the file, the key and the nearest right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

# msgspec resolves the fields' types at run time.
from steelyard.broker_config.client import BrokerSettings
from steelyard.contracts.clock import ClockSettings
from steelyard.contracts.errors import ContractError, SettingsError
from steelyard.contracts.identifiers import (
    GatewayId,
    InstrumentId,
    OrganizationId,
    parse_gateway_id,
    parse_instrument_id,
    parse_organization_id,
)
from steelyard.contracts.keys import PublicKey, SigningKey
from steelyard.contracts.profile import ChannelProfile, Profile, parse_profile
from steelyard.contracts.profiles import builtin
from steelyard.contracts.toml import convert, parse_toml

if TYPE_CHECKING:
    from pathlib import Path

MIN_PERIOD_S = 0.005
"""Below this, waking up costs more than reading."""


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[gateway]` table: who we are."""

    organization: str
    id: str
    key: str
    """Our private key (PEM), relative to the configuration file."""
    ingest_key: str
    """The public key that receipts must be signed with, `ed25519:…`."""


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[spool]` table: frames that wait for their receipt."""

    path: str
    """SQLite file, relative to the configuration file; on a disk of its own if that can be had."""
    max_frames: int = 2_000_000
    """23 days at one frame a second; full, the gateway stops measuring and says so."""
    max_bytes: int = 4 * 2**30
    """Bytes of signed frames; 4 GiB."""
    ballast_bytes: int = 16 * 2**20
    """A file of this size is freed at start, so that SQLite can open its journal on a full disk; 16 MiB, 0 for none."""
    min_free_bytes: int = 32 * 2**20
    """Measuring stops while the disk has less free than this; 32 MiB."""


class PollSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[poll]` table: when instruments are read, unless their own table says otherwise."""

    period_s: float = 1.0
    """Seconds between two polls of an instrument; deadlines are absolute, so it does not drift."""
    timeout_s: float = 0.5
    """Seconds an instrument may take to connect, and to answer one request."""
    stagger_s: float = 0.002
    """Seconds between the deadlines of neighbours within a round, at most period / instruments: spreads the work, while
    instruments of a reference pair are still read at nearly the same time."""


class InstrumentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[instrument]]` table."""

    id: str
    profile: str
    """Name of a profile that comes with Steelyard, or the path of a .toml file, relative to the configuration file."""
    host: str
    port: int = 502
    unit: int = 1
    """Modbus unit identifier, 0 to 255; instruments with one host and port share a connection and are asked in turn."""
    period_s: float | None = None
    channels: tuple[str, ...] | None = None
    """None: all of the profile's."""


class EdgeSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"instruments": "instrument"}
):
    """The whole file."""

    gateway: GatewaySettings
    broker: BrokerSettings
    spool: SpoolSettings
    instruments: tuple[InstrumentSettings, ...]
    poll: PollSettings = PollSettings()
    clock: ClockSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentConfig:
    """An instrument with its profile read and its defaults filled in.

    `period_s` seconds between two polls, `timeout_s` seconds that it may take to connect or to answer.
    """

    id: InstrumentId
    profile: Profile
    channels: tuple[ChannelProfile, ...]
    host: str
    port: int
    unit: int
    period_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Everything the agent needs, checked and with every file read."""

    organization: OrganizationId
    gateway: GatewayId
    key: SigningKey
    ingest_key: PublicKey
    broker: BrokerSettings
    spool: SpoolSettings
    spool_path: Path
    poll: PollSettings
    clock: ClockSettings | None
    instruments: tuple[InstrumentConfig, ...]


def parse_settings(text: str, source: str) -> EdgeSettings:
    """Read the configuration file's text.

    Args:
        text: TOML.
        source: the file's name, for messages.

    Raises:
        SettingsError: naming the file, the key, the value and the remedy.
    """
    settings = convert(parse_toml(text, source), EdgeSettings, source)
    try:
        _check(settings)
    except ContractError as error:
        raise SettingsError(f"{source}: {error.field}", error.value, error.remedy) from error
    return settings


def load_settings(path: Path) -> EdgeSettings:
    """Read the configuration file `path`; SettingsError if it cannot be read or is not right."""
    return parse_settings(_read(path, "configuration", path.name), path.name)


def load_config(path: Path) -> EdgeConfig:
    """Read the configuration file and every file it names.

    Raises:
        SettingsError, KeyFormatError, ProfileError: naming the file, the key, the value and the remedy.
    """
    settings = load_settings(path)
    directory = path.resolve().parent
    return EdgeConfig(
        organization=parse_organization_id(settings.gateway.organization, "gateway.organization"),
        gateway=parse_gateway_id(settings.gateway.id, "gateway.id"),
        key=load_key(settings, directory),
        ingest_key=PublicKey.parse(settings.gateway.ingest_key, "gateway.ingest_key"),
        broker=settings.broker.relative_to(directory),
        spool=settings.spool,
        spool_path=directory / settings.spool.path,
        poll=settings.poll,
        clock=settings.clock,
        instruments=tuple(load_instrument(each, settings.poll, directory) for each in settings.instruments),
    )


def load_key(settings: EdgeSettings, directory: Path) -> SigningKey:
    """Read our private key; SettingsError or KeyFormatError naming the file."""
    path = directory / settings.gateway.key
    return SigningKey.from_pem(_read(path, "gateway.key", settings.gateway.key).encode(), f"gateway.key ({path.name})")


def load_instrument(settings: InstrumentSettings, poll: PollSettings, directory: Path) -> InstrumentConfig:
    """Read an instrument's profile and choose its channels; SettingsError or ProfileError if that cannot be."""
    profile = load_profile(settings.profile, directory, f"instrument '{settings.id}'.profile")
    channels = profile.channels
    if settings.channels is not None:
        known = {str(channel.id): channel for channel in profile.channels}
        for name in settings.channels:
            if name not in known:
                remedy = f"profile '{profile.id}' has {', '.join(known)}"
                raise SettingsError(f"instrument '{settings.id}'.channels", name, remedy)
        channels = tuple(known[name] for name in dict.fromkeys(settings.channels))
        if not channels:
            raise SettingsError(
                f"instrument '{settings.id}'.channels", [], "name at least one, or leave the key out for all"
            )
    return InstrumentConfig(
        id=parse_instrument_id(settings.id, "instrument.id"),
        profile=profile,
        channels=channels,
        host=settings.host,
        port=settings.port,
        unit=settings.unit,
        period_s=poll.period_s if settings.period_s is None else settings.period_s,
        timeout_s=poll.timeout_s,
    )


def load_profile(name: str, directory: Path, field: str) -> Profile:
    """Read the built-in profile `name`, or the file it names; SettingsError or ProfileError."""
    if not name.endswith(".toml"):
        return parse_profile(builtin(name).read_text("utf-8"), f"{name}.toml")
    return parse_profile(_read(directory / name, field, name), name)


def _read(path: Path, field: str, value: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(field, value, f"cannot read {path}: {reason}") from error


def _check(settings: EdgeSettings) -> None:
    """Everything the types cannot say."""
    parse_organization_id(settings.gateway.organization, "gateway.organization")
    parse_gateway_id(settings.gateway.id, "gateway.id")
    PublicKey.parse(settings.gateway.ingest_key, "gateway.ingest_key")
    _check_period("poll.period_s", settings.poll.period_s)
    if not 0.001 <= settings.poll.timeout_s <= 60:
        raise SettingsError("poll.timeout_s", settings.poll.timeout_s, "choose 0.001 to 60 seconds")
    if not 0 <= settings.poll.stagger_s <= 1:
        raise SettingsError("poll.stagger_s", settings.poll.stagger_s, "choose 0 to 1 second")
    _check_spool(settings.spool)
    if settings.clock is not None and settings.clock.step_ns <= 0:
        raise SettingsError(
            "clock.step_ns", settings.clock.step_ns, "must be positive: a gateway polls once at each step of the clock"
        )
    if not settings.instruments:
        raise SettingsError("instrument", [], "a gateway reads at least one instrument: add an [[instrument]] table")
    seen: set[str] = set()
    for number, instrument in enumerate(settings.instruments):
        where = f"instrument[{number}]"
        _check_instrument(where, instrument)
        if instrument.id in seen:
            raise SettingsError(f"{where}.id", instrument.id, "stands in this file twice; rename one")
        seen.add(instrument.id)


def _check_spool(settings: SpoolSettings) -> None:
    for name, value, low in (
        ("spool.max_frames", settings.max_frames, 1),
        ("spool.max_bytes", settings.max_bytes, 2**20),
        ("spool.ballast_bytes", settings.ballast_bytes, 0),
        ("spool.min_free_bytes", settings.min_free_bytes, 0),
    ):
        if value < low:
            raise SettingsError(name, value, f"must be at least {low}")


def _check_instrument(where: str, instrument: InstrumentSettings) -> None:
    parse_instrument_id(instrument.id, f"{where}.id")
    if not instrument.host:
        raise SettingsError(f"{where}.host", instrument.host, "give the instrument's name or address")
    try:
        instrument.host.encode("idna")  # what the resolver does first, there with an error at every poll
    except UnicodeError as error:
        remedy = "each part between the dots has 1 to 63 characters: RFC 1035, 2.3.4"
        raise SettingsError(f"{where}.host", instrument.host, remedy) from error
    if not 1 <= instrument.port <= 65_535:
        raise SettingsError(f"{where}.port", instrument.port, "choose 1 to 65535")
    if not 0 <= instrument.unit <= 255:
        raise SettingsError(f"{where}.unit", instrument.unit, "choose 0 to 255")
    if instrument.period_s is not None:
        _check_period(f"{where}.period_s", instrument.period_s)


def _check_period(field: str, period_s: float) -> None:
    if not MIN_PERIOD_S <= period_s <= 31 * 86_400:
        raise SettingsError(field, period_s, f"choose {MIN_PERIOD_S} seconds to 31 days")
