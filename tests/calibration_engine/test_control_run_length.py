"""Average run lengths against the published tables. Tolerance: half of the last printed digit unless said otherwise."""

import math

import numpy as np
import pytest
from calibration_engine.strd_statistics import printed_tolerance
from calibration_engine.workbench import run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from steelyard.calibration.engine.control.absorption import mean_steps
from steelyard.calibration.engine.control.cusum import CusumDesign
from steelyard.calibration.engine.control.cusum_run_length import cusum_run_lengths, decision_interval, siegmund
from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.ewma import EwmaDesign
from steelyard.calibration.engine.control.ewma_run_length import ewma_limit, ewma_run_lengths
from steelyard.calibration.engine.control.shewhart_run_length import shewhart_limit, shewhart_run_lengths


def assert_printed(found, texts, slack=1.0):
    for value, text in zip(found, texts, strict=True):
        number = text.rstrip(".")
        assert value == pytest.approx(float(text), abs=slack * printed_tolerance(number) * (1.0 + 1e-9)), text


# J. M. Lucas and R. B. Crosier, Technometrics 24 (1982) 199-205, table 1: k = 0.5, h = 4; also Montgomery, table 9.4.
LUCAS_SHIFTS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0]
LUCAS_ZERO = ["168", "74.2", "26.6", "13.3", "8.38", "4.75", "3.34", "2.62", "2.19", "1.71", "1.31"]
LUCAS_HEAD_START = ["149", "62.7", "20.1", "8.97", "5.29", "2.86", "2.01", "1.59", "1.32", "1.07", "1.01"]


def test_two_sided_cusum_of_lucas_and_crosier():
    assert_printed(cusum_run_lengths(CusumDesign(k=0.5, h=4.0), LUCAS_SHIFTS), LUCAS_ZERO)


def test_two_sided_cusum_with_head_start_of_lucas_and_crosier():
    found = cusum_run_lengths(CusumDesign(k=0.5, h=4.0, head_start=2.0), LUCAS_SHIFTS)
    for shift, value, text in zip(LUCAS_SHIFTS, found, LUCAS_HEAD_START, strict=True):
        # At 3 sigma they print 1.32 for 1.3254.
        assert_printed([value], [text], slack=1.2 if shift == 3.0 else 1.0)


def test_cusum_of_montgomery_table_9_4_with_h_5():
    shifts = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]
    texts = ["465", "139", "38.0", "17.0", "10.4", "5.75", "4.01", "3.11", "2.57", "2.01"]
    assert_printed(cusum_run_lengths(CusumDesign(k=0.5, h=5.0), shifts), texts)


def test_one_sided_cusum_of_vance():
    # L. C. Vance, Journal of Quality Technology 18 (1986), table 1: k = 0, h = 10.
    shifts = [-0.25, -0.125, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0]
    found = cusum_run_lengths(CusumDesign(k=0.0, h=10.0), shifts, one_sided=True)
    texts = ["2071.51", "400.28", "124.66", "59.30", "36.71", "20.37", "14.06", "10.75"]
    # Of 2071.57 he prints 2071.51.
    assert_printed(found[1:], texts[1:], slack=1.3)
    assert found[0] == pytest.approx(2071.51, rel=1e-4)


def test_one_and_two_sided_cusum_of_waldmann():
    # K.-H. Waldmann, Technometrics 28 (1986) 61-67, tables 1, 3, 5, 6.
    found = cusum_run_lengths(CusumDesign(k=0.5, h=3.0), [0.5], one_sided=True)
    assert_printed(found, ["17.35"])
    found = cusum_run_lengths(CusumDesign(k=0.5, h=3.0), [-0.5, 0.0], one_sided=True)
    # These two are bounds of the method's, good to four digits.
    assert found == pytest.approx([1963.0, 117.4], rel=2e-3)
    assert_printed(cusum_run_lengths(CusumDesign(k=0.6, h=3.0), [-0.2]), ["65.4"], slack=1.3)


def test_cusum_of_the_sas_manual():
    # SAS/QC User's Guide (1999), function CUSUMARL: k = 0.25, h = 8, shift 2.5, without and with a head start of 0.1.
    # Its quadrature is good to a millionth: with more nodes the seventh digit is another (see below).
    (one,) = cusum_run_lengths(CusumDesign(k=0.25, h=8.0), [2.5], one_sided=True)
    (start,) = cusum_run_lengths(CusumDesign(k=0.25, h=8.0, head_start=0.1), [2.5], one_sided=True)
    (two,) = cusum_run_lengths(CusumDesign(k=0.25, h=8.0), [2.5])
    assert [one, start, two] == pytest.approx([4.1500836225, 4.1061588131, 4.1500826715], abs=2e-6)


@pytest.mark.parametrize(
    ("k", "h"), [(0.25, "8.01"), (0.5, "4.77"), (0.75, "3.34"), (1.0, "2.52"), (1.25, "1.99"), (1.5, "1.61")]
)
def test_decision_intervals_for_a_run_length_of_370(k, h):
    # D. M. Hawkins, Journal of Quality Technology 25 (1993) 248-261; Montgomery, table 9.3.
    assert decision_interval(k, 370.0) == pytest.approx(float(h), abs=0.0075)


def brook_and_evans(k: float, h: float, shift: float, states: int) -> float:
    """The Markov chain of Biometrika 59 (1972) 539-548, eq. 2: the sum rounded to whole multiples of a width."""
    width = 2.0 * h / (2.0 * states - 1.0)

    def below(x: float) -> float:
        return 0.5 * math.erfc(-(x + k - shift) / math.sqrt(2.0))

    transition = np.zeros((states, states))
    for i in range(states):
        transition[i, 0] = below((0.5 - i) * width)
        for j in range(1, states):
            transition[i, j] = below((j - i + 0.5) * width) - below((j - i - 0.5) * width)
    return float(np.linalg.solve(np.eye(states) - transition, np.ones(states))[0])


def test_the_markov_chain_of_brook_and_evans_comes_near_the_integral_equation():
    # Their clause 4.3, k = 0.5, h = 3: L(0) = 117.59, L(1.5) = 3.75 extrapolated to fine states.
    found = cusum_run_lengths(CusumDesign(k=0.5, h=3.0), [0.0, 1.5], one_sided=True)
    assert_printed(found, ["117.59", "3.75"], slack=1.3)
    for shift, exact in zip((0.0, 1.5), found, strict=True):
        coarse, fine = (brook_and_evans(0.5, 3.0, shift, states) for states in (40, 80))
        assert abs(fine - exact) < abs(coarse - exact)
        # The error falls with the square of the width (their eq. 6): the extrapolation agrees.
        assert fine + (fine - coarse) / 3.0 == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize(("k", "h", "shift"), [(0.5, 5.0, 0.0), (0.5, 4.0, 1.0), (0.25, 8.0, 0.25), (1.0, 2.5, 0.5)])
def test_siegmunds_approximation_is_within_a_few_per_cent(k, h, shift):
    (exact,) = cusum_run_lengths(CusumDesign(k=k, h=h), [shift], one_sided=True)
    assert siegmund(k, h, shift) == pytest.approx(exact, rel=0.05)


def test_siegmund_of_montgomery():
    # Montgomery, example after eq. 9.6: k = 0.5, h = 5: one side 938.2, two sides 469.1.
    assert siegmund(0.5, 5.0, 0.0) == pytest.approx(938.2, abs=0.05)


# S. V. Crowder, Technometrics 29 (1987) 401-407, table 1, limits 2, +-0.01. His 3.95 at 1.25 is a misprint.
CROWDER = {
    0.00: ("26.45", "127.53"), 0.25: ("20.12", "43.94"), 0.50: ("11.89", "18.97"), 0.75: ("7.29", "11.64"),
    1.00: ("4.91", "8.38"), 1.50: ("2.80", "5.41"), 1.75: ("2.29", "4.62"), 2.00: ("1.94", "4.04"),
    2.25: ("1.70", "3.61"), 2.50: ("1.51", "3.26"), 2.75: ("1.37", "2.99"), 3.00: ("1.26", "2.76"),
    3.25: ("1.18", "2.56"), 3.50: ("1.12", "2.39"), 3.75: ("1.08", "2.26"), 4.00: ("1.05", "2.15"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "weight"), [(0, 0.5), (1, 0.05)])
def test_ewma_of_crowder(column, weight):
    found = ewma_run_lengths(EwmaDesign(weight=weight, limit=2.0, steady=True), list(CROWDER))
    for value, texts in zip(found, CROWDER.values(), strict=True):
        assert value == pytest.approx(float(texts[column]), abs=0.011)


# J. M. Lucas and M. S. Saccucci, Technometrics 32 (1990) 1-12, table 3.
SACCUCCI_SHIFTS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0]
SACCUCCI = {
    (0.5, 3.071): ["500", "255", "88.8", "35.9", "17.5", "6.53", "3.63", "2.50", "1.93", "1.58", "1.34", "1.07"],
    (0.03, 2.437): ["500", "76.7", "29.3", "17.6", "12.6", "8.07", "5.99", "4.80", "4.03", "3.49", "3.11", "2.55"],
}


@pytest.mark.parametrize("design", SACCUCCI)
def test_ewma_of_lucas_and_saccucci(design):
    weight, limit = design
    found = ewma_run_lengths(EwmaDesign(weight=weight, limit=limit, steady=True), SACCUCCI_SHIFTS)
    # Their Markov chain is good to a unit of the last digit.
    assert_printed(found, SACCUCCI[design], slack=2.0)


MONTGOMERY_EWMA = {
    (0.4, 3.054): ["500", "224", "71.2", "28.4", "14.3", "5.9", "3.5", "2.5", "2.0", "1.4"],
    (0.25, 2.998): ["500", "170", "48.2", "20.1", "11.1", "5.5", "3.6", "2.7", "2.3", "1.7"],
    (0.2, 2.962): ["500", "150", "41.8", "18.2", "10.5", "5.5", "3.7", "2.9", "2.4", "1.9"],
    (0.1, 2.814): ["500", "106", "31.3", "15.9", "10.3", "6.1", "4.4", "3.4", "2.9", "2.2"],
    (0.05, 2.615): ["500", "84.1", "28.8", "16.4", "11.4", "7.1", "5.2", "4.2", "3.5", "2.7"],
}


@pytest.mark.parametrize("design", MONTGOMERY_EWMA)
def test_ewma_of_montgomery_table_9_11(design):
    weight, limit = design
    shifts = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]
    found = ewma_run_lengths(EwmaDesign(weight=weight, limit=limit, steady=True), shifts)
    # After Lucas and Saccucci 1990: a unit or two of the last digit.
    assert_printed(found, MONTGOMERY_EWMA[design], slack=3.0)


def test_ewma_of_the_sas_manual_to_eleven_digits():
    # SAS/QC User's Guide (1999), function EWMAARL: weight 0.25, limit 3, shift 1.
    (found,) = ewma_run_lengths(EwmaDesign(weight=0.25, limit=3.0, steady=True), [1.0])
    assert found == pytest.approx(11.154267016, abs=1e-9)


def test_ewma_of_waldmann():
    # K.-H. Waldmann, Applied Statistics 35 (1986) 151-158, tables 1 and 2: limit 2 sigma of a value.
    limits = {weight: 2.0 * math.sqrt((2.0 - weight) / weight) for weight in (0.75, 0.5)}
    two = [ewma_run_lengths(EwmaDesign(weight=w, limit=limit, steady=True), [0.0])[0] for w, limit in limits.items()]
    assert_printed(two, ["104.0", "1952"])
    design = EwmaDesign(weight=0.75, limit=limits[0.75], steady=True)
    assert_printed(ewma_run_lengths(design, [0.0], one_sided=True), ["209.3"])


def test_ewma_with_exact_limits_of_knoth():
    # S. Knoth: weight 0.1, one side, exact limits for an in-control run length of 500; 10^9 simulated runs (help of
    # xewma.arl in the R package spc), standard errors 0.0160, 0.0006, 0.0001 and less.
    limit = ewma_limit(0.1, 500.0, steady=False, one_sided=True)
    found = ewma_run_lengths(EwmaDesign(weight=0.1, limit=limit), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0], one_sided=True)
    simulated = [500.00, 21.637, 6.7596, 3.5398, 2.3038, 1.7004, 1.3675]
    assert found == pytest.approx(simulated, rel=1e-4)


def test_ewma_with_exact_limits_of_steiner():
    # S. H. Steiner, Journal of Quality Technology 31 (1999) 75-86, table 2: weight 0.05, limit 3.
    shifts = [0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]
    fixed = ewma_run_lengths(EwmaDesign(weight=0.05, limit=3.0, steady=True), shifts)
    assert_printed(fixed, ["37.4", "20.0", "13.5", "8.3", "6.0", "4.8", "4.0"], slack=2.5)
    exact = ewma_run_lengths(EwmaDesign(weight=0.05, limit=3.0), shifts)
    # His are from a coarser chain.
    assert exact == pytest.approx([32.5, 15.6, 9.0, 4.5, 2.8, 2.0, 1.6], rel=0.05)


# C. W. Champ and W. H. Woodall, Technometrics 29 (1987) 393-399, table 1.
CHAMP = {
    0.0: ("370.40", "225.44", "166.05", "152.73"), 0.2: ("308.43", "177.56", "120.70", "110.52"),
    0.4: ("200.08", "104.46", "63.88", "59.76"), 0.6: ("119.67", "57.92", "33.99", "33.64"),
    0.8: ("71.55", "33.12", "19.78", "21.07"), 1.0: ("43.89", "20.01", "12.66", "14.58"),
    1.2: ("27.82", "12.81", "8.84", "10.90"), 1.4: ("18.25", "8.69", "6.62", "8.60"),
    1.6: ("12.38", "6.21", "5.24", "7.03"), 1.8: ("8.69", "4.66", "4.33", "5.85"),
    2.0: ("6.30", "3.65", "3.68", "4.89"), 2.2: ("4.72", "2.96", "3.18", "4.08"),
    2.4: ("3.65", "2.48", "2.78", "3.38"), 2.6: ("2.90", "2.13", "2.43", "2.81"),
    2.8: ("2.38", "1.87", "2.14", "2.35"), 3.0: ("2.00", "1.68", "1.89", "1.99"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "rules"), list(enumerate([(), ("2of3",), ("4of5",), ("8same",)])))
def test_shewhart_with_run_rules_of_champ_and_woodall(column, rules):
    found = shewhart_run_lengths(list(CHAMP), rules=rules)
    for value, texts in zip(found, CHAMP.values(), strict=True):
        assert value == pytest.approx(float(texts[column]), abs=0.0101)


def test_all_western_electric_rules_signal_every_92_values():
    # Champ and Woodall 1987, table 1, rules 1, 2, 3, 4 together: 91.75 in control, 9.22 at 1 sigma.
    assert_printed(shewhart_run_lengths([0.0, 1.0], rules=("western-electric",)), ["91.75", "9.22"])


def simulated_run_length(rules, shift, runs, seed):
    """Runs of a Shewhart chart, watched by its definition."""
    from steelyard.calibration.engine.control.shewhart import shewhart  # noqa: PLC0415 - only here

    values = np.random.default_rng(seed).standard_normal((runs, 600)) + shift
    first = shewhart(values, 0.0, 1.0, rules=rules).first_signal
    return float(np.where(first > 0, first, 600).mean())


@pytest.mark.parametrize("rules", [("15within",), ("8beyond",), ("9same", "2of3", "15within")])
def test_other_zone_rules_run_as_long_as_simulated_charts(rules):
    (exact,) = shewhart_run_lengths([1.0], rules=rules)
    assert simulated_run_length(rules, 1.0, 4000, seed=11) == pytest.approx(exact, rel=0.06)


def test_limits_are_found_for_a_run_length():
    assert shewhart_limit(370.3983473449564) == pytest.approx(3.0, abs=1e-9)
    assert ewma_limit(0.1, 500.0) == pytest.approx(2.814, abs=5e-4)
    for found in (
        cusum_run_lengths(CusumDesign(k=0.4, h=decision_interval(0.4, 1000.0, one_sided=True)), [0.0], one_sided=True),
        ewma_run_lengths(EwmaDesign(weight=0.3, limit=ewma_limit(0.3, 1000.0, steady=False)), [0.0]),
        shewhart_run_lengths([0.0], limit=shewhart_limit(1000.0, one_sided=True), one_sided=True),
    ):
        assert found == pytest.approx([1000.0], rel=1e-8)


shifts = st.floats(0.0, 4.0)


@given(shifts, st.floats(0.1, 1.0), st.floats(1.0, 6.0))
@settings(max_examples=examples(20))
def test_a_two_sided_chart_does_not_care_for_the_sign_of_a_shift(shift, weight, limit):
    for lengths in (
        cusum_run_lengths(CusumDesign(k=weight, h=limit), [shift, -shift]),
        ewma_run_lengths(EwmaDesign(weight=weight, limit=min(limit, 4.0), steady=True), [shift, -shift]),
        shewhart_run_lengths([shift, -shift], limit=limit),
    ):
        assert lengths[1] == pytest.approx(lengths[0], rel=1e-9)


def test_a_weight_of_one_is_a_shewhart_chart_and_so_is_a_cusum_of_no_width():
    deltas = [0.0, 0.5, 2.0]
    shewhart = shewhart_run_lengths(deltas, limit=2.5)
    assert ewma_run_lengths(EwmaDesign(weight=1.0, limit=2.5, steady=True), deltas) == pytest.approx(shewhart, rel=1e-9)
    assert ewma_run_lengths(EwmaDesign(weight=1.0, limit=2.5), deltas) == pytest.approx(shewhart, rel=1e-9)
    assert cusum_run_lengths(CusumDesign(k=2.5, h=1e-9), deltas) == pytest.approx(shewhart, rel=1e-6)


def test_very_long_runs_keep_their_digits():
    # One side from far below: runs near those of siegmund() even where 1 / L is beyond a double's precision.
    found = cusum_run_lengths(CusumDesign(k=0.5, h=10.0), [-3.0, -5.0], one_sided=True)
    assert np.log(found) == pytest.approx([math.log(siegmund(0.5, 10.0, -3.0)), 113.0], rel=0.05)
    lengths = [cusum_run_lengths(CusumDesign(k=0.5, h=h), [0.0])[0] for h in (20.0, 30.0, 40.0)]
    # The logarithm grows by 2 k to a unit of h: exp(10) from step to step.
    assert np.diff(np.log(lengths)) == pytest.approx([10.0, 10.0], abs=0.01)


def test_more_nodes_change_nothing(monkeypatch):
    from steelyard.calibration.engine.control import cusum_run_length  # noqa: PLC0415 - its constant is changed

    before = cusum_run_lengths(CusumDesign(k=0.3, h=12.0, head_start=4.0), [0.0, 0.7, 3.0])
    monkeypatch.setattr(cusum_run_length, "_FEWEST_NODES", 180)
    assert cusum_run_lengths(CusumDesign(k=0.3, h=12.0, head_start=4.0), [0.0, 0.7, 3.0]) == pytest.approx(
        before, rel=1e-11
    )


def test_mean_steps_are_those_of_the_linear_equations():
    random = np.random.default_rng(2)
    transition = random.random((6, 6))
    transition /= transition.sum(axis=1, keepdims=True) * 1.3
    leaving = 1.0 - transition.sum(axis=1)
    expected = np.linalg.solve(np.eye(6) - transition, np.ones(6))
    assert mean_steps(transition, leaving) == pytest.approx(expected, rel=1e-13)
    assert math.isinf(mean_steps(np.array([[1.0]]), np.array([0.0]))[0])


def command(*options):
    import json  # noqa: PLC0415 - only here

    status, out, err = run(("calc", "control", "--run-length", "--json", *options))
    assert (status, err) == (0, "")
    answer = json.loads(out)
    return [each["average_run_length"] for each in answer["run_lengths"]]


def test_the_command_answers_the_published_tables():
    found = command("--chart", "cusum", "--k", "0.5", "--h", "4", "--shift", ",".join(map(str, LUCAS_SHIFTS)))
    assert_printed(found, LUCAS_ZERO)
    found = command("--chart", "cusum", "--k", "0.5", "--h", "3", "--shift", "-0.5,0,0.5", "--one-sided")
    assert found == pytest.approx([1963.0, 117.4, 17.35], rel=2e-3)
    found = command("--chart", "cusum", "--k", "0.5", "--h", "4", "--head-start", "2", "--shift", "0,1")
    assert_printed(found, ["149", "5.29"])
    for column, weight in enumerate(("0.5", "0.05")):
        found = command("--chart", "ewma", "--weight", weight, "--limit", "2", "--shift", ",".join(map(str, CROWDER)))
        assert found == pytest.approx([float(texts[column]) for texts in CROWDER.values()], abs=0.011)
    assert_printed(command("--chart", "shewhart", "--shift", "0,1,3"), ["370.40", "43.89", "2.00"])
    found = command("--chart", "shewhart", "--rules", "4of5", "--shift", "0,1")
    assert found == pytest.approx([166.05, 12.66], abs=0.0101)
    found = command("--chart", "ewma", "--weight", "0.1", "--in-control-run-length", "500", "--shift", "0")
    assert found == pytest.approx([500.0], rel=1e-8)


def test_the_command_says_null_for_a_run_without_end():
    assert command("--chart", "cusum", "--h", "100", "--shift", "-4", "--one-sided") == [None]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--chart", "cusum", "--k", "-1"), ("--k", "-1")),
        (("--chart", "cusum", "--h", "0"), ("--h", "positive")),
        (("--chart", "cusum", "--h", "1000"), ("--h", "400")),
        (("--chart", "cusum", "--head-start", "4", "--h", "4"), ("--head-start", "h / 2")),
        (("--chart", "cusum", "--shift", "a"), ("--shift",)),
        (("--chart", "cusum", "--weight", "0.1"), ("--weight", "ewma")),
        (("--chart", "cusum", "--h", "4", "--in-control-run-length", "500"), ("--h", "--in-control-run-length")),
        (("--chart", "cusum", "--in-control-run-length", "0.5"), ("--in-control-run-length",)),
        (("--chart", "ewma", "--weight", "0"), ("--weight",)),
        (("--chart", "ewma", "--weight", "0.00001"), ("--weight",)),
        (("--chart", "ewma", "--limit", "-2"), ("--limit",)),
        (("--chart", "ewma", "--head-start", "9"), ("--head-start",)),
        (("--chart", "shewhart", "--rules", "3of4"), ("--rules", "3of4")),
        (("--chart", "shewhart", "--rules", "6trend"), ("--rules", "6trend")),
        (("--chart", "shewhart", "--rules", "15within", "--one-sided"), ("--rules", "15within")),
        (
            (
                "--chart",
                "x",
            ),
            ("--chart",),
        ),
        (("data.csv", "--chart", "cusum"), ("data.csv", "--run-length")),
    ],
)
def test_the_command_names_what_it_refuses(options, words):
    status, out, err = run(("calc", "control", "--run-length", *options))
    assert (status, out) == (2, "")
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    "call",
    [
        lambda: cusum_run_lengths(CusumDesign(k=0.5, h=4.0), [math.nan]),
        lambda: ewma_run_lengths(EwmaDesign(), [math.inf]),
        lambda: shewhart_run_lengths([math.nan]),
    ],
)
def test_a_shift_must_be_finite(call):
    with pytest.raises(ControlError, match="shift"):
        call()
