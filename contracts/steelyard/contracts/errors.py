"""What contracts refuse, and with which evidence.

    ContractError (ValueError)
    ├── IdentifierError      a name outside the one grammar
    ├── UnitError            a unit nobody registered, or one that cannot become another
    ├── ProfileError         a device profile that cannot be right
    ├── KeyFormatError       text or bytes that are no Ed25519 key
    ├── TopicError           a topic that is not ours
    ├── SettingsError        a configuration that cannot be right
    ├── ReceiptError         a receipt's payload that cannot be read
    ├── StatusError          a gateway status that cannot be read
    └── FrameError           bytes that are no valid frame
        ├── FrameTooLarge
        ├── FrameMalformed
        ├── SignatureInvalid
        └── UnknownKey

Every error says which field, which value, and what to do about it.
"""

from __future__ import annotations

_SHOWN = 120


class ContractError(ValueError):
    """Something outside the contract.

    Args:
        field: where it stands, as the person who wrote it would say (``instrument[2].period_s``).
        value: what stands there; shown shortened.
        remedy: what to do about it, as a full clause.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(f"{field}: {_shown(value)}: {remedy}")


class IdentifierError(ContractError):
    """A name outside the one grammar."""


class UnitError(ContractError):
    """A unit that nobody registered, or that cannot be converted into another."""


class ProfileError(ContractError):
    """A device profile that cannot be right."""


class KeyFormatError(ContractError):
    """Text or bytes that are no Ed25519 key."""


class TopicError(ContractError):
    """A topic that is not Steelyard's."""


class SettingsError(ContractError):
    """A configuration that cannot be right."""


class ReceiptError(ContractError):
    """A receipt's payload that cannot be read."""


class StatusError(ContractError):
    """A gateway status that cannot be read."""


class FrameError(ContractError):
    """Bytes that are no valid frame."""


class FrameTooLarge(FrameError):
    """More bytes than a frame may have: refused before anything looks inside."""


class FrameMalformed(FrameError):
    """Bytes that do not say what a frame must say."""


class SignatureInvalid(FrameError):
    """The signature does not belong to these bytes and this key."""


class UnknownKey(FrameError):
    """Signed with a key that is not registered."""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
