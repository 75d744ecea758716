"""COSE_Sign1 (RFC 9052, section 4.2) with EdDSA, as Steelyard's frames and receipts use it.

    COSE_Sign1 = 18([ protected: bstr, unprotected: {}, payload: bstr, signature: bstr ])
    protected  = { 1: -8 (EdDSA), 3: content type, 4: kid }

The signature covers ``Sig_structure = ["Signature1", protected, external_aad, payload]`` (section 4.4) with the
protected header's bytes as they came: nothing is serialized again to be checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cbor2

from steelyard.contracts.errors import FrameMalformed, IdentifierError
from steelyard.contracts.identifiers import KeyId, parse_key_id
from steelyard.contracts.keys import PublicKey, SigningKey

TAG = 18
ALG, CONTENT_TYPE, KID = 1, 3, 4
EDDSA = -8
JSON = "application/json"
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """A parsed, not yet verified message."""

    kid: KeyId
    content_type: str
    payload: bytes
    protected: bytes
    signature: bytes


def sign1(payload: bytes, key: SigningKey, content_type: str = JSON) -> bytes:
    """Return the tagged COSE_Sign1 message of `payload` signed with `key`."""
    protected = _header(key.public.kid, content_type)
    signature = key.sign(_to_be_signed(protected, payload))
    return _assemble(protected, payload, signature)


def parse_sign1(message: bytes) -> Sign1:
    """Take a message apart without trusting it; raise FrameMalformed when it is not exactly one of ours."""
    match _cbor(message, "message"):
        case cbor2.CBORTag(tag=18, value=[bytes(header), Mapping() as unprotected, bytes(payload), bytes(signature)]):
            pass
        case _:
            raise FrameMalformed("message", message[:32], "not a tagged COSE_Sign1 structure (RFC 9052, 4.2)")
    if unprotected:
        raise FrameMalformed(
            "unprotected header", list(unprotected), "must be empty: it is not covered by the signature"
        )
    if _assemble(header, payload, signature) != message:
        raise FrameMalformed(
            "message", len(message), "must be encoded deterministically, with nothing after it (RFC 8949, 4.2.1)"
        )
    kid, content_type = _parse_header(header)
    return Sign1(kid=kid, content_type=content_type, payload=payload, protected=header, signature=signature)


def verify_parsed(parsed: Sign1, key: PublicKey) -> bytes:
    """Return the payload if `key` signed it; raise SignatureInvalid if not."""
    key.verify(parsed.signature, _to_be_signed(parsed.protected, parsed.payload))
    return parsed.payload


def verify1(message: bytes, key: PublicKey) -> bytes:
    """Parse and verify in one step: the payload, or FrameMalformed, or SignatureInvalid."""
    return verify_parsed(parse_sign1(message), key)


def _header(kid: KeyId, content_type: str) -> bytes:
    # Keys in the deterministic order of RFC 8949, 4.2.1, so that equal headers are equal bytes.
    return cbor2.dumps({ALG: EDDSA, CONTENT_TYPE: content_type, KID: kid.encode()}, canonical=True)


def _parse_header(protected: bytes) -> tuple[KeyId, str]:
    header = _cbor(protected, "protected header")
    if not isinstance(header, dict) or set(header) != {ALG, CONTENT_TYPE, KID}:
        raise FrameMalformed("protected header", header, "must hold exactly alg (1), content type (3) and kid (4)")
    if header[ALG] != EDDSA:
        raise FrameMalformed("alg", header[ALG], "must be EdDSA (-8)")
    content_type = header[CONTENT_TYPE]
    if content_type != JSON:
        raise FrameMalformed("content type", content_type, f"must be {JSON}")
    try:
        return parse_key_id(header[KID].decode("ascii")), content_type
    except (AttributeError, UnicodeDecodeError, IdentifierError) as error:
        raise FrameMalformed("kid", header[KID], "must be the ASCII bytes of a key id") from error


def _cbor(data: bytes, field: str) -> object:
    try:
        return cbor2.loads(data, max_depth=_MAX_DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, RecursionError, ValueError, OverflowError, MemoryError) as error:
        raise FrameMalformed(
            field, data[:32], f"not the CBOR of a COSE_Sign1 message ({type(error).__name__})"
        ) from error


def _assemble(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    # Tag 18, array of four, empty map between the two headers' byte strings.
    return b"\xd2\x84" + _bstr(protected) + b"\xa0" + _bstr(payload) + _bstr(signature)


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    # ["Signature1", protected, h'', payload]: RFC 9052, 4.4; text of length 10 is 0x6a.
    return b"\x84\x6aSignature1" + _bstr(protected) + b"\x40" + _bstr(payload)


def _bstr(data: bytes) -> bytes:
    """Encode a byte string in its shortest form (RFC 8949, 3.1, major type 2)."""
    n = len(data)
    if n < 24:
        return bytes([0x40 | n]) + data
    for head, width in ((0x58, 1), (0x59, 2), (0x5A, 4)):
        if n < 1 << (8 * width):
            return bytes([head]) + n.to_bytes(width, "big") + data
    raise FrameMalformed("payload", n, "longer than a frame may be")
