"""Is this message a frame that may enter the ledger? Pure: bytes, a topic and a registry give a judgement.

The order of the questions is the order of their cost and of what a stranger can make us do: size, the outer structure,
who should have signed, whether he has, and only then what it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steelyard.contracts.cose import parse_sign1, verify_parsed
from steelyard.contracts.errors import FrameError, FrameTooLarge, SignatureInvalid, StatusError
from steelyard.contracts.frame import MAX_FRAME_BYTES, decode_frame
from steelyard.contracts.status import decode_status

if TYPE_CHECKING:
    from steelyard.contracts.frame import Block, Frame
    from steelyard.contracts.identifiers import GatewayId
    from steelyard.contracts.registry import Gateway
    from steelyard.contracts.status import GatewayStatus
    from steelyard.contracts.topics import TopicName
    from steelyard.ingest.registry import RegistryView


class Reason(StrEnum):
    """Why a message is refused; the text begins its quarantine entry."""

    FOREIGN_TOPIC = "foreign topic"
    TOO_LARGE = "too large"
    MALFORMED_ENVELOPE = "malformed envelope"
    UNKNOWN_GATEWAY = "unknown gateway"
    WRONG_ORGANIZATION = "wrong organization"
    UNKNOWN_KEY = "unknown key"
    SIGNATURE_INVALID = "signature invalid"
    MALFORMED_FRAME = "malformed frame"
    WRONG_GATEWAY = "wrong gateway"
    UNKNOWN_INSTRUMENT = "unknown instrument"
    UNKNOWN_CHANNEL = "unknown channel"
    MALFORMED_STATUS = "malformed status"
    NOT_JUDGED = "could not be judged"
    """A fault of ours; the message is kept so that it can be found."""


CURABLE = frozenset(
    {
        Reason.UNKNOWN_GATEWAY,
        Reason.WRONG_ORGANIZATION,
        Reason.UNKNOWN_KEY,
        Reason.UNKNOWN_INSTRUMENT,
        Reason.UNKNOWN_CHANNEL,
    }
)
"""Reasons that may be no more true once the registry has been read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The message goes to quarantine. `detail` says what exactly, with the value."""

    reason: Reason
    detail: str


def judge_frame(topic: TopicName, message: bytes, registry: RegistryView) -> Frame | Refused:
    """Return the frame in `message`, or why there is none that may be stored.

    Args:
        topic: where it came; the broker lets nobody but the gateway's certificate write there.
        message: the exact bytes.
        registry: what is registered.
    """
    try:
        return _frame(topic, message, registry)
    except _RefusalError as refusal:
        return refusal.refused


def judge_status(topic: TopicName, payload: bytes, registry: RegistryView) -> GatewayStatus | Refused:
    """Return the status in `payload`, or why it is none of a registered gateway."""
    try:
        _gateway(topic, registry)
        status = decode_status(payload)
        _require_same(topic, status.gateway)
    except _RefusalError as refusal:
        return refusal.refused
    except StatusError as error:
        return Refused(reason=Reason.MALFORMED_STATUS, detail=str(error))
    return status


class _RefusalError(Exception):
    """Ends a judgement; never leaves this module."""

    def __init__(self, reason: Reason, detail: object) -> None:
        super().__init__(reason)
        self.refused = Refused(reason=reason, detail=str(detail))


def _frame(topic: TopicName, message: bytes, registry: RegistryView) -> Frame:
    if len(message) > MAX_FRAME_BYTES:
        raise _RefusalError(Reason.TOO_LARGE, f"{len(message)} bytes, at most {MAX_FRAME_BYTES} are accepted")
    try:
        envelope = parse_sign1(message)
    except FrameError as error:
        raise _RefusalError(Reason.MALFORMED_ENVELOPE, error) from error
    key = _gateway(topic, registry).public_key
    if key.kid != envelope.kid:
        detail = f"signed with key {envelope.kid}, {topic.gateway} is registered with {key.kid}"
        raise _RefusalError(Reason.UNKNOWN_KEY, detail)
    try:
        frame = decode_frame(verify_parsed(envelope, key))
    except SignatureInvalid as error:
        raise _RefusalError(Reason.SIGNATURE_INVALID, error) from error
    except FrameTooLarge as error:
        raise _RefusalError(Reason.TOO_LARGE, error) from error
    except FrameError as error:
        raise _RefusalError(Reason.MALFORMED_FRAME, error) from error
    _require_same(topic, frame.gateway)
    for block in frame.blocks:
        _require_registered(topic, block, registry)
    return frame


def _gateway(topic: TopicName, registry: RegistryView) -> Gateway:
    """The gateway that the topic names, if it may write there."""
    gateway = registry.gateways.get(topic.gateway)
    if gateway is None:
        raise _RefusalError(Reason.UNKNOWN_GATEWAY, f"{topic.gateway!r} is not registered")
    if gateway.organization != topic.organization:
        detail = f"{topic.gateway!r} is registered with {gateway.organization!r}, not with {topic.organization!r}"
        raise _RefusalError(Reason.WRONG_ORGANIZATION, detail)
    return gateway


def _require_same(topic: TopicName, gateway: GatewayId) -> None:
    if gateway != topic.gateway:
        detail = f"{gateway!r} speaks on the topic of {topic.gateway!r}"
        raise _RefusalError(Reason.WRONG_GATEWAY, detail)


def _require_registered(topic: TopicName, block: Block, registry: RegistryView) -> None:
    """Refuse an instrument that is not this gateway's, and a channel without a registered unit."""
    instrument = registry.instruments.get(block.instrument)
    if instrument is None or instrument.gateway != topic.gateway:
        detail = f"{block.instrument!r} is not registered with gateway {topic.gateway!r}"
        raise _RefusalError(Reason.UNKNOWN_INSTRUMENT, detail)
    if not instrument.channels.issuperset(block.channels):
        unknown = ", ".join(map(repr, sorted(set(block.channels) - instrument.channels)))
        raise _RefusalError(Reason.UNKNOWN_CHANNEL, f"{block.instrument!r} has no registered channel {unknown}")
