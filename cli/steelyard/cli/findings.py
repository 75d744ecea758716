"""Printing what a check found, for `edge check` and `doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class FindingLike(Protocol):
    """The answer to one question."""

    @property
    def subject(self) -> str:
        """What was looked at."""
        ...

    @property
    def ok(self) -> bool:
        """Whether it is as it should be."""
        ...

    @property
    def message(self) -> str:
        """What was found, and the remedy if it is not right."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one of the doctor's questions."""

    subject: str
    ok: bool
    message: str


def print_findings(findings: Iterable[FindingLike], *, as_json: bool) -> int:
    """Print them; returns 0 if all are well, 1 if not."""
    found = list(findings)
    if as_json:
        rows = [{"subject": each.subject, "ok": each.ok, "message": each.message} for each in found]
        print(json.dumps({"ok": all(each.ok for each in found), "findings": rows}))
    else:
        width = max((len(each.subject) for each in found), default=0)
        good, bad = ("\033[32mok\033[0m    ", "\033[31mwrong\033[0m ") if sys.stdout.isatty() else ("ok    ", "wrong ")
        for each in found:
            print(f"{good if each.ok else bad} {each.subject:{width}}  {each.message}")
    return 0 if all(each.ok for each in found) else 1
