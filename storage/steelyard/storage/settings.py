"""Where the stores are: the ``[stores]`` table of a server's configuration."""

from __future__ import annotations

import msgspec


class StoresSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Three places. Each default is a file in the working directory: one machine needs no server.

    `records` SQLAlchemy URL of registry, work orders and accounts: ``sqlite:////abs/records.db`` or
    ``postgresql+pg8000://user:password@host/database``.
    `readings` URL of the view of the values: ``sqlite:////abs/readings.db`` or
    ``influxdb://host:8086/?org=…&bucket=…&token_file=…`` (``influxdbs://`` with TLS).
    `ledger` path of the SQLite file that is the record of what gateways sent.
    """

    records: str = "sqlite:///records.db"
    readings: str = "sqlite:///readings.db"
    ledger: str = "ledger.db"
