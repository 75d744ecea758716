"""Promise S3: a malformed message never harms; each is refused with its reason, and a good one is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from steelyard.contracts.cose import parse_sign1, sign1
from steelyard.contracts.frame import MAX_FRAME_BYTES, Block, ClockStatus, Frame, encode_frame
from steelyard.contracts.identifiers import BootId, ChannelId, GatewayId, InstrumentId, InstrumentKind, OrganizationId
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.registry import Channel, Gateway, Instrument
from steelyard.contracts.status import GatewayStatus, encode_status
from steelyard.contracts.topics import TopicKind, TopicName
from steelyard.ingest.judgement import CURABLE, Reason, Refused, judge_frame, judge_status
from steelyard.ingest.registry import RegistryView, build_view

if TYPE_CHECKING:
    from collections.abc import Callable

ORG, OTHER_ORG = OrganizationId("hengyuan"), OrganizationId("linjiang")
GATEWAY, OTHER_GATEWAY = GatewayId("gw-1"), GatewayId("gw-2")
METER, OTHER_METER = InstrumentId("em-1"), InstrumentId("em-2")
VOLTAGE, POWER = ChannelId("voltage_l1"), ChannelId("power_total")
KEY, OTHER_KEY = SigningKey.generate(), SigningKey.generate()
TOPIC = TopicName(organization=ORG, gateway=GATEWAY, kind=TopicKind.FRAME)
STATUS_TOPIC = TopicName(organization=ORG, gateway=GATEWAY, kind=TopicKind.STATUS)
T0 = 1_790_000_000_000_000_000


def _instrument(instrument: InstrumentId, gateway: GatewayId) -> Instrument:
    return Instrument(
        id=instrument,
        organization=ORG,
        gateway=gateway,
        name="Feeder",
        kind=InstrumentKind("electricity_meter"),
        profile="sdm630",
        serial="1",
        location="hall",
        accuracy_class="1",
    )


REGISTRY = build_view(
    [
        Gateway(id=GATEWAY, organization=ORG, public_key=KEY.public),
        Gateway(id=OTHER_GATEWAY, organization=ORG, public_key=OTHER_KEY.public),
    ],
    [_instrument(METER, GATEWAY), _instrument(OTHER_METER, OTHER_GATEWAY)],
    [
        Channel(instrument=instrument, id=channel, quantity="x", unit="V", resolution=0.1)
        for instrument in (METER, OTHER_METER)
        for channel in (VOLTAGE, POWER)
    ],
)


def frame(gateway: GatewayId = GATEWAY, instrument: InstrumentId = METER, channel: ChannelId = VOLTAGE) -> Frame:
    block = Block(
        instrument=instrument, channels=(channel,), t=(T0,), span_us=(900,), values=((230.1,),), status=((0,),)
    )
    return Frame(
        gateway=gateway,
        boot=BootId("00000001-aaaaaaaa"),
        seq=1,
        sent=T0,
        clock=ClockStatus(state="synced", error_ms=1.0),
        blocks=(block,),
    )


GOOD = sign1(encode_frame(frame()), KEY)
PAYLOAD = encode_frame(frame())


def signed(payload: bytes) -> bytes:
    """Bytes that are no frame, with a signature that is good."""
    return sign1(payload, KEY)


def edited(change: Callable[[Any], None]) -> bytes:
    """A frame changed before it was signed, as a faulty gateway would."""
    document = json.loads(PAYLOAD)
    change(document)
    return signed(json.dumps(document).encode())


def cose(*parts: Any, tag: int = 18) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(tag, list(parts)))


def header(**changes: Any) -> bytes:
    names = {"alg": 1, "content_type": 3, "kid": 4}
    fields = {1: -8, 3: "application/json", 4: KEY.public.kid.encode()}
    for name, value in changes.items():
        if value is None:
            del fields[names[name]]
        else:
            fields[names[name]] = value
    return cbor2.dumps(fields, canonical=True)


def refuse(message: bytes, topic: TopicName = TOPIC, registry: RegistryView = REGISTRY) -> Refused:
    judged = judge_frame(topic, message, registry)
    assert isinstance(judged, Refused), "this must not enter the ledger"
    assert judged.detail
    return judged


def test_a_good_frame_is_accepted() -> None:
    assert judge_frame(TOPIC, GOOD, REGISTRY) == frame()


SIGNATURE = parse_sign1(GOOD).signature
HOSTILE_ENVELOPES = {
    "nothing": b"",
    "text": b"hello",
    "unsigned JSON": PAYLOAD,
    "cut short": GOOD[:-1],
    "one byte more": GOOD + b"\x00",
    "twice": GOOD + GOOD,
    "no tag": GOOD[1:],
    "COSE_Mac0": cose(header(), {}, PAYLOAD, SIGNATURE, tag=17),
    "CWT around it": b"\xd8\x3d" + GOOD,
    "three parts": cose(header(), {}, PAYLOAD),
    "five parts": cose(header(), {}, PAYLOAD, SIGNATURE, b""),
    "payload detached": cose(header(), {}, None, SIGNATURE),
    "payload as text": cose(header(), {}, PAYLOAD.decode(), SIGNATURE),
    "unprotected key id": cose(header(kid=None), {4: KEY.public.kid.encode()}, PAYLOAD, SIGNATURE),
    "an unprotected extra": cose(header(), {5: b"x"}, PAYLOAD, SIGNATURE),
    "ES256 named": cose(header(alg=-7), {}, PAYLOAD, SIGNATURE),
    "no algorithm": cose(header(alg=None), {}, PAYLOAD, SIGNATURE),
    "algorithm as text": cose(header(alg="EdDSA"), {}, PAYLOAD, SIGNATURE),
    "other content type": cose(header(content_type="application/cbor"), {}, PAYLOAD, SIGNATURE),
    "key id as text": cose(header(kid=KEY.public.kid), {}, PAYLOAD, SIGNATURE),
    "key id not ASCII": cose(header(kid=b"\xff\xfe"), {}, PAYLOAD, SIGNATURE),
    "key twice in the header": cose(b"\xa2\x01\x27\x01\x27", {}, PAYLOAD, SIGNATURE),
    "indefinite array": b"\xd2\x9f" + b"\x40" * 4 + b"\xff",
    "indefinite bytes": b"\xd2\x84\x5f\x41\x00\xff\xa0\x40\x40",
    "an array of 2^60": b"\xd2\x9b\x10\x00\x00\x00\x00\x00\x00\x00",
    "a string of 2^60 bytes": b"\xd2\x84\x5b\x10\x00\x00\x00\x00\x00\x00\x00",
    "a thousand arrays deep": b"\xd2" + b"\x81" * 1_000 + b"\x00",
    "a hundred thousand tags deep": b"\xd2" * 100_000,
    "a bignum": b"\xc2\x5a\x00\x01\x00\x00" + b"\xff" * 65_536,
    "a shared reference to itself": b"\xd8\x1c\x81\xd8\x1d\x00",
}


@pytest.mark.parametrize("message", HOSTILE_ENVELOPES.values(), ids=HOSTILE_ENVELOPES.keys())
def test_s3_a_malformed_envelope_is_refused(message: bytes) -> None:
    assert refuse(message).reason is Reason.MALFORMED_ENVELOPE


HOSTILE_PAYLOADS = {
    "nothing": b"",
    "not JSON": b"hello",
    "an array": b"[]",
    "not UTF-8": b'{"gateway": "\xff\xfe"}',
    "a hundred thousand arrays deep": b"[" * 100_000,
    "deep inside a known field": PAYLOAD.replace(b'"blocks":', b'"blocks":' + b"[" * 50_000),
    "NaN": PAYLOAD.replace(b"230.1", b"NaN"),
    "Infinity": PAYLOAD.replace(b"230.1", b"Infinity"),
    "1e999": PAYLOAD.replace(b"230.1", b"1e999"),
    "an integer of 5,000 digits": PAYLOAD.replace(b"230.1", b"9" * 5_000),
    "a value as text": PAYLOAD.replace(b"230.1", b'"230.1"'),
    "a number with a fraction": PAYLOAD.replace(b'"seq":1', b'"seq":1.5'),
    "a negative number": PAYLOAD.replace(b'"seq":1', b'"seq":-1'),
    "number nought": PAYLOAD.replace(b'"seq":1', b'"seq":0'),
    "number 2^64": PAYLOAD.replace(b'"seq":1', b'"seq":18446744073709551616'),
    "a time before the year 2000": PAYLOAD.replace(str(T0).encode(), b"1"),
    "a time beyond 64 bits": PAYLOAD.replace(str(T0).encode(), b"1" + str(T0).encode()),
    "something after it": PAYLOAD + b"{}",
    "unknown field": PAYLOAD.replace(b'"seq":1', b'"seq":1,"sql":"drop"'),
    "a path as gateway": PAYLOAD.replace(b'"gw-1"', b'"../gw-1"'),
    "a wildcard as boot": PAYLOAD.replace(b'"00000001-aaaaaaaa"', b'"#"'),
}


@pytest.mark.parametrize("payload", HOSTILE_PAYLOADS.values(), ids=HOSTILE_PAYLOADS.keys())
def test_s3_a_signed_payload_that_is_no_frame_is_refused(payload: bytes) -> None:
    assert payload != PAYLOAD
    assert refuse(signed(payload)).reason is Reason.MALFORMED_FRAME


def _double(document: Any) -> None:
    document["blocks"].append(document["blocks"][0])


HOSTILE_FRAMES: dict[str, Callable[[Any], Any]] = {
    "a channel twice": lambda d: d["blocks"][0].update(
        channels=["voltage_l1"] * 2, values=[[1.0]] * 2, status=[[0]] * 2
    ),
    "an instrument twice": _double,
    "fewer values than times": lambda d: d["blocks"][0].update(values=[[]]),
    "more values than times": lambda d: d["blocks"][0].update(values=[[1.0, 2.0]]),
    "no times": lambda d: d["blocks"][0].update(t=[], span_us=[], values=[[]], status=[[]]),
    "a missing value that is good": lambda d: d["blocks"][0].update(values=[[None]]),
    "a value that did not come": lambda d: d["blocks"][0].update(status=[[1]]),
    "an unknown status": lambda d: d["blocks"][0].update(status=[[99]]),
    "a negative span": lambda d: d["blocks"][0].update(span_us=[-1]),
    "no channels": lambda d: d["blocks"][0].update(channels=[], values=[], status=[]),
    "an unknown clock state": lambda d: d["clock"].update(state="excellent"),
    "a negative clock error": lambda d: d["clock"].update(error_ms=-1),
    "no gateway": lambda d: d.pop("gateway"),
    "no blocks": lambda d: d.pop("blocks"),
}


@pytest.mark.parametrize("change", HOSTILE_FRAMES.values(), ids=HOSTILE_FRAMES.keys())
def test_s3_a_frame_that_contradicts_itself_is_refused(change: Callable[[Any], None]) -> None:
    assert refuse(edited(change)).reason is Reason.MALFORMED_FRAME


def test_s3_a_key_twice_never_gives_a_mixed_frame() -> None:
    # The last one counts or the frame is refused; in no case are two readers of the bytes told two stories by us.
    judged = judge_frame(TOPIC, signed(PAYLOAD.replace(b'"seq":1', b'"seq":7,"seq":1')), REGISTRY)
    assert isinstance(judged, Refused) or judged.seq == 1


def test_s3_too_large_is_refused_before_anything_looks_inside() -> None:
    assert refuse(bytes(MAX_FRAME_BYTES + 1)).reason is Reason.TOO_LARGE
    assert refuse(b"\xd2" * MAX_FRAME_BYTES).reason is Reason.MALFORMED_ENVELOPE


def test_a_signature_by_another_key_is_refused_with_both_keys_named() -> None:
    refused = refuse(sign1(PAYLOAD, OTHER_KEY))
    assert refused.reason is Reason.UNKNOWN_KEY
    assert KEY.public.kid in refused.detail
    assert OTHER_KEY.public.kid in refused.detail


def test_a_forged_key_id_does_not_help() -> None:
    forged = sign1(PAYLOAD, OTHER_KEY).replace(OTHER_KEY.public.kid.encode(), KEY.public.kid.encode())
    assert refuse(forged).reason is Reason.SIGNATURE_INVALID


@settings(max_examples=examples(60))
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_s3_no_changed_bit_gets_through(place: int, bit: int) -> None:
    message = bytearray(GOOD)
    message[place] ^= 1 << bit
    refuse(bytes(message))


@settings(max_examples=examples(150))
@given(st.binary(max_size=200))
def test_s3_no_bytes_crash_the_judge(message: bytes) -> None:
    refuse(message)
    refuse(b"\xd2" + message)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=examples(150))
@given(st.sampled_from(["gateway", "boot", "seq", "sent", "clock", "blocks"]), _json)
def test_s3_no_field_of_another_kind_crashes_the_judge(name: str, value: Any) -> None:
    judged = judge_frame(TOPIC, edited(lambda document: document.update({name: value})), REGISTRY)
    assert isinstance(judged, Refused | Frame)


@settings(max_examples=examples(150))
@given(st.sampled_from(["instrument", "channels", "t", "span_us", "values", "status"]), _json)
def test_s3_no_block_of_another_kind_crashes_the_judge(name: str, value: Any) -> None:
    judged = judge_frame(TOPIC, edited(lambda document: document["blocks"][0].update({name: value})), REGISTRY)
    assert isinstance(judged, Refused | Frame)


def test_a_gateway_nobody_registered_is_refused() -> None:
    topic = TopicName(organization=ORG, gateway=GatewayId("gw-9"), kind=TopicKind.FRAME)
    assert refuse(GOOD, topic).reason is Reason.UNKNOWN_GATEWAY


def test_a_gateway_on_another_organizations_topic_is_refused() -> None:
    topic = TopicName(organization=OTHER_ORG, gateway=GATEWAY, kind=TopicKind.FRAME)
    refused = refuse(GOOD, topic)
    assert refused.reason is Reason.WRONG_ORGANIZATION
    assert "hengyuan" in refused.detail
    assert "linjiang" in refused.detail


def test_a_frame_of_another_gateway_is_refused_on_either_topic() -> None:
    spoken_for = sign1(encode_frame(frame(gateway=OTHER_GATEWAY)), KEY)
    assert refuse(spoken_for).reason is Reason.WRONG_GATEWAY
    other_topic = TopicName(organization=ORG, gateway=OTHER_GATEWAY, kind=TopicKind.FRAME)
    assert refuse(spoken_for, other_topic).reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("instrument", [InstrumentId("em-9"), OTHER_METER])
def test_an_instrument_that_is_not_this_gateways_is_refused(instrument: InstrumentId) -> None:
    refused = refuse(sign1(encode_frame(frame(instrument=instrument)), KEY))
    assert refused.reason is Reason.UNKNOWN_INSTRUMENT
    assert instrument in refused.detail


def test_a_channel_nobody_registered_is_refused() -> None:
    refused = refuse(sign1(encode_frame(frame(channel=ChannelId("voltage_l9"))), KEY))
    assert refused.reason is Reason.UNKNOWN_CHANNEL
    assert "voltage_l9" in refused.detail


def test_only_what_the_registry_can_cure_leads_to_reading_it_again() -> None:
    empty = RegistryView()
    assert refuse(GOOD, registry=empty).reason in CURABLE
    assert Reason.SIGNATURE_INVALID not in CURABLE
    assert Reason.MALFORMED_FRAME not in CURABLE


def _status(**changes: Any) -> bytes:
    fields: dict[str, Any] = {"gateway": GATEWAY, "boot": BootId("00000001-aaaaaaaa"), "state": "online", "sent": T0}
    return encode_status(GatewayStatus(**{**fields, **changes}))


def test_a_status_is_read() -> None:
    judged = judge_status(STATUS_TOPIC, _status(spooled_frames=3), REGISTRY)
    assert isinstance(judged, GatewayStatus)
    assert judged.spooled_frames == 3


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", Reason.MALFORMED_STATUS),
        (b"[" * 4_000, Reason.MALFORMED_STATUS),
        (bytes(10_000), Reason.MALFORMED_STATUS),
        (_status(spooled_frames=-1), Reason.MALFORMED_STATUS),
        (_status(gateway=OTHER_GATEWAY), Reason.WRONG_GATEWAY),
    ],
)
def test_a_status_that_is_none_is_refused(payload: bytes, reason: Reason) -> None:
    judged = judge_status(STATUS_TOPIC, payload, REGISTRY)
    assert isinstance(judged, Refused)
    assert judged.reason is reason
