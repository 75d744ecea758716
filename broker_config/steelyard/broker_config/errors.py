"""Errors of broker configuration.

BrokerConfigError(ValueError)
├── BrokerSettingsError    a setting of the connection cannot be used (field, value, remedy)
├── CertificateError       a certificate or key cannot be made or read
└── BrokerStartError       the embedded broker did not start
"""

from __future__ import annotations


class BrokerConfigError(ValueError):
    """What is wrong with the broker's configuration: where, what stands there, what would be right."""

    def __init__(self, message: str, *, field: str = "", value: object = None, remedy: str = "") -> None:
        """Keep the evidence beside the message.

        Args:
            message: what is wrong, one sentence.
            field: the setting or file it is about.
            value: what stands there now.
            remedy: what the reader can do.
        """
        text = message if not remedy else f"{message}: {remedy}"
        super().__init__(text)
        self.field = field
        self.value = value
        self.remedy = remedy


class BrokerSettingsError(BrokerConfigError):
    """A setting of the connection to the broker cannot be used."""


class CertificateError(BrokerConfigError):
    """A certificate or private key cannot be made or read."""


class BrokerStartError(BrokerConfigError):
    """The embedded broker did not start."""
