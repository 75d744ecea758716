"""Ed25519 keys (RFC 8032) and their short names.

A key's id (``kid``) is the first 16 hexadecimal digits of the SHA-256 of its 32 raw bytes: short enough for every
frame, and nobody chooses it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from steelyard.contracts.errors import KeyFormatError, SignatureInvalid
from steelyard.contracts.identifiers import KeyId

_PREFIX = "ed25519:"


class PublicKey:
    """A key to verify with."""

    __slots__ = ("_key", "kid", "raw")

    def __init__(self, raw: bytes) -> None:
        try:
            self._key = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise KeyFormatError("public key", raw, "an Ed25519 public key is 32 bytes") from error
        self.raw = raw
        self.kid = KeyId(hashlib.sha256(raw).hexdigest()[:16])

    @classmethod
    def parse(cls, text: object, field: str = "public_key") -> PublicKey:
        """Read ``ed25519:BASE64`` or raise KeyFormatError naming `field`."""
        if isinstance(text, str) and text.startswith(_PREFIX):
            try:
                raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
            except binascii.Error:
                raw = b""
            if len(raw) == 32:
                return cls(raw)
        raise KeyFormatError(
            field, text, "write 'ed25519:' and the 32 bytes in base64, as `steelyard key show` prints it"
        )

    @property
    def text(self) -> str:
        """The form people copy: ``ed25519:BASE64``."""
        return _PREFIX + base64.b64encode(self.raw).decode()

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if `signature` is this key's over `data`; raise SignatureInvalid if not (RFC 8032, 5.1.7)."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            raise SignatureInvalid(
                "signature", self.kid, "these bytes were not signed with this key, or were changed afterwards"
            ) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.text})"


class SigningKey:
    """A key to sign with. It never shows its secret in text."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(
            key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        )

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Make the key of a 32-byte seed: for published test vectors, not for gateways."""
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(seed))
        except ValueError as error:
            raise KeyFormatError("seed", len(seed), "an Ed25519 seed is 32 bytes") from error

    @classmethod
    def from_pem(cls, pem: bytes, field: str = "key") -> SigningKey:
        """Read an unencrypted PKCS #8 PEM file's bytes or raise KeyFormatError naming `field`."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFormatError(
                field, "PEM", "not an unencrypted PKCS #8 private key; make one: `steelyard key new`"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFormatError(field, type(key).__name__, "not an Ed25519 key; make one: `steelyard key new`")
        return cls(key)

    def to_pem(self) -> bytes:
        """Return the private key as PKCS #8 PEM; keep the file readable by its owner alone."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature over `data` (RFC 8032, 5.1.6)."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.public.kid})"
