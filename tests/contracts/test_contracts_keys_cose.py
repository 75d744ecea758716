"""Signatures: RFC 8032's and cose-wg's published vectors, and every single changed bit."""

import hashlib

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts import cose
from steelyard.contracts.errors import FrameMalformed, KeyFormatError, SignatureInvalid
from steelyard.contracts.keys import PublicKey, SigningKey

# RFC 8032, 7.1: secret key, public key, message, signature
RFC8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]
KEY = SigningKey.from_seed(bytes.fromhex(RFC8032[0][0]))
OTHER = SigningKey.from_seed(bytes.fromhex(RFC8032[1][0]))


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC8032)
def test_rfc_8032_vectors(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey.from_seed(bytes.fromhex(secret))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    key.public.verify(bytes.fromhex(signature), bytes.fromhex(message))


def test_the_signature_structure_is_that_of_cose_wg_eddsa_sig_01() -> None:
    # cose-wg/Examples, eddsa-examples/eddsa-sig-01.json: key of RFC 8032 test 1, payload and protected header as there.
    protected, payload = bytes.fromhex("a201270300"), b"This is the content."
    to_be_signed = cose._to_be_signed(protected, payload)
    assert to_be_signed.hex().upper() == (
        "846A5369676E61747572653145A2012703004054546869732069732074686520636F6E74656E742E"
    )
    assert KEY.sign(to_be_signed).hex().upper() == (
        "7142FD2FF96D56DB85BEE905A76BA1D0B7321A95C8C4D3607C5781932B7AFB87"
        "11497DFA751BF40B58B3BCC32300B1487F3DB34085EEF013BF08F4A44D6FEF0D"
    )


@given(st.binary(max_size=70_000))
def test_what_was_signed_comes_back_and_a_plain_cbor_reader_agrees(payload: bytes) -> None:
    message = cose.sign1(payload, KEY)
    assert cose.verify1(message, KEY.public) == payload
    tagged = cbor2.loads(message)
    protected, unprotected, content, signature = tagged.value
    assert (tagged.tag, dict(unprotected), content) == (18, {}, payload)
    assert cbor2.loads(protected) == {1: -8, 3: "application/json", 4: KEY.public.kid.encode()}
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    Ed25519PublicKey.from_public_bytes(KEY.public.raw).verify(signature, signed)


def test_any_single_changed_bit_is_refused() -> None:
    message = cose.sign1(b'{"a":1}', KEY)
    for position in range(len(message) * 8):
        changed = bytearray(message)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises((FrameMalformed, SignatureInvalid)):
            cose.verify1(bytes(changed), KEY.public)


def test_control_the_unchanged_message_is_accepted_and_another_key_is_not() -> None:
    message = cose.sign1(b"{}", KEY)
    assert cose.verify1(message, KEY.public) == b"{}"
    with pytest.raises(SignatureInvalid):
        cose.verify1(message, OTHER.public)


PROTECTED = cbor2.dumps({1: -8, 3: "application/json", 4: b"ab"}, canonical=True)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"{}",
        b"\xd2",
        b"\x81" * 100_000,
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
        cbor2.dumps([PROTECTED, {}, b"{}", bytes(64)]),
        cbor2.dumps(cbor2.CBORTag(17, [PROTECTED, {}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {4: b"x"}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, b"{}"])),
        cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, None, bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [b"", {}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -7, 3: "application/json", 4: b"ab"}), {}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -8, 3: "text/plain", 4: b"ab"}), {}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -8, 3: "application/json", 4: b"A/B"}), {}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -8, 3: "application/json", 4: 5}), {}, b"{}", bytes(64)])),
        cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, b"{}", bytes(64)])) + b"\x00",
    ],
    ids=lambda message: message[:6].hex() or "empty",
)
def test_anything_but_exactly_one_of_our_messages_is_malformed(message: bytes) -> None:
    with pytest.raises(FrameMalformed):
        cose.parse_sign1(message)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(message: bytes) -> None:
    with pytest.raises((FrameMalformed, SignatureInvalid)):
        cose.verify1(message, KEY.public)


def test_a_key_survives_its_file_and_its_text_and_is_named_by_its_hash() -> None:
    assert SigningKey.from_pem(KEY.to_pem()).public == KEY.public
    assert PublicKey.parse(KEY.public.text) == KEY.public
    assert KEY.public.kid == hashlib.sha256(KEY.public.raw).hexdigest()[:16]
    assert KEY.public != OTHER.public
    assert len({KEY.public, OTHER.public, PublicKey(KEY.public.raw)}) == 2


def test_a_secret_never_shows_in_text() -> None:
    assert RFC8032[0][0] not in repr(KEY)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "ed25519:!!!", "rsa:AAAA", None, 3])
def test_text_that_is_no_key_is_refused_with_the_command_that_prints_one(text: object) -> None:
    with pytest.raises(KeyFormatError, match="steelyard key"):
        PublicKey.parse(text, "gateway.ingest_key")


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused(pem: bytes) -> None:
    with pytest.raises(KeyFormatError, match="steelyard key new"):
        SigningKey.from_pem(pem, "gateway.key")
