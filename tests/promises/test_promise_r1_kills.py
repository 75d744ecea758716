"""Promise R1: nothing is lost when any process dies. Promise R3: the broker may forget everything.

Oracle: what a gateway's spool had committed (its journal, written between commit and sending) and what the simulator
served. A value served but not yet spooled when its gateway was killed was never accepted, and leaves no hole: numbers
are given on the way to the spool.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from waiting import until

ROUNDS = int(os.environ.get("STEELYARD_R1_ROUNDS", "4"))
"""Three kills each; more on demand."""
SOME = 40
"""Frames of each gateway between two events: 0.8 s of a calm machine."""


def kill_each_in_turn(enterprise: Any, round_number: int) -> None:
    """Kill a gateway, then ingest, then the broker while it holds what ingest did not get; all come back."""
    gateway = ("gw-1", "gw-2")[round_number % 2]
    enterprise.measure(SOME)
    enterprise.kill(gateway)
    enterprise.start_edge(gateway)
    enterprise.measure(SOME)
    enterprise.kill("ingest")
    enterprise.measure(SOME)
    enterprise.broker.forget_everything()
    enterprise.measure(SOME // 4)
    before = enterprise.broker.log
    enterprise.broker.start()
    until(lambda: len(enterprise.published_since(before)) == 2, "frames acknowledged by a broker without subscribers")
    enterprise.start_ingest()
    enterprise.measure(SOME)


def run(enterprise: Any, rounds: int, rule: str) -> Any:
    enterprise.rule = rule
    enterprise.prepare()
    ledger = enterprise.directory / "ledger.db"
    until(ledger.exists, "ingest", say=lambda: enterprise.log("ingest"))
    for number in range(rounds):
        kill_each_in_turn(enterprise, number)
    enterprise.measure(SOME)
    enterprise.stop_measuring_and_drain()
    return enterprise.verdict()


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
