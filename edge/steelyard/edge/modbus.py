"""A line to instruments: one TCP connection, one request at a time, opened again after anything unexpected.

The one module that touches pymodbus, whose interface changes in almost every minor version. pymodbus builds the
requests and owns the connection; which bytes are the reply is decided by the strict guard alone (`reply`).

A request that was not answered in time closes the connection: an answer that comes late arrives at a closed socket,
and can never be taken for the answer to a newer request.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.transaction import TransactionManager

from steelyard.edge.errors import DeviceException, NoReply, NotConnected, ReadError
from steelyard.edge.reply import ExpectedReply, register_bytes

if TYPE_CHECKING:
    from pymodbus.transport import CommParams

    from steelyard.edge.planner import ReadRequest

# What pymodbus says about a lost reply is said by us once for each change.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)


class ModbusLine:
    """A Modbus TCP connection to `host`:`port`; its user sees to it that one request is under way at a time.

    Args:
        host: name or address.
        port: TCP port.
        timeout_s: seconds that connecting may take, and a whole reply.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self.host = host
        self.port = port
        self.timeout_s = timeout_s
        self._client: AsyncModbusTcpClient | None = None
        self._guard: _GuardedTransaction | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent: connected, and nothing came that was not asked for."""
        return self._guard is not None and self._guard.usable

    async def open(self) -> None:
        """Connect anew; NotConnected if that fails."""
        self.close()
        client = AsyncModbusTcpClient(self.host, port=self.port, timeout=self.timeout_s, retries=0, reconnect_delay=0)
        guard = _GuardedTransaction(client.comm_params)
        client.ctx = guard
        if not await client.connect():
            raise NotConnected(f"no connection to {self.host}:{self.port} within {self.timeout_s} s")
        self._client, self._guard = client, guard

    async def read(self, unit: int, request: ReadRequest) -> bytes:
        """Ask for registers and return their bytes, two for each register, high byte first.

        Args:
            unit: Modbus unit identifier.
            request: which registers.

        Raises:
            NotConnected: there is no connection, or it broke.
            NoReply: the reply was not complete in time.
            MalformedReply: the reply was not exactly the one that was asked for.
            DeviceException: the instrument refused; the only error after which the line stays open.
        """
        client, guard = self._client, self._guard
        if client is None or guard is None or not guard.usable:
            self.close()
            raise NotConnected(f"the connection to {self.host}:{self.port} is closed")
        guard.expect(unit, request.function, request.count)
        read = client.read_holding_registers if request.function == 3 else client.read_input_registers
        try:
            await read(request.register, count=request.count, device_id=unit)
        except DeviceException:
            raise
        except ReadError:
            self.close()
            raise
        except ModbusException as error:
            self.close()
            came = f"{len(guard.received)} bytes came" if guard.received else "nothing came"
            raise NoReply(f"no complete reply within {self.timeout_s} s: {came}") from error
        except BaseException:
            # Cancelled in the middle of a request: its answer must find no one.
            self.close()
            raise
        return guard.registers

    def close(self) -> None:
        """Drop the connection at once, with whatever is still under way on it."""
        client, self._client, self._guard = self._client, None, None
        if client is None:
            return
        transport = client.ctx.transport
        client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


class _GuardedTransaction(TransactionManager):
    """pymodbus's transaction manager, shown only replies that are exactly right."""

    def __init__(self, parameters: CommParams) -> None:
        super().__init__(parameters, FramerSocket(DecodePDU(False)), 0, False, None, None, None)
        self._expected: ExpectedReply | None = None
        self._disturbed = False
        self.received = b""
        self.registers = b""

    @property
    def usable(self) -> bool:
        """Connected, and nothing came that was not asked for."""
        return self.is_active() and not self._disturbed

    def expect(self, unit: int, function: int, count: int) -> None:
        """Prepare for the reply to the next request, whose transaction number follows the last one's (`getNextTID`)."""
        transaction = 1 if self.next_tid >= 65_000 else self.next_tid + 1
        self._expected = ExpectedReply.to_read(transaction=transaction, unit=unit, function=function, count=count)
        self.received = b""
        self.registers = b""

    def data_received(self, data: bytes) -> None:
        """Take what came over the line; hand it on when it is exactly the reply, and nothing before."""
        if self._expected is None:
            self._disturbed = True
            return
        self.received += data
        try:
            registers = register_bytes(self.received, self._expected)
        except ReadError as error:
            self._fail(error)
            return
        if registers is not None:
            self._expected = None
            self.registers = registers
            if not self.response_future.done():  # it is, when the time was up in this very moment
                # Not through pymodbus's framer and decoder: they would let more through, and cost a third of a poll.
                reply = ModbusPDU(dev_id=self.request_dev_id, transaction_id=self.request_transaction_id)
                self.response_future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end closed: whoever waits for a reply learns it now, not at the end of the timeout."""
        came = f"after {len(self.received)} bytes of a reply" if self.received else "without a reply"
        self._fail(NoReply(f"the connection was closed {came}"))
        super().connection_lost(exc)

    def _fail(self, error: ReadError) -> None:
        if self._expected is not None and not self.response_future.done():
            self.response_future.set_exception(error)
        self._expected = None
