"""Guard bands, acceptance limits for a target, worst cases and chains of calibrations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from scipy.stats import norm
from scipy.stats import t as student

from steelyard.calibration.engine.conformance.acceptance import (
    acceptance_for_global_risk,
    acceptance_for_specific_risk,
)
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.guard_bands import GUARD_BAND_RULES, guard_band_factor, source_of
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.probability import conformance
from steelyard.calibration.engine.conformance.risk import global_risks
from steelyard.calibration.engine.conformance.worst_case import worst_case_false_accept
from steelyard.calibration.engine.distributions.bounded import Rectangular
from steelyard.calibration.engine.distributions.unbounded import Normal

STANDARD = Normal(value=0.0, standard_uncertainty=1.0)

# Factors at TUR 2.5: M. Dobbert, NCSLI 2008; root sum square; 95 % test limits; RP-10 (closed forms, suncal agrees).
FACTORS = [
    ("dobbert", 0.9141856345435068),
    ("rss", 0.916515138991168),
    ("u", 0.6),
    ("rp10", 0.85),
    ("simple", 1.0),
    ("iso14253", 1.0 - 0.83 / 2.5),
]


@pytest.mark.parametrize(("rule", "factor"), FACTORS)
def test_guard_band_factors_at_a_ratio_of_two_and_a_half(rule, factor):
    assert float(guard_band_factor(rule, 2.5)) == pytest.approx(factor, abs=1e-9)
    assert source_of(rule)


def test_no_rule_accepts_beyond_the_tolerance():
    for rule in GUARD_BAND_RULES:
        assert np.all(guard_band_factor(rule, np.linspace(1.1, 50.0, 200)) <= 1.0)


@pytest.mark.parametrize(
    ("rule", "ratio", "field"),
    [("wrong", 4.0, "guard_band"), ("rss", 0.0, "test_uncertainty_ratio"), ("u", 1.0, "test_uncertainty_ratio")],
)
def test_a_guard_band_that_cannot_be_is_refused(rule, ratio, field):
    with pytest.raises(ConformanceError) as caught:
        guard_band_factor(rule, ratio)
    assert caught.value.field == field


# M. Dobbert, "A Guard-Band Strategy for Managing False-Accept Risk", table 2, re-derived (suncal's notebook, and
# independently): TUR; in-tolerance probability and largest false-accept risk in percent.
DOBBERT = [
    (1.1, 57.32, 6.847),
    (1.5, 59.76, 5.330),
    (2.0, 61.62, 4.175),
    (2.5, 62.81, 3.432),
    (3.0, 63.64, 2.914),
    (4.0, 64.72, 2.238),
    (5.0, 65.39, 1.817),
    (10.0, 66.79, 0.936),
]


@pytest.mark.parametrize(("ratio", "in_tolerance", "false_accept"), DOBBERT)
def test_worst_cases_of_dobbert(ratio, in_tolerance, false_accept):
    found = worst_case_false_accept(ratio)
    assert 100.0 * found.in_tolerance_probability == pytest.approx(in_tolerance, abs=0.05)
    assert 100.0 * found.false_accept == pytest.approx(false_accept, abs=1e-3)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 4.0])
def test_dobberts_factor_keeps_every_production_below_two_percent(ratio):
    factor = float(guard_band_factor("dobbert", ratio))
    assert 0.018 < worst_case_false_accept(ratio, guard_band_factor=factor).false_accept <= 0.02


def test_worst_case_of_nonsense_is_refused():
    with pytest.raises(ConformanceError, match="test_uncertainty_ratio"):
        worst_case_false_accept(0.0)
    with pytest.raises(ConformanceError, match="guard_band_factor"):
        worst_case_false_accept(4.0, guard_band_factor=-1.0)


# ILAC-G8:09/2019, table 1, U = 2 u: guard band over U and the specific risk of an item at the acceptance limit.
@pytest.mark.parametrize(
    ("target", "band_over_expanded"),
    [(0.05, 0.82), (norm.sf(2.0), 1.0), (norm.sf(6.0), 3.0), (0.5, 0.0), (norm.cdf(2.0), -1.0)],
)
def test_guard_bands_of_ilac_g8(target, band_over_expanded):
    found = acceptance_for_specific_risk(Limits(upper=10.0), 0.5, target)
    assert found.guard_band / 1.0 == pytest.approx(band_over_expanded, abs=0.005)
    assert found.limits.upper == pytest.approx(10.0 - found.guard_band)
    assert found.risk == pytest.approx(target, rel=1e-9)


@given(st.floats(0.001, 0.4), st.floats(0.01, 0.2), st.sampled_from([3.0, 9.0, math.inf]))
def test_an_item_at_a_two_sided_acceptance_limit_has_the_target_risk(target, u, nu):
    found = acceptance_for_specific_risk(Limits(lower=-1.0, upper=1.0), u, target, degrees_of_freedom=nu)
    if found.limits is None:
        assert float(conformance(0.0, u, lower=-1.0, upper=1.0, degrees_of_freedom=nu).nonconforming) >= target
        return
    for limit in (found.limits.lower, found.limits.upper):
        at = conformance(limit, u, lower=-1.0, upper=1.0, degrees_of_freedom=nu)
        assert float(at.nonconforming) == pytest.approx(target, rel=1e-6)


def test_few_degrees_of_freedom_widen_the_guard_band():
    found = acceptance_for_specific_risk(Limits(lower=0.0), 1.0, 0.05, degrees_of_freedom=4.0)
    assert found.guard_band == pytest.approx(student.ppf(0.95, 4.0), rel=1e-9)
    assert found.limits == Limits(lower=found.guard_band)


def test_a_target_that_no_value_meets_has_a_reason_instead_of_limits():
    found = acceptance_for_specific_risk(Limits(lower=-1.0, upper=1.0), 1.0, 0.05)
    assert found.limits is None
    assert "even a value in the middle" in found.reason


def test_deavers_guard_band_comes_out_of_its_risk():
    # D. Deaver 1993, page 10: 2 sigma, ratio 2, consumer's risk 0.8 %: factor 0.91.
    found = acceptance_for_global_risk(STANDARD, 0.5, Limits(lower=-2.0, upper=2.0), 0.008)
    assert found.limits.upper / 2.0 == pytest.approx(0.91, abs=0.005)
    assert found.risk == pytest.approx(0.008, rel=1e-9)


@given(
    st.floats(0.0005, 0.2), st.floats(0.02, 1.0), st.sampled_from([Limits(upper=1.0), Limits(lower=-1.2, upper=1.0)])
)
@settings(max_examples=examples(30))
def test_acceptance_limits_keep_the_global_risk(target, u, tolerance):
    prior = Rectangular(lower=-1.5, upper=1.5)
    found = acceptance_for_global_risk(prior, u, tolerance, target)
    risk = global_risks(prior, u, tolerance, found.limits).consumer
    assert risk <= target * (1.0 + 1e-6)
    if found.guard_band > 0.0:
        assert risk == pytest.approx(target, rel=1e-6)
    else:
        assert found.limits == tolerance


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 2.0, math.nan])
def test_a_target_that_is_no_probability_is_refused(target):
    for call in (
        lambda: acceptance_for_global_risk(STANDARD, 0.5, Limits(upper=1.0), target),
        lambda: acceptance_for_specific_risk(Limits(upper=1.0), 0.5, target),
    ):
        with pytest.raises(ConformanceError, match="target_consumer_risk"):
            call()


def test_guard_bands_move_both_limits_inwards_and_leave_something():
    assert Limits(lower=0.0, upper=10.0).guarded(1.0) == Limits(lower=1.0, upper=9.0)
    assert Limits(upper=10.0).guarded(-1.0) == Limits(upper=11.0)
    with pytest.raises(ConformanceError, match="leaves nothing"):
        Limits(lower=0.0, upper=10.0).guarded(5.0)
