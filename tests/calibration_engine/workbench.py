"""`steelyard calc` as a program calls it: a document in, JSON or a refusal out."""

import io
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from steelyard.cli.main import main


def calc(name: str, document: str, *options: str) -> dict[str, Any]:
    """The JSON answer to a document on standard input."""
    status, out, err = run(("calc", name, "-", "--json", *options), document)
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


def refusal(name: str, document: str, *options: str) -> str:
    """The one message with which a document is refused."""
    status, out, err = run(("calc", name, "-", "--json", *options), document)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    return err.strip()


def run(arguments: Sequence[str], standard_input: str = "") -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    reader = io.TextIOWrapper(io.BytesIO(standard_input.encode()), encoding="utf-8")
    with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", reader):
        status = main(list(arguments))
    return status, out.getvalue(), err.getvalue()
