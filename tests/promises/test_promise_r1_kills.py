"""Promise R1: nothing is lost when any process dies. Promise R3: the broker may forget everything.

Oracle: what a gateway's spool had committed (its journal, written between commit and sending) and what the simulator
served. A value served but not yet spooled when its gateway was killed was never accepted, and leaves no hole: numbers
are given on the way to the spool.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

ROUNDS = int(os.environ.get("STEELYARD_R1_ROUNDS", "4"))
"""Three kills each; more on demand."""
UNDER_LOAD_S = 0.8


def kill_each_in_turn(enterprise: Any, round_number: int) -> None:
    """Kill a gateway, then ingest, then the broker while it holds what ingest did not get; all come back."""
    gateway = ("gw-1", "gw-2")[round_number % 2]
    time.sleep(UNDER_LOAD_S)
    enterprise.kill(gateway)
    time.sleep(0.2)
    enterprise.start_edge(gateway)
    time.sleep(UNDER_LOAD_S)
    enterprise.kill("ingest")
    time.sleep(UNDER_LOAD_S)
    enterprise.broker.forget_everything()
    time.sleep(0.3)
    enterprise.broker.start()
    time.sleep(0.3)
    enterprise.start_ingest()
    time.sleep(UNDER_LOAD_S)


def run(enterprise: Any, rounds: int, rule: str) -> Any:
    enterprise.rule = rule
    enterprise.prepare()
    wait_for_first_frames(enterprise)
    for number in range(rounds):
        kill_each_in_turn(enterprise, number)
    time.sleep(UNDER_LOAD_S)
    enterprise.stop_measuring_and_drain(40 if rule == "RECEIPT" else 6)
    return enterprise.verdict()


def wait_for_first_frames(enterprise: Any) -> None:
    end = time.monotonic() + 30
    ledger = enterprise.directory / "ledger.db"
    journals = [enterprise.directory / f"{gateway}.journal" for gateway in ("gw-1", "gw-2")]
    while not (ledger.exists() and all(file.exists() and file.stat().st_size > 1_000 for file in journals)):
        assert time.monotonic() < end, enterprise.log("ingest") + enterprise.log("gw-1")
        time.sleep(0.1)


@pytest.mark.slow
def test_r1_r3_edge_ingest_and_broker_are_killed_under_load_and_nothing_is_lost_doubled_or_altered(
    enterprise: Any,
) -> None:
    verdict = run(enterprise, ROUNDS, "RECEIPT")
    print(verdict)  # noqa: T201 - the evidence, shown with -s or on failure
    assert verdict.durable > 300, "there was no load"
    assert verdict.readings > 1_000
    assert (verdict.lost, verdict.duplicates, verdict.altered, verdict.gaps) == (0, 0, 0, 0), verdict


@pytest.mark.slow
def test_r1_control_a_gateway_that_forgets_on_puback_loses_frames(enterprise: Any) -> None:
    verdict = run(enterprise, 1, "PUBACK")
    print(verdict)  # noqa: T201 - likewise
    assert verdict.lost > 0, "the test could not see a loss"
    assert (verdict.duplicates, verdict.altered) == (0, 0), verdict
