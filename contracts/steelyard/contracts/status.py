"""A gateway's status: retained on the broker, its last will included."""

from __future__ import annotations

from typing import Literal

import msgspec

from steelyard.contracts.errors import IdentifierError, StatusError
from steelyard.contracts.frame import MAX_SEQ
from steelyard.contracts.identifiers import BootId, GatewayId, parse_boot_id, parse_gateway_id

MAX_STATUS_BYTES = 4096


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gateway says of itself, or its will says for it.

    `sent` UTC nanoseconds by the gateway's clock when the text was written (a will is written before the fact);
    `missed_polls` deadlines of this boot that passed without a poll; `spooled_frames` frames waiting for a receipt.
    """

    gateway: GatewayId
    boot: BootId
    state: Literal["online", "offline"]
    sent: int
    missed_polls: int = 0
    spooled_frames: int = 0
    reason: str = ""


_decoder = msgspec.json.Decoder(GatewayStatus)


def encode_status(status: GatewayStatus) -> bytes:
    """Return the payload of the retained status message."""
    return msgspec.json.encode(status)


def decode_status(payload: bytes) -> GatewayStatus:
    """Read a status or raise StatusError."""
    if len(payload) > MAX_STATUS_BYTES:
        raise StatusError("status", len(payload), f"at most {MAX_STATUS_BYTES} bytes are accepted")
    try:
        status = _decoder.decode(payload)
        parse_gateway_id(status.gateway)
        parse_boot_id(status.boot)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise StatusError("status", payload[:48], str(error)) from error
    except IdentifierError as error:
        raise StatusError(error.field, error.value, error.remedy) from error
    for name, count in (("missed_polls", status.missed_polls), ("spooled_frames", status.spooled_frames)):
        if not 0 <= count <= MAX_SEQ:
            raise StatusError(name, count, f"must be a whole number from 0 to {MAX_SEQ}")
    return status
