"""The readings store on InfluxDB 2: lines built here and written synchronously; what is asked is in `influx_queries`.

InfluxDB 2 maps a bucket to the InfluxQL database of the same name by itself.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from steelyard.contracts.errors import SettingsError
from steelyard.storage.errors import StoreUnavailable
from steelyard.storage.readings.influx_queries import (
    bucket_queries,
    check_query,
    decoder,
    latest_query,
    mark_line,
    mark_query,
    read_buckets,
    read_latest,
    read_series,
    series_query,
)
from steelyard.storage.readings.lines import frames_to_lines
from steelyard.storage.readings.port import Buckets, Sample, Series, bucket_width_ns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from steelyard.contracts.frame import Frame
    from steelyard.contracts.identifiers import ChannelId, InstrumentId

TOKEN_VARIABLE = "STEELYARD_INFLUX_TOKEN"  # noqa: S105 - the name of the variable, not a token
TIMEOUT_MS = 30_000
_LINES_A_REQUEST = 2_000
_DEFAULT_PORT = 8086
_TAKEN = 204
"""InfluxDB's answer to a write that is in its log; a proxy's page comes with 200."""
_NO_INFLUXDB = "see what answers there: a proxy's own page, or another program, is no InfluxDB"
_REMEDIES = {
    401: "give a token that may read and write the bucket (token_file=… in stores.readings)",
    403: "give a token that may read and write the bucket (token_file=… in stores.readings)",
    404: "create the organization and the bucket, or correct org= and bucket= in stores.readings",
    422: "the bucket refuses readings of that age: set its retention to infinite",
}


def open_influx(url: str) -> InfluxReadings:
    """Open ``influxdb://host:port/?org=…&bucket=…``; the token is in it, in a file it names, or in the environment.

    Raises:
        SettingsError: if the URL is incomplete or the token's file cannot be read. The server is not asked.
    """
    parts = urlsplit(url)
    known = {"org", "bucket", "token", "token_file"}
    given = dict(parse_qsl(parts.query))
    unknown = sorted(given.keys() - known)
    if unknown:
        raise SettingsError(
            "stores.readings", unknown[0], f"is no part of an InfluxDB address: {', '.join(sorted(known))}"
        )
    for name in ("org", "bucket"):
        if not given.get(name):
            raise SettingsError("stores.readings", _without_token(url), f"add {name}=… to it")
    if not parts.hostname:
        raise SettingsError(
            "stores.readings", _without_token(url), "name the server: influxdb://host:8086/?org=…&bucket=…"
        )
    scheme = "https" if parts.scheme == "influxdbs" else "http"
    return InfluxReadings(
        f"{scheme}://{parts.hostname}:{parts.port or _DEFAULT_PORT}",
        org=given["org"],
        bucket=given["bucket"],
        token=_token(given),
        url=_without_token(url),
    )


class InfluxReadings:
    """The readings port on one bucket.

    Args:
        server: ``http://host:port`` or ``https://…``.
        org: the organization's name.
        bucket: the bucket's name; its retention should be infinite, since what is too old cannot be written again.
        token: may read and write the bucket.
        url: what errors call the store.
    """

    def __init__(self, server: str, *, org: str, bucket: str, token: str, url: str) -> None:
        self.url = url
        self._org = org
        self._bucket = bucket
        # Writes are idempotent, so everything may be tried again: once, for a connection that died while it was idle.
        retries = Retry(total=1, status=0, backoff_factor=0, allowed_methods=None, raise_on_status=False)
        self._client: Any = InfluxDBClient(url=server, token=token, org=org, timeout=TIMEOUT_MS, retries=retries)
        self._writes: Any = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]

    def identity(self) -> str:
        """See ReadingsStore.identity: the mark is a point of its own, gone when the bucket's data are."""
        (found,) = self._ask(mark_query())
        if not found:
            self._send(mark_line(secrets.token_hex(8)))
            (found,) = self._ask(mark_query())
        return f"{self.url}#{found[0][1]}"

    def write(self, frames: Sequence[Frame]) -> None:
        """See ReadingsStore.write: InfluxDB answers when its log is on disk."""
        lines = list(frames_to_lines(frames))
        for first in range(0, len(lines), _LINES_A_REQUEST):
            self._send(b"\n".join(lines[first : first + _LINES_A_REQUEST]))

    def _send(self, body: bytes) -> None:
        try:
            _, status, _ = self._writes.post_write_with_http_info(
                org=self._org,
                bucket=self._bucket,
                body=body,
                precision="ns",
                content_type="text/plain; charset=utf-8",
            )
        except (ApiException, HTTPError, OSError, UnicodeDecodeError) as error:
            self._raise_unavailable(error)
        if status != _TAKEN:
            raise StoreUnavailable(self.url, f"HTTP {status} to a write, not {_TAKEN}", _NO_INFLUXDB)

    def series(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int) -> Series:
        """See ReadingsStore.series."""
        (rows,) = self._ask(series_query(instrument, channel, start_ns, end_ns))
        return read_series(rows)

    def buckets(self, instrument: InstrumentId, channel: ChannelId, start_ns: int, end_ns: int, count: int) -> Buckets:
        """See ReadingsStore.buckets: InfluxDB summarizes; what stands aside is put together with the rest here."""
        width_ns = bucket_width_ns(start_ns, end_ns, count)
        if end_ns <= start_ns:
            return Buckets.empty()
        good, aside = self._ask(*bucket_queries(instrument, channel, start_ns, end_ns, width_ns))
        return read_buckets(good, aside)

    def latest(self, instrument: InstrumentId) -> Mapping[ChannelId, Sample]:
        """See ReadingsStore.latest."""
        try:
            text = self._client.query_api().query_raw(latest_query(self._bucket, instrument)).data.decode()
            return read_latest(text)
        except (ApiException, HTTPError, OSError) as error:
            self._raise_unavailable(error)
        except (ValueError, KeyError) as error:
            raise StoreUnavailable(self.url, f"no answer of InfluxDB: {error}", _NO_INFLUXDB) from error

    def check(self) -> None:
        """See ReadingsStore.check: a query with the token, not the server's own word."""
        self._ask(check_query())

    def close(self) -> None:
        """See ReadingsStore.close."""
        self._client.close()

    def _ask(self, *statements: str) -> list[list[list[Any]]]:
        """Return the rows of each statement."""
        try:
            reply = self._client.api_client.call_api(
                "/query",
                "POST",
                query_params=[("db", self._bucket), ("epoch", "ns"), ("q", "; ".join(statements))],
                header_params={"Accept": "application/x-msgpack", "Content-Type": "application/x-www-form-urlencoded"},
                auth_settings=[],
                _preload_content=False,
                _return_http_data_only=True,
            )
            answer = decoder.decode(reply.data)
        except (ApiException, HTTPError, OSError, msgspec.DecodeError) as error:
            self._raise_unavailable(error)
        complaint = answer.error or next((result.error for result in answer.results if result.error), "")
        if complaint:
            raise StoreUnavailable(self.url, complaint, _REMEDIES[404])
        if len(answer.results) != len(statements):
            cause = f"{len(answer.results)} results for {len(statements)} questions"
            raise StoreUnavailable(self.url, cause, _NO_INFLUXDB)
        return [[row for rows in result.series for row in rows.values] for result in answer.results]

    def _raise_unavailable(self, error: Exception) -> NoReturn:
        if isinstance(error, ApiException):
            cause = f"HTTP {error.status}: {_message(error.body)}"
            remedy = _REMEDIES.get(error.status or 0, "look into the server's log; the same readings are written again")
        else:
            cause = f"{type(error).__name__}: {error}"
            remedy = (
                "start InfluxDB, or correct host and port in stores.readings; the ledger keeps what is missing here"
            )
        raise StoreUnavailable(self.url, cause, remedy) from error


def _token(given: Mapping[str, str]) -> str:
    path = given.get("token_file")
    try:
        token = Path(path).read_text().strip() if path else given.get("token") or os.environ.get(TOKEN_VARIABLE, "")
    except OSError as error:
        raise SettingsError("stores.readings token_file", path, f"cannot be read ({error.strerror})") from error
    if not token or not token.isprintable():
        raise SettingsError(
            "stores.readings token", None, f"write it into a file and name it: token_file=…; or {TOKEN_VARIABLE}"
        )
    return token


def _without_token(url: str) -> str:
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name in {"org", "bucket"}]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/?{urlencode(kept)}"


def _message(body: object) -> str:
    """The server's own words, from its JSON if it is that."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        return str(msgspec.json.decode(text, type=dict[str, Any]).get("message", text))
    except msgspec.MsgspecError:
        return text[:300]
