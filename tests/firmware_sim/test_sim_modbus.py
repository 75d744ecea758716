"""The Modbus server as bytes: conformance to MODBUS Application Protocol V1.1b3, and the spoiled replies."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.firmware_sim.modbus import Reply, answer, split_requests
from steelyard.firmware_sim.scenario import Scenario
from steelyard.firmware_sim.scenario_file import load_scenario
from steelyard.firmware_sim.world import World

METER, THERMOMETER, SCALE, TRANSMITTER, GAUGE = 1, 2, 3, 4, 5


def request(unit: int, pdu: str | bytes, transaction: int = 0x1234) -> bytes:
    data = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
    return struct.pack(">HHHB", transaction, 0, len(data) + 1, unit) + data


def read(unit: int, function: int, register: int, count: int) -> bytes:
    return request(unit, struct.pack(">BHH", function, register, count))


def sent(reply: Reply) -> bytes:
    return b"".join(chunk.data for chunk in reply.chunks)


def pdu(reply: Reply) -> bytes:
    return sent(reply)[7:]


@pytest.fixture
def ask(five: Scenario, start_ns: int) -> Callable[[bytes], Reply]:
    devices = World(five).devices_at("hall")
    return lambda adu: answer(adu, devices, start_ns)


def test_reply_repeats_transaction_protocol_and_unit_and_counts_its_bytes(ask: Callable[[bytes], Reply]) -> None:
    reply = sent(ask(read(METER, 4, 0, 6)))
    assert reply[:9] == bytes.fromhex("1234 0000 000f 01 04 0c")
    assert len(reply) == 9 + 12
    voltage = struct.unpack(">f", reply[9:13])[0]
    assert 225 < voltage < 237


@pytest.mark.parametrize("function", [0, 1, 2, 5, 6, 15, 16, 22, 23, 43, 0x7F])
def test_any_function_but_reading_registers_is_illegal(ask: Callable[[bytes], Reply], function: int) -> None:
    assert pdu(ask(request(METER, bytes((function, 0, 0, 0, 1))))) == bytes((function | 0x80, 0x01))


# Figures 13 and 14 of the specification: the quantity is checked before the address.
@pytest.mark.parametrize("count", [0, 81, 125, 126, 65_535])
def test_quantity_that_the_device_does_not_serve_is_an_illegal_value(ask: Callable[[bytes], Reply], count: int) -> None:
    assert pdu(ask(read(METER, 4, 0, count))) == bytes.fromhex("84 03")


@pytest.mark.parametrize("body", ["04", "04 0000", "04 0000 0002 00"])
def test_request_of_the_wrong_length_is_an_illegal_value(ask: Callable[[bytes], Reply], body: str) -> None:
    assert pdu(ask(request(METER, body))) == bytes.fromhex("84 03")


@pytest.mark.parametrize(
    ("unit", "function", "register", "count"),
    [
        (METER, 4, 76, 2),  # behind the last register of a block
        (METER, 4, 70, 8),  # beginning within, ending behind
        (METER, 4, 65_535, 1),
        (METER, 4, 65_535, 2),  # beyond the address space
        (METER, 4, 300, 2),  # in the long hole
        (METER, 4, 270, 80),  # beginning in the long hole, ending at a register
        (METER, 3, 0, 2),  # input registers are no holding registers
        (THERMOMETER, 4, 1, 1),
        (THERMOMETER, 3, 9, 1),
    ],
)
def test_address_that_the_device_does_not_have_is_an_illegal_address(
    ask: Callable[[bytes], Reply], unit: int, function: int, register: int, count: int
) -> None:
    assert pdu(ask(read(unit, function, register, count))) == bytes((function | 0x80, 0x02))


def test_unit_that_is_not_on_the_line_fails_to_respond_to_its_gateway(ask: Callable[[bytes], Reply]) -> None:
    reply = ask(read(99, 4, 0, 2))
    assert sent(reply) == bytes.fromhex("1234 0000 0003 63 84 0b")
    assert not reply.served


def test_holes_up_to_the_profiles_gap_read_as_zero(ask: Callable[[bytes], Reply]) -> None:
    data = pdu(ask(read(METER, 4, 34, 14)))[2:]  # power factor 3, a hole 36..41, average voltage 42, 44 unused, 46
    assert data[4:16] == bytes(12)
    assert struct.unpack(">f", data[16:20])[0] == pytest.approx(231, abs=5)
    assert data[20:24] == bytes(4)


def test_half_a_value_can_be_read_but_counts_as_no_value(ask: Callable[[bytes], Reply]) -> None:
    whole = ask(read(METER, 4, 0, 4))
    half = ask(read(METER, 4, 1, 2))
    assert pdu(half)[2:] == pdu(whole)[4:8]
    assert [served.channel for served in whole.served] == ["voltage_l1", "voltage_l2"]
    assert not half.served


def test_probe_register_that_is_no_channel_holds_the_device_code(ask: Callable[[bytes], Reply]) -> None:
    assert struct.unpack(">H", pdu(ask(read(THERMOMETER, 3, 0, 1)))[2:])[0] == 4101
    assert struct.unpack(">H", pdu(ask(read(GAUGE, 4, 0, 1)))[2:])[0] == 4404


def test_same_request_at_the_same_instant_has_the_same_answer(ask: Callable[[bytes], Reply]) -> None:
    once = ask(read(METER, 4, 0, 76))
    assert len(once.served) == 28
    assert ask(read(METER, 4, 0, 76)) == once


@given(body=st.binary(min_size=1, max_size=253), unit=st.integers(0, 255))
def test_any_request_gets_one_whole_answer(body: bytes, unit: int) -> None:
    reply = sent(answer(request(unit, body), DEVICES, 1_767_225_600_000_000_000))
    transaction, protocol, length, answered = struct.unpack(">HHHB", reply[:7])
    assert (transaction, protocol, answered) == (0x1234, 0, unit)
    assert length == len(reply) - 6 <= 254
    assert reply[7] & 0x7F == body[0] & 0x7F


@given(st.lists(st.binary(min_size=1, max_size=253), max_size=5), st.data())
def test_requests_are_found_however_the_stream_is_cut(bodies: list[bytes], data: st.DataObject) -> None:
    frames = [request(number % 256, body, transaction=number) for number, body in enumerate(bodies)]
    stream, found, rest = b"".join(frames), [], b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        whole, rest, sound = split_requests(rest + stream[:size])
        assert sound
        found += whole
        stream = stream[size:]
    assert found == frames
    assert rest == b""


@pytest.mark.parametrize("header", ["0001 0001 0006 01", "0001 0000 0001 01", "0001 0000 00ff 01", "0001 0000 0000 01"])
def test_stream_that_is_no_modbus_tcp_is_given_up(header: str) -> None:
    good = read(METER, 4, 0, 2)
    assert split_requests(good + bytes.fromhex(header)) == ((good,), b"", False)


# --- replies that no reader may believe

FAULTED = """
[[fault]]
instrument = "meter"
kind = "{kind}"
delay = "300ms"
code = 6
"""


@pytest.fixture
def spoiled(five_text: str, start_ns: int) -> Callable[[str], Reply]:
    def ask(kind: str) -> Reply:
        world = World(load_scenario(five_text + FAULTED.format(kind=kind)))
        reply = answer(read(METER, 4, 0, 4), world.devices_at("hall"), start_ns)
        assert not reply.served, "a spoiled reply serves nothing"
        return reply

    return ask


GOOD_HEAD = "1234 0000 000b 01 04 08"


@pytest.mark.parametrize(
    ("kind", "head", "length"),
    [
        ("short_reply", "1234 0000 0009 01 04 06", 15),
        ("long_reply", "1234 0000 000d 01 04 0a", 19),
        ("empty_reply", "1234 0000 0003 01 04 00", 9),
        ("lying_byte_count", "1234 0000 000b 01 04 0a", 17),
        ("wrong_function", "1234 0000 000b 01 03 08", 17),
        ("wrong_unit", "1234 0000 000b 02 04 08", 17),
        ("wrong_transaction", "1235 0000 000b 01 04 08", 17),
        ("wrong_protocol", "1234 0001 000b 01 04 08", 17),
        ("wrong_length", "1234 0000 000d 01 04 08", 17),
        ("smuggled_frame", GOOD_HEAD, 34),
        ("drip", GOOD_HEAD, 17),
        ("late", GOOD_HEAD, 17),
        ("exception", "1234 0000 0003 01 84 06", 9),
    ],
)
def test_spoiled_reply_has_exactly_its_one_thing_wrong(
    spoiled: Callable[[str], Reply], kind: str, head: str, length: int
) -> None:
    data = sent(spoiled(kind))
    assert data[:9] == bytes.fromhex(head)
    assert len(data) == length


def test_smuggled_frame_waits_for_the_next_transaction(spoiled: Callable[[str], Reply]) -> None:
    assert sent(spoiled("smuggled_frame"))[17:26] == bytes.fromhex("1235 0000 000b 01 04 08")


def test_flood_buries_the_answer_under_frames_nobody_asked_for(spoiled: Callable[[str], Reply]) -> None:
    data = sent(spoiled("flood"))
    assert len(data) > 10_000
    assert data[:2] == bytes.fromhex("123b")
    assert data[-17:-8] == bytes.fromhex(GOOD_HEAD)


def test_late_and_dripping_replies_take_their_time(spoiled: Callable[[str], Reply]) -> None:
    assert [chunk.delay_s for chunk in spoiled("late").chunks] == [0.3]
    drip = spoiled("drip").chunks
    assert [len(chunk.data) for chunk in drip] == [1] * 17
    assert [chunk.delay_s for chunk in drip] == sorted(chunk.delay_s for chunk in drip)
    assert drip[-1].delay_s == pytest.approx(0.3)


def test_dropout_sends_nothing_and_disconnect_hangs_up(spoiled: Callable[[str], Reply]) -> None:
    assert spoiled("dropout") == Reply()
    assert spoiled("disconnect") == Reply(close=True)


def test_exception_has_nothing_that_could_be_spoiled(five_text: str, start_ns: int) -> None:
    world = World(load_scenario(five_text + FAULTED.format(kind="short_reply")))
    assert pdu(answer(read(METER, 4, 300, 2), world.devices_at("hall"), start_ns)) == bytes.fromhex("84 02")


DEVICES = World(
    load_scenario(
        """
start = 2026-01-01T00:00:00Z
seed = 1
site = [{ id = "s" }]
process = [{ id = "p", temperature = { kind = "smooth", level = 20.0 } }]
[[instrument]]
id = "t"
profile = "pt100_transmitter"
site = "s"
process = "p"
"""
    )
).devices_at("s")
