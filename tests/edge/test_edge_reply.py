"""S4, pure: only the exact reply is one. Modbus Application Protocol V1.1b3, 6.3, 6.4, 7; TCP/IP guide V1.0b, 3.1.3."""

from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from steelyard.edge.errors import DeviceException, MalformedReply
from steelyard.edge.reply import ExpectedReply, register_bytes

REQUESTS = st.fixed_dictionaries(
    {
        "transaction": st.integers(0, 65_535),
        "unit": st.integers(0, 255),
        "function": st.sampled_from([3, 4]),
        "count": st.integers(1, 125),
    }
)


def adu(*, transaction: int, unit: int, function: int, registers: bytes) -> bytes:
    """The reply, written out field by field from the specification, not from the code under test."""
    pdu = bytes([function, len(registers)]) + registers
    return transaction.to_bytes(2, "big") + b"\x00\x00" + (len(pdu) + 1).to_bytes(2, "big") + bytes([unit]) + pdu


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[ExpectedReply, bytes, bytes]:
    request = draw(REQUESTS)
    size = 2 * request["count"]
    registers = draw(st.binary(min_size=size, max_size=size))
    named = {key: request[key] for key in ("transaction", "unit", "function")}
    return ExpectedReply.to_read(**request), registers, adu(**named, registers=registers)


def test_the_example_of_the_specification_is_read() -> None:
    # Modbus Application Protocol V1.1b3, 6.3: read holding registers 108..110, response 03 06 022B 0000 0064.
    expected = ExpectedReply.to_read(transaction=0x1501, unit=0xFF, function=3, count=3)
    received = bytes.fromhex("1501 0000 0009 FF 03 06 022B 0000 0064")
    assert register_bytes(received, expected) == bytes.fromhex("022B 0000 0064")


def test_the_exception_of_the_specification_is_raised() -> None:
    # The same document, section 7: function code plus 0x80 and an exception code.
    expected = ExpectedReply.to_read(transaction=1, unit=1, function=4, count=2)
    with pytest.raises(DeviceException, match="illegal data address") as caught:
        register_bytes(bytes.fromhex("0001 0000 0003 01 84 02"), expected)
    assert caught.value.code == 2


@given(exchanges())
def test_the_exact_reply_gives_its_registers(exchange: tuple[ExpectedReply, bytes, bytes]) -> None:
    expected, registers, reply = exchange
    assert register_bytes(reply, expected) == registers


@given(exchanges(), st.data())
def test_a_beginning_is_waited_for(exchange: tuple[ExpectedReply, bytes, bytes], data: st.DataObject) -> None:
    expected, _, reply = exchange
    beginning = reply[: data.draw(st.integers(0, len(reply) - 1))]
    assert register_bytes(beginning, expected) is None


@given(exchanges(), st.binary(min_size=1, max_size=300))
def test_anything_after_the_reply_is_refused(exchange: tuple[ExpectedReply, bytes, bytes], more: bytes) -> None:
    expected, _, reply = exchange
    with pytest.raises(MalformedReply):
        register_bytes(reply + more, expected)


@given(exchanges(), st.integers(0, 8), st.integers(1, 255))
def test_any_change_in_the_header_is_refused(
    exchange: tuple[ExpectedReply, bytes, bytes], place: int, change: int
) -> None:
    expected, _, reply = exchange
    changed = bytearray(reply)
    changed[place] ^= change
    with pytest.raises(MalformedReply):
        register_bytes(bytes(changed), expected)


@given(exchanges(), st.binary(max_size=400))
def test_no_other_bytes_ever_give_registers(exchange: tuple[ExpectedReply, bytes, bytes], received: bytes) -> None:
    expected, _, reply = exchange
    assume(received[:9] != reply[:9])
    with suppress(MalformedReply, DeviceException):
        assert register_bytes(received, expected) is None


@given(exchanges(), st.data())
def test_where_the_bytes_were_cut_makes_no_difference(
    exchange: tuple[ExpectedReply, bytes, bytes], data: st.DataObject
) -> None:
    """What is refused at the end was refused, or still waited for, at every cut before; never accepted."""
    expected, _, reply = exchange
    spoiled = bytearray(reply)
    for _ in range(data.draw(st.integers(1, 3))):
        spoiled[data.draw(st.integers(0, 8))] ^= data.draw(st.integers(1, 255))
    assume(bytes(spoiled) != reply)
    for cut in range(len(spoiled) + 1):
        try:
            assert register_bytes(bytes(spoiled[:cut]), expected) is None
        except (MalformedReply, DeviceException):
            return
    pytest.fail("a spoiled reply was waited for to its end")


def test_the_error_names_the_field_and_shows_the_bytes() -> None:
    expected = ExpectedReply.to_read(transaction=1, unit=7, function=4, count=1)
    with pytest.raises(MalformedReply, match="unit is 0x08, expected 0x07") as caught:
        register_bytes(bytes.fromhex("0001 0000 0005 08 04 02 0001"), expected)
    assert "00 01 00 00 00 05 08 04 02 00 01" in str(caught.value)
