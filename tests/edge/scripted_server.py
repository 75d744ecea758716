"""An instrument that answers as a test says: any bytes, any pause, any end of the connection."""

import asyncio
import struct
import threading
from collections.abc import Callable, Iterable

from servers.ports import free_port
from waiting import PATIENCE_S

Step = bytes | Callable[[], object] | None
"""Bytes to send, something to do (wait for an event, say, or let time pass), None: close."""


def exact_reply(request: bytes, values: Callable[[int, int], int]) -> bytes:
    """The one right reply to a read `request`; `values(unit, register)` gives each register."""
    transaction, _protocol, _length, unit, function, register, count = struct.unpack(">HHHBBHH", request)
    registers = struct.pack(f">{count}H", *(values(unit, register + place) for place in range(count)))
    return struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, function, 2 * count) + registers


class ScriptedServer:
    """A TCP server in a thread of its own; `respond(request)` gives the steps of each answer.

    It can be stopped and started again on its port.
    """

    def __init__(self, respond: Callable[[bytes], Iterable[Step]]) -> None:
        self.respond = respond
        self.greeting: bytes = b""
        self.requests: list[bytes] = []
        self.connections = 0
        self.host = "127.0.0.1"
        self.port = free_port()
        self._thread: threading.Thread | None = None

    def start(self) -> "ScriptedServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(PATIENCE_S)
        return self

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(PATIENCE_S)
            self._thread = None

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._talk, self.host, self.port)
        ready.set()
        await self._end.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            writer.write(self.greeting)
            while True:
                request = await reader.readexactly(12)
                self.requests.append(request)
                for step in self.respond(request):
                    if step is None:
                        writer.transport.abort()
                        return
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    else:
                        step()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
