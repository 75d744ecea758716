"""Control charts: NIST/SEMATECH e-Handbook 6.3.2; Montgomery, Introduction to Statistical Quality Control, ch. 9."""

import json
import math

import numpy as np
import pytest
from calibration_engine.workbench import calc, refusal, run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steelyard.calibration.engine.control.cusum import CusumDesign, cusum
from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.ewma import EwmaDesign, ewma
from steelyard.calibration.engine.control.observations import estimate_sigma
from steelyard.calibration.engine.control.run_rules import RULES, TrendRule, ZoneRule, rule_names, violations
from steelyard.calibration.engine.control.shewhart import shewhart

# e-Handbook 6.3.2.3: means of groups of four, target 325, k = 0.3175, h = 4.1959 in the unit of the values.
NIST_CUSUM = [
    324.925, 324.675, 324.725, 324.35, 325.35, 325.225, 324.125, 324.525, 325.225, 324.6, 324.625, 325.15, 328.325,
    327.25, 327.825, 328.5, 326.675, 327.775, 326.875, 328.35,
]  # fmt: skip
NIST_UPPER_FROM_13 = [3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04]
# e-Handbook 6.3.2.4: weight 0.3, start 50, s 2.0539, limits 3.
NIST_EWMA = [
    52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6,
    52.1,
]  # fmt: skip
NIST_AVERAGES = [
    50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38, 49.92,
    50.73, 51.23, 51.94, 51.99,
]  # fmt: skip
# Montgomery, table 9.1: the last ten have the mean 11 instead of 10, sigma 1.
MONTGOMERY = [
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08, 9.37, 10.62,
    10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52,
]  # fmt: skip
MONTGOMERY_UPPER = [
    0, 0, 0, 1.16, 2.82, 2.50, 0.04, 1.00, 0, 0, 0, 0.97, 0.98, 0, 0, 0, 0.12, 0, 0, 0.34, 0.74, 0, 1.79, 2.79, 2.89,
    3.47, 3.35, 4.47, 5.28, 5.30,
]  # fmt: skip
MONTGOMERY_LOWER = [0.05, 1.56, 1.77, 0, 0, 0, 1.46, 0, 0.30, 0, 0.47, 0, 0, 0.10, 0, 0.13, 0, 0, 0.98, 0]


def csv(values):
    return "value\n" + "\n".join(map(repr, values))


def test_cusum_of_the_nist_handbook():
    found = cusum(NIST_CUSUM, 325.0, 1.0, CusumDesign(k=0.3175, h=4.1959))
    assert found.upper[12:] == pytest.approx(NIST_UPPER_FROM_13, abs=0.005001)
    assert int(found.first_signal) == 14


def test_cusum_in_sigma_is_cusum_in_the_unit_of_the_values():
    direct = cusum(NIST_CUSUM, 325.0, 1.0, CusumDesign(k=0.3175, h=4.1959))
    standardized = cusum(NIST_CUSUM, 325.0, 0.635, CusumDesign(k=0.5, h=4.1959 / 0.635))
    assert standardized.upper == pytest.approx(direct.upper)
    assert standardized.limit == pytest.approx(4.1959)
    assert int(standardized.first_signal) == 14


def test_cusum_of_montgomery_signals_at_29_and_places_the_change_at_23():
    found = cusum(MONTGOMERY, 10.0, 1.0, CusumDesign(k=0.5, h=5.0))
    assert found.upper == pytest.approx(MONTGOMERY_UPPER, abs=0.005001)
    assert found.lower[:20] == pytest.approx(MONTGOMERY_LOWER, abs=0.005001)
    assert int(found.first_signal) == 29
    # N+ = 7 at 29, so the last zero is at 22; eq. 9.5: 10 + 0.5 + 5.28 / 7 = 11.25.
    assert int(found.onset) == 23
    assert float(found.level) == pytest.approx(11.25, abs=0.005)


def test_ewma_of_the_nist_handbook():
    found = ewma(NIST_EWMA, 50.0, 2.0539, EwmaDesign(weight=0.3, limit=3.0))
    assert found.statistic == pytest.approx(NIST_AVERAGES, abs=0.0051)
    assert found.steady_upper_limit == pytest.approx(52.5884, abs=5e-5)
    assert found.steady_lower_limit == pytest.approx(47.4115, abs=2e-4)
    assert found.upper_limit[-1] == pytest.approx(52.5884, abs=5e-5)
    assert int(found.first_signal) == 0


def test_ewma_of_montgomery():
    # Table 9.10: weight 0.1, limits 2.7; figure 9.7: limits 10.27 and 9.73 at the first, 10.36 and 9.64 at the second.
    found = ewma(MONTGOMERY, 10.0, 1.0, EwmaDesign(weight=0.1, limit=2.7))
    printed = [9.945, 9.7495, 9.70355, 9.8992, 10.1253, 10.1307, 9.92167, 10.0755, 9.98796, 10.0232]
    assert found.statistic[:10] == pytest.approx(printed, abs=5.1e-5)
    assert found.upper_limit[:2] == pytest.approx([10.27, 10.36], abs=0.005)
    assert found.lower_limit[:2] == pytest.approx([9.73, 9.64], abs=0.005)
    assert found.steady_upper_limit == pytest.approx(10.62, abs=0.005)
    assert int(found.first_signal) == 29


def test_individuals_chart_of_the_nist_handbook():
    # e-Handbook 6.3.2.2: flow rate of ten batches, 50.81, mean moving range 1.8778, limits 55.8041 and 45.8159.
    values = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    sigma = estimate_sigma(values)
    # They divide by 1.128, which is 1.12838 cut.
    assert sigma * 2.0 / math.sqrt(math.pi) == pytest.approx(1.8778, abs=5e-5)
    found = shewhart(values, float(np.mean(values)), sigma)
    assert found.upper_limit == pytest.approx(55.8041, abs=0.002)
    assert found.lower_limit == pytest.approx(45.8159, abs=0.002)
    assert int(found.first_signal) == 0


@pytest.mark.parametrize(
    ("rule", "z", "broken"),
    [
        ("2of3", [2.1, 0.0, 2.2, 0.0, 0.0, 2.3], [2]),
        ("2of3", [2.1, -2.2, 2.3], [2]),
        ("2of3", [-2.1, -2.2, 0.0, -2.2], [1, 3]),
        ("4of5", [1.1, 1.2, 0.0, 1.3, 1.4], [4]),
        ("4of5", [1.1, 1.2, -1.5, -1.3, 1.4], []),
        ("8same", [0.1] * 7 + [0.2], [7]),
        ("8same", [0.1] * 7 + [0.0, 0.1], []),
        ("9same", [-0.1] * 10, [8, 9]),
        ("6trend", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.4], [5]),
        ("6trend", [0.5, 0.4, 0.3, 0.3, 0.2, 0.1, 0.0], []),
        ("14alternating", [0.0, 1.0] * 7, [13]),
        ("15within", [0.9, -0.9] * 7 + [0.1, 0.2], [14, 15]),
        ("8beyond", [1.1, -1.1] * 4, [7]),
    ],
)
def test_run_rules_speak_at_the_value_that_completes_them(rule, z, broken):
    assert np.flatnonzero(violations(np.array(z), RULES[rule])).tolist() == broken


def definition(z, rule):
    """A rule read word by word."""
    found = []
    for last in range(len(z)):
        if isinstance(rule, TrendRule):
            part = z[max(0, last + 1 - rule.length) : last + 1]
            steps = np.sign(np.diff(part))
            signs = steps * (np.where(np.arange(len(steps)) % 2 == 0, 1, -1) if rule.alternating else 1)
            found.append(len(part) == rule.length and (bool((signs == 1).all()) or bool((signs == -1).all())))
            continue
        part = z[max(0, last + 1 - rule.of) : last + 1]
        found.append(
            any(
                sum(any(low < value < high for low, high in region) for value in part) >= rule.count
                and any(low < z[last] < high for low, high in region)
                for region in rule.regions
            )
        )
    return found


@given(st.lists(st.sampled_from([-2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5]), min_size=1, max_size=40))
def test_run_rules_are_those_of_their_words(values):
    z = np.array(values)
    for rule in RULES.values():
        assert isinstance(rule, ZoneRule | TrendRule)
        assert violations(z, rule).tolist() == definition(z, rule)


def test_sets_of_rules_and_their_names():
    assert rule_names(["western-electric", "2of3", "limit"]) == ("2of3", "4of5", "8same")
    assert len(rule_names(["nelson"])) == 7
    with pytest.raises(ControlError, match="3of4"):
        rule_names(["3of4"])


def recursion(values, target, sigma, design):
    """The CUSUM as it is defined, value by value."""
    upper, lower, up, down = [], [], design.head_start * sigma, design.head_start * sigma
    for value in values:
        up = max(0.0, up + value - target - design.k * sigma)
        down = max(0.0, down - value + target - design.k * sigma)
        upper.append(up)
        lower.append(down)
    return upper, lower


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-5.0, 5.0, width=32)), st.floats(0.0, 4.0))
def test_cusum_is_its_recursion(values, head_start):
    design = CusumDesign(k=0.4, h=4.0, head_start=head_start)
    found = cusum(values, 0.3, 1.5, design)
    upper, lower = recursion(values, 0.3, 1.5, design)
    assert found.upper == pytest.approx(upper, abs=1e-9)
    assert found.lower == pytest.approx(lower, abs=1e-9)


@given(
    arrays(np.float64, st.integers(1, 40), elements=st.integers(-40, 40).map(lambda each: each / 8)),
    st.integers(-5, 5),
    st.integers(-64, 64),
)
def test_unit_and_zero_do_not_matter(values, power, shift):
    scale = 2.0**power
    moved = values * scale + shift
    for draw in (
        lambda x, target, sigma: cusum(x, target, sigma, CusumDesign(k=0.5, h=3.0)),
        lambda x, target, sigma: ewma(x, target, sigma, EwmaDesign(weight=0.25, limit=2.0)),
        lambda x, target, sigma: shewhart(x, target, sigma, limit=2.0, rules=("nelson",)),
    ):
        assert draw(moved, float(shift), scale).first_signal == draw(values, 0.0, 1.0).first_signal


def test_many_instruments_at_once_are_each_alone():
    fleet = np.random.default_rng(3).standard_normal((5, 80)) + np.linspace(0.0, 1.5, 5)[:, None]
    charts = (
        lambda x: cusum(x, 0.0, 1.0, CusumDesign()),
        lambda x: ewma(x, 0.0, 1.0, EwmaDesign()),
        lambda x: shewhart(x, 0.0, 1.0, rules=("western-electric",)),
    )
    for chart in charts:
        assert chart(fleet).first_signal.tolist() == [int(chart(row).first_signal) for row in fleet]


def test_a_fall_is_found_by_the_lower_sum_and_not_by_a_one_sided_chart():
    values = [0.0, 0.0, -2.0, -2.0, -2.0, -2.0]
    found = cusum(values, 0.0, 1.0, CusumDesign(k=0.5, h=4.0))
    assert (int(found.first_signal), int(found.onset)) == (5, 3)
    assert float(found.level) == pytest.approx(-2.0)
    for one_sided in (
        cusum(values, 0.0, 1.0, CusumDesign(k=0.5, h=4.0), one_sided=True),
        ewma(values, 0.0, 1.0, EwmaDesign(), one_sided=True),
        shewhart(values, 0.0, 1.0, limit=1.5, one_sided=True),
    ):
        assert int(one_sided.first_signal) == 0


def test_a_head_start_signals_sooner():
    values = [1.2] * 12
    assert int(cusum(values, 0.0, 1.0, CusumDesign(k=0.5, h=4.0)).first_signal) == 6
    assert int(cusum(values, 0.0, 1.0, CusumDesign(k=0.5, h=4.0, head_start=2.0)).first_signal) == 3
    plain, ahead = (ewma(values, 0.0, 1.0, EwmaDesign(head_start=start)).statistic for start in (0.0, 0.5))
    assert (ahead > plain).all()


def test_the_command_draws_a_cusum():
    answer = calc(
        "control",
        csv(NIST_CUSUM),
        "--chart",
        "cusum",
        "--target",
        "325",
        "--sigma",
        "1",
        "--k",
        "0.3175",
        "--h",
        "4.1959",
    )
    assert answer["upper"][12:] == pytest.approx(NIST_UPPER_FROM_13, abs=0.0101)
    assert len(answer["lower"]) == 20
    assert (answer["upper_limit"], answer["lower_limit"], answer["first_signal"]) == (4.1959, 4.1959, 14)


def test_the_command_draws_an_ewma():
    options = ("--chart", "ewma", "--target", "50", "--sigma", "2.0539", "--weight", "0.3", "--limit", "3")
    answer = calc("control", csv(NIST_EWMA), *options)
    assert answer["statistic"] == pytest.approx(NIST_AVERAGES, abs=0.0051)
    assert len(answer["upper_limit"]) == 20
    assert answer["first_signal"] is None
    steady = calc("control", csv(NIST_EWMA), *options, "--limits", "steady")
    assert steady["upper_limit"] == pytest.approx(52.5884, abs=5e-5)
    assert steady["lower_limit"] == pytest.approx(47.4115, abs=2e-4)


def test_the_command_draws_a_shewhart_chart_with_rules():
    answer = calc(
        "control",
        csv(MONTGOMERY),
        "--chart",
        "shewhart",
        "--target",
        "10",
        "--sigma",
        "1",
        "--rules",
        "western-electric",
    )
    assert (answer["upper_limit"], answer["lower_limit"]) == (13.0, 7.0)
    assert answer["statistic"] == MONTGOMERY
    assert answer["first_signal"] == answer["signals"][0]["index"]
    assert set(answer["signals"][0]["rules"]) <= {"limit", "2of3", "4of5", "8same"}
    plain = calc("control", csv(MONTGOMERY), "--chart", "shewhart", "--target", "10", "--sigma", "1")
    assert plain["first_signal"] is None


def test_the_command_estimates_centre_and_spread_when_told_to():
    answer = calc("control", csv(MONTGOMERY), "--chart", "shewhart", "--target", "mean", "--sigma", "moving-range")
    assert answer["target"] == pytest.approx(np.mean(MONTGOMERY))
    assert answer["sigma"] == pytest.approx(np.abs(np.diff(MONTGOMERY)).mean() / 1.128379167)
    answer = calc("control", csv(MONTGOMERY), "--chart", "ewma", "--target", "median", "--sigma", "standard-deviation")
    assert answer["sigma"] == pytest.approx(np.std(MONTGOMERY, ddof=1))


def test_the_command_designs_the_limit_it_draws():
    answer = calc(
        "control",
        csv(MONTGOMERY),
        "--chart",
        "cusum",
        "--target",
        "10",
        "--sigma",
        "2",
        "--in-control-run-length",
        "370",
    )
    assert answer["design"]["h"] == pytest.approx(4.77, abs=0.005)
    assert answer["upper_limit"] == pytest.approx(2.0 * answer["design"]["h"])


@pytest.mark.parametrize("chart", ["cusum", "ewma", "shewhart"])
def test_the_command_prints_a_table_and_a_drawing(chart, tmp_path):
    file = tmp_path / "data.csv"
    file.write_text(csv(MONTGOMERY))
    picture = tmp_path / "chart.svg"
    status, out, err = run(
        ("calc", "control", str(file), "--chart", chart, "--target", "10", "--sigma", "1", "--plot", str(picture))
    )
    assert (status, err) == (0, "")
    assert "signal" in out
    assert picture.read_text().startswith("<?xml")
    status, out, _ = run(("calc", "control", "--run-length", "--chart", chart, "--plot", str(picture)))
    assert status == 0
    assert "average run length" in out


@pytest.mark.parametrize(
    ("document", "options", "words"),
    [
        ("value\n1\nnan\n", ("--chart", "ewma", "--target", "1", "--sigma", "1"), ("line 3", "'value'")),
        ("x\n1\n2\n", ("--chart", "ewma", "--target", "1", "--sigma", "1"), ("'value'",)),
        ("value\n", ("--chart", "ewma", "--target", "1", "--sigma", "1"), ("no data",)),
        ("value\n1\n", ("--chart", "ewma", "--sigma", "1"), ("--target",)),
        ("value\n1\n", ("--chart", "ewma", "--target", "1"), ("--sigma",)),
        ("value\n1\n", ("--chart", "ewma", "--target", "1", "--sigma", "-1"), ("--sigma", "-1")),
        ("value\n1\n", ("--chart", "ewma", "--target", "1", "--sigma", "large"), ("--sigma", "large")),
        ("value\n1\n", ("--chart", "ewma", "--target", "nan", "--sigma", "1"), ("--target", "nan")),
        ("value\n1\n", ("--chart", "ewma", "--target", "1", "--sigma", "moving-range"), ("--sigma", "two values")),
        ("value\n1\n1\n", ("--chart", "ewma", "--target", "1", "--sigma", "standard-deviation"), ("--sigma", "differ")),
        ("value\n1\n", ("--chart", "ewma", "--target", "1", "--sigma", "1", "--shift", "1"), ("--shift",)),
    ],
)
def test_the_command_names_what_it_refuses(document, options, words):
    message = refusal("control", document, *options)
    for word in words:
        assert word in message


def test_a_chart_needs_data():
    status, _, err = run(("calc", "control", "--chart", "cusum", "--target", "0", "--sigma", "1"))
    assert status == 2
    assert "DATA.csv" in err


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: cusum([], 0.0, 1.0, CusumDesign()), "values"),
        (lambda: cusum([1.0, math.nan], 0.0, 1.0, CusumDesign()), r"values\[2\]"),
        (lambda: ewma([[1.0], [math.inf]], 0.0, 1.0, EwmaDesign()), r"values\[2, 1\]"),
        (lambda: shewhart([1.0], math.nan, 1.0), "target"),
        (lambda: shewhart([1.0], 0.0, 0.0), "sigma"),
        (lambda: shewhart([1.0], 0.0, 1.0, limit=0.0), "limit"),
        (lambda: CusumDesign(k=-1.0), "k"),
        (lambda: CusumDesign(h=math.inf), "h"),
        (lambda: CusumDesign(head_start=9.0), "head_start"),
        (lambda: EwmaDesign(weight=1.5), "weight"),
        (lambda: EwmaDesign(limit=-1.0), "limit"),
        (lambda: EwmaDesign(head_start=math.nan), "head_start"),
        (lambda: estimate_sigma([1.0, 2.0], "range"), "sigma"),
    ],
)
def test_bad_input_is_named(call, word):
    with pytest.raises(ControlError, match=word):
        call()


def test_the_command_answers_json_that_any_program_reads(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text(csv(MONTGOMERY))
    status, out, _ = run(
        ("calc", "control", str(file), "--chart", "cusum", "--target", "10", "--sigma", "1", "--one-sided", "--json")
    )
    assert status == 0
    answer = json.loads(out)
    assert answer["lower"] is None
    assert answer["first_signal"] == 29
