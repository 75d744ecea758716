"""Sending e-mail through one mail server (SMTP)."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from types import TracebackType
from typing import Self

from steelyard.api.errors import DeliveryFailed
from steelyard.api.instants import to_datetime
from steelyard.api.settings import SmtpSettings

PERMANENT = range(500, 600)
"""SMTP replies that trying again cannot change (RFC 5321, 4.2.1)."""


class Mailer:
    """A connection to the mail server, opened with the first message and used for all of one round.

    When the server could not be reached once, the other messages of the round fail without waiting for it again.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._connection: smtplib.SMTP | None = None
        self._unreachable: str | None = None

    def __enter__(self) -> Self:
        """Return itself; nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take leave of the server."""
        self._drop()

    def send(self, *, message_id: str, recipient: str, subject: str, body: str, now_ns: int) -> str:
        """Hand one message to the server; returns what it answered.

        Args:
            message_id: the same for the same alert, so that a receiver can see a repetition.
            recipient: one e-mail address.
            subject: one line.
            body: plain text.
            now_ns: for the Date header, UTC ns.

        Raises:
            DeliveryFailed: the server cannot be reached, or refuses the message.
        """
        if self._unreachable is not None:
            raise DeliveryFailed(self._unreachable, final=False)
        try:
            message = self._compose(message_id, recipient, subject, body, now_ns)
        except (ValueError, AttributeError, IndexError) as cause:  # what the email package says to some bad addresses
            raise DeliveryFailed(f"{recipient!r} is no e-mail address: {cause}", final=True) from cause
        try:
            connection = self._connected()
            connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as cause:
            code, reply = next(iter(cause.recipients.values()))
            raise DeliveryFailed(f"{recipient} was refused: {code} {_text(reply)}", final=code in PERMANENT) from cause
        except smtplib.SMTPResponseException as cause:
            self._drop()
            refused = f"the mail server refused: {cause.smtp_code} {_text(cause.smtp_error)}"
            # A refused sign-in is the operator's to mend: the message itself is not at fault, so it is kept.
            final = cause.smtp_code in PERMANENT and not isinstance(
                cause, smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError | smtplib.SMTPHeloError
            )
            raise DeliveryFailed(refused, final=final) from cause
        except smtplib.SMTPNotSupportedError as cause:
            if self._connection is None:  # it was not the message: no STARTTLS, no way to sign in
                raise self._not_usable(cause) from cause
            self._connection.rset()
            raise DeliveryFailed(f"the mail server cannot send to {recipient}: {cause}", final=True) from cause
        except (OSError, ValueError, smtplib.SMTPException) as cause:
            raise self._not_usable(cause) from cause
        return f"accepted by {self._settings.host}"

    def _not_usable(self, cause: Exception) -> DeliveryFailed:
        """Give the server up for this round: what is at fault would meet every other message too."""
        self._drop()
        where = f"{self._settings.host}:{self._settings.port}"
        self._unreachable = f"the mail server {where} cannot be used: {str(cause) or type(cause).__name__}"
        return DeliveryFailed(self._unreachable, final=False)

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        settings = self._settings
        if settings.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s, context=ssl.create_default_context()
            )
        else:
            connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        try:
            if settings.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            password = settings.password()
            if settings.username is not None and password is not None:
                connection.login(settings.username, password)
        except (OSError, ValueError, smtplib.SMTPException):  # ValueError: a password that is not ASCII
            connection.close()
            raise
        self._connection = connection
        return connection

    def _compose(self, message_id: str, recipient: str, subject: str, body: str, now_ns: int) -> EmailMessage:
        domain = parseaddr(self._settings.sender)[1].rpartition("@")[2] or "localhost"
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Date"] = format_datetime(to_datetime(now_ns))
        message["Message-ID"] = f"<{message_id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        message.set_content(body)
        return message

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.quit()
        except (OSError, smtplib.SMTPException):
            connection.close()


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
