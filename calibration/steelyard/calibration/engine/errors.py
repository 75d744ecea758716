"""What the mathematics refuses.

EngineError (ValueError)    names the field, shows the value, says the remedy; the packages' errors derive from it
"""

from __future__ import annotations


class EngineError(ValueError):
    """A question that has no answer as it is put.

    Args:
        field: the argument, as the one who gave it would call it.
        value: what was given; left out of the message where `shown` gives nothing.
        remedy: what to do about it, as a clause.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = self.shown(value)
        super().__init__(f"{field}: {remedy}" if shown is None else f"{field}: {shown}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy

    @staticmethod
    def shown(value: object) -> str | None:
        """How a value is written in the message; None where there is none to show."""
        return None if value is None else repr(value)


def shortened(text: str, longest: int = 120) -> str:
    """The beginning of a text that is too long for a message."""
    return text if len(text) <= longest else f"{text[:longest]}…"
