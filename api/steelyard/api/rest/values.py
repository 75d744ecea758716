"""Values as callers write them, each with the description that says exactly which texts are taken.

Pydantic alone takes more than the description says: `until=0` as 1 January 1970, `true` as 1.0. A caller who sends
that meant something else, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from steelyard.api.instants import EARLIEST_YEAR, LATEST_YEAR

_MONTH_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_INSTANT = rf"^(19[89]\d|2[01]\d\d)-{_MONTH_DAY}T{_TIME}$"  # RFC 3339, 5.6, from EARLIEST_YEAR to LATEST_YEAR
_DAY = rf"^(19|2[01])\d\d-{_MONTH_DAY}$"  # ISO 8601, the years that calibration takes


def _written(pattern: str, remedy: str) -> Callable[[Any], Any]:
    """Take a text of this form, and leave to pydantic what it says."""
    form = re.compile(pattern, re.ASCII)

    def check(value: Any) -> Any:
        if not isinstance(value, str) or not form.match(value) or value.endswith("\n"):
            raise PydanticCustomError("written", "{remedy}", {"remedy": remedy})
        return value

    return check


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(
        _written(
            _INSTANT,
            f"give an instant from {EARLIEST_YEAR} to {LATEST_YEAR} with its zone (RFC 3339), such as "
            "2026-11-28T09:00:00Z; in an address + is written %2B",
        )
    ),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _INSTANT}),
]
Day = Annotated[
    date,
    BeforeValidator(_written(_DAY, "give a date from 1900 to 2199 (ISO 8601), such as 2026-11-28")),
    WithJsonSchema({"type": "string", "format": "date", "pattern": _DAY}),
]
Line = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"), AfterValidator(str.strip)
]
"""One line of text: no control characters (a database, an e-mail header and a table row each forbid some)."""
Prose = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"), AfterValidator(str.strip)]
"""Text with line breaks, without other control characters; possibly empty."""
Said = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
    ),
    AfterValidator(str.strip),
]
"""The same, with something in it."""
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e300, le=1e300)]
