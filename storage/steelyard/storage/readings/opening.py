"""From a URL to a readings store: changing the store is changing one setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from steelyard.contracts.errors import SettingsError
from steelyard.storage.readings.embedded import EmbeddedReadings

if TYPE_CHECKING:
    from steelyard.storage.readings.port import ReadingsStore

_SQLITE = "sqlite:///"


def open_readings(url: str) -> ReadingsStore:
    """Open the readings store that `url` names.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, or
            ``influxdb://host:8086/?org=…&bucket=…&token_file=…`` (``influxdbs://`` with TLS; ``token=…`` or the
            environment variable STEELYARD_INFLUX_TOKEN instead of the file).

    Raises:
        SettingsError: if the URL names no store that there is.
        StoreUnavailable: if the SQLite file cannot be opened. InfluxDB is first asked when it is first used, so that a
            server that is down does not keep ingest from starting.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        if not url.startswith(_SQLITE) or url == _SQLITE:
            raise SettingsError("stores.readings", url, "write sqlite:/// and a path, absolute with a fourth slash")
        return EmbeddedReadings(Path(url.removeprefix(_SQLITE)))
    if scheme in {"influxdb", "influxdbs"}:
        # Its client takes a second to import: only who needs it pays.
        from steelyard.storage.readings.influx import open_influx  # noqa: PLC0415

        return open_influx(url)
    raise SettingsError("stores.readings", url, "begin with sqlite:///, influxdb:// or influxdbs://")
