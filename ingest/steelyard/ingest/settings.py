"""Settings of ingest: its tables of server.toml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.broker_config.settings import BrokerSettings
from steelyard.contracts.clock import ClockSettings
from steelyard.contracts.errors import KeyFormatError, SettingsError
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.toml import convert
from steelyard.ingest.errors import IngestKeyError
from steelyard.storage.settings import StoresSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHERS = frozenset({"calibration", "api", "alerts"})
"""Tables of server.toml that other parts read."""


class IngestTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[ingest]` table."""

    key: str
    """PEM file of the Ed25519 key that signs receipts; gateways know its public half."""
    batch_frames: int = 250
    """Messages committed together at most. Below half of `broker.receive_maximum`, so that the broker goes on sending
    while a batch is being committed."""
    batch_bytes: int = 1_048_576
    """Bytes of messages committed together at most: 1 MiB."""
    inbox_bytes: int = 16_777_216
    """Bytes of messages that wait in memory at most: 16 MiB; then the broker has to wait."""
    view_readings: int = 50_000
    """Readings handed to the readings store in memory at most, about 150 bytes each; a store that is further behind is
    fed from the ledger."""
    registry_refresh_s: float = 5.0
    """Seconds between two readings of the registry at least, when a frame names what is not known."""
    registry_every_s: float = 60.0
    """Seconds between two readings of the registry at most: what is no longer registered is noticed by then."""
    health_every_s: float = 2.0
    """Seconds between two writings of the gateways' health."""
    session_expiry_s: int = 1_209_600
    """Seconds for which the broker queues for an ingest that is away (MQTT 5): 14 days."""


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything ingest is told."""

    broker: BrokerSettings
    stores: StoresSettings
    ingest: IngestTable
    clock: ClockSettings | None = None

    def __post_init__(self) -> None:
        """Refuse a combination that would stand still.

        Raises:
            SettingsError: names the field, its value and the remedy.
        """
        table = self.ingest
        for field, least in (
            ("batch_frames", 1),
            ("batch_bytes", 300_000),
            ("inbox_bytes", 300_000),
            ("view_readings", 1),
            ("registry_refresh_s", 0.1),
            ("registry_every_s", 1.0),
            ("health_every_s", 0.1),
            ("session_expiry_s", 0),
        ):
            if getattr(table, field) < least:
                raise SettingsError(f"ingest.{field}", getattr(table, field), f"must be at least {least}")
        if table.batch_frames * 2 > self.broker.receive_maximum:
            raise SettingsError(
                "ingest.batch_frames",
                table.batch_frames,
                f"must not exceed half of broker.receive_maximum ({self.broker.receive_maximum})",
            )


def parse_ingest_settings(tables: Mapping[str, Any], source: str, directory: Path) -> IngestSettings:
    """Take ingest's tables out of a parsed server.toml.

    Args:
        tables: the whole file; tables of other parts are left alone.
        source: the file's name, for messages.
        directory: where relative key and certificate files are looked up.

    Raises:
        SettingsError: names file, key, value, and for a misspelt key the nearest right one.
    """
    own = {name: table for name, table in tables.items() if name not in OTHERS}
    settings = convert(own, IngestSettings, source)
    return msgspec.structs.replace(
        settings,
        broker=settings.broker.relative_to(directory),
        ingest=msgspec.structs.replace(settings.ingest, key=str(directory / settings.ingest.key)),
    )


def load_key(path: str) -> SigningKey:
    """Read ingest's key.

    Raises:
        IngestKeyError: with the file and the remedy.
    """
    try:
        return SigningKey.from_pem(Path(path).read_bytes(), "ingest.key")
    except OSError as error:
        raise IngestKeyError(path, error.strerror) from error
    except KeyFormatError as error:
        raise IngestKeyError(path, error) from error
