"""The sockets of a site: they pass bytes to `modbus.answer` and back; no decision about the protocol is here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from steelyard.contracts.clock import Clock
from steelyard.firmware_sim.device import Device, Served
from steelyard.firmware_sim.errors import ListenError
from steelyard.firmware_sim.modbus import Reply, answer, split_requests

MAX_CONNECTIONS = 512
"""A site accepts no more at a time: a runaway client must not eat the simulator's memory."""
MAX_UNSENT_BYTES = 1_048_576
"""A client that asks and does not read is cut off when so much waits for it."""

Record = Callable[[Sequence[Served]], None]


class SiteServer:
    """One listening port and the instruments behind it."""

    def __init__(self, devices: Mapping[int, Device], clock: Clock, record: Record | None) -> None:
        self._devices = devices
        self._clock = clock
        self._record = record
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.requests = 0
        """Requests answered since the start."""

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port (the system's choice for 0).

        Raises:
            ListenError: if the address is taken or not this machine's.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), host, port, backlog=256)
        except OSError as error:
            raise ListenError(
                f"{host}:{port}: no Modbus server can listen there ({error.strerror}); choose another port, or 0"
            ) from error
        return cast("int", self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                connection.abort()
            await self._server.wait_closed()

    def reply(self, adu: bytes) -> Reply:
        """The answer to a request that has just come."""
        self.requests += 1
        return answer(adu, self._devices, self._clock.now_ns())

    def served(self, served: Sequence[Served]) -> None:
        """Note what was sent."""
        if self._record is not None and served:
            self._record(served)

    def joined(self, connection: _Connection) -> bool:
        """Take a connection in; False if there are too many."""
        if len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def left(self, connection: _Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, site: SiteServer) -> None:
        self._site = site
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._site.joined(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._site.left(self)

    def data_received(self, data: bytes) -> None:
        requests, self._buffer, sound = split_requests(self._buffer + data)
        for adu in requests:
            if self._transport is None or self._transport.is_closing():
                return
            reply = self._site.reply(adu)
            for chunk in reply.chunks:
                if chunk.delay_s > 0:
                    asyncio.get_running_loop().call_later(chunk.delay_s, self._send, chunk.data)
                else:
                    self._send(chunk.data)
            self._site.served(reply.served)
            if reply.close:
                self.abort()
        if not sound:
            self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():  # the client has left meanwhile
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.abort()
