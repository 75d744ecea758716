"""What a test does when a server it needs is not on this machine.

``STEELYARD_REQUIRE`` holds names of servers, separated by commas, or ``all``. A server that is required and missing
is a failure (continuous integration sets ``all``); any other missing server skips the test, with the way to get it
as reason.
"""

import os
from typing import NoReturn

import pytest


def is_required(server: str) -> bool:
    """Whether this run must not go without the server."""
    names = {name.strip() for name in os.environ.get("STEELYARD_REQUIRE", "").split(",")}
    return bool(names & {"all", server})


def missing(server: str, remedy: str) -> NoReturn:
    """End the test: as failed where the server is required, else as skipped."""
    message = f"{server} is not on this machine: {remedy}"
    if is_required(server):
        pytest.fail(f"{message} (STEELYARD_REQUIRE={os.environ['STEELYARD_REQUIRE']})", pytrace=False)
    pytest.skip(message)
