"""How each gateway does: one row a gateway, written by ingest, read by people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from steelyard.storage.records.columns import from_row, to_row
from steelyard.storage.records.schema import gateway_health
from steelyard.storage.records.verification import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.contracts.identifiers import BootId, GatewayId
    from steelyard.storage.records.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHealth:
    """What is known of a gateway at `updated_ns`.

    `boot`, `state`, `missed_polls` and `spooled_frames` as its last status says; `contiguous_upto` the number that
    receipts confirm; `last_frame_ns` when its last frame came; counts since the ledger began; `clock_error_ms` None if
    unknown.
    """

    gateway: GatewayId
    boot: BootId
    state: str
    contiguous_upto: int
    last_frame_ns: int | None
    received_frames: int
    received_readings: int
    missed_polls: int
    spooled_frames: int
    clock_state: str
    clock_error_ms: float | None
    updated_ns: int


class HealthRepository:
    """The newest state of each gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, health: Sequence[GatewayHealth]) -> None:
        """Replace the rows of these gateways in one transaction; RecordRefused for an unregistered one."""
        if not health:
            return
        with self._database.write("gateway health", health[0].gateway) as connection:
            put(connection, gateway_health, [to_row(row) for row in health])

    def all(self) -> Sequence[GatewayHealth]:
        """Return the state of every gateway that has one, by id."""
        query = select(gateway_health).order_by(gateway_health.c.gateway)
        with self._database.read() as connection:
            return [from_row(GatewayHealth, row) for row in connection.execute(query)]

    def of(self, gateway: GatewayId) -> GatewayHealth | None:
        """Return the state of one gateway."""
        query = select(gateway_health).where(gateway_health.c.gateway == gateway)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else from_row(GatewayHealth, row)
