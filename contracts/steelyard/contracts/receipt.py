"""The receipt: ingest's signed word that frames are in the ledger. Only on it does a gateway forget."""

from __future__ import annotations

import re

import msgspec

from steelyard.contracts.errors import IdentifierError, ReceiptError
from steelyard.contracts.frame import MAX_SEQ
from steelyard.contracts.identifiers import BootId, GatewayId, parse_boot_id, parse_gateway_id

_ROOT = re.compile(r"[0-9a-f]{64}")

MAX_RUNS = 256
"""The most runs beyond a gap that one receipt names."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All frames of `gateway` and `boot` up to and including `contiguous_upto` are in the ledger.

    `beyond`: what is there although a number before it is missing, as runs (first, last), each apart from the one
    before. Without it a number that can never come (the ledger was restored from a backup) would hold back all others.

    Cumulative, so it may be repeated and lost. `ledger_size` (entries) and `root` (hexadecimal SHA-256) name the
    ledger's state that holds them.
    """

    gateway: GatewayId
    boot: BootId
    contiguous_upto: int
    ledger_size: int
    root: str
    beyond: tuple[tuple[int, int], ...] = ()


_decoder = msgspec.json.Decoder(Receipt)


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the payload that ingest signs."""
    _check(receipt)
    return msgspec.json.encode(receipt)


def decode_receipt(payload: bytes) -> Receipt:
    """Read a verified payload or raise ReceiptError."""
    try:
        receipt = _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReceiptError("receipt", payload[:48], str(error)) from error
    _check(receipt)
    return receipt


def _check(receipt: Receipt) -> None:
    try:
        parse_gateway_id(receipt.gateway)
        parse_boot_id(receipt.boot)
    except IdentifierError as error:
        raise ReceiptError(error.field, error.value, error.remedy) from error
    if not 0 <= receipt.contiguous_upto <= MAX_SEQ:
        raise ReceiptError("contiguous_upto", receipt.contiguous_upto, f"must be a whole number from 0 to {MAX_SEQ}")
    if len(receipt.beyond) > MAX_RUNS:
        raise ReceiptError("beyond", len(receipt.beyond), f"at most {MAX_RUNS} runs are accepted")
    before = receipt.contiguous_upto
    for first, last in receipt.beyond:
        if not before + 1 < first <= last <= MAX_SEQ:
            raise ReceiptError("beyond", (first, last), f"must be a run that begins at {before + 2} or later")
        before = last
    if receipt.ledger_size < 0:
        raise ReceiptError("ledger_size", receipt.ledger_size, "must not be negative")
    if not _ROOT.fullmatch(receipt.root):
        raise ReceiptError("root", receipt.root, "must be 64 hexadecimal digits")
