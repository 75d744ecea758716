"""Sentences for people: numbers rounded to their uncertainty, units, dates."""

import math
from dataclasses import replace
from datetime import date

import pytest
from calibration.cases import NOW, TODAY, estimate, event, legal, ns, ramp
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification import reasons
from steelyard.calibration.verification.assessment import Jump
from steelyard.calibration.verification.case import Case, dates_of
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.standing import standing_of


def case(events, **more):
    law = law_of(legal(**more))
    return Case(
        law=law, standing=standing_of(law, events, TODAY), at_ns=NOW, today=TODAY, settings=CalibrationSettings()
    )


def test_an_error_is_rounded_to_its_uncertainty():
    assert reasons.error_clause(estimate(0.0068123, 0.00041)) == (
        "+0.00681 MPa (U = 0.00082 MPa, k = 2) at 0.800 MPa; the MPE in use is ±0.00800 MPa"
    )


def test_a_negative_error_has_a_true_minus_and_zero_has_no_sign():
    assert reasons.number(-0.25, 2, sign=True) == "−0.25"
    assert reasons.number(-0.001, 2, sign=True) == "0.00"
    assert reasons.number(0.0, 1, sign=True) == "0.0"


def test_asymmetric_limits_are_both_said():
    assert reasons.mpe_clause(replace(estimate(), mpe_lower=-0.032)) == "−0.03200 to +0.00800 MPa"


def test_a_limit_of_zero_is_said_without_a_sign():
    assert reasons.mpe_clause(replace(estimate(), mpe_lower=0.0)) == "0.00000 to +0.00800 MPa"
    assert reasons.mpe_clause(replace(estimate(), mpe_upper=0.0)) == "−0.00800 to 0.00000 MPa"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "below 0.1 %"), (0.0123, "1.2 %"), (0.34, "34 %"), (0.97, "97.0 %"), (0.9999, "above 99.9 %")],
)
def test_probabilities_are_read_in_percent(value, text):
    assert reasons.percent(value) == text


@given(st.floats(1e-9, 1e9))
def test_an_uncertainty_keeps_two_digits(u):
    shown = float(f"{u:.{reasons.decimals_for(u)}f}")
    assert math.isclose(shown, u, rel_tol=0.051)


def test_what_has_no_size_still_has_decimals():
    assert reasons.decimals_for(0.0) == 3
    assert reasons.decimals_for(math.inf) == 3


def test_symbols_are_those_that_people_read():
    assert (reasons.symbol("Cel"), reasons.symbol("%"), reasons.symbol("furlong")) == ("°C", "%", "furlong")


def test_a_due_sentence_names_date_period_certificate_and_law():
    one = case([event(date(2025, 12, 11))])
    text = reasons.due(one, dates_of(one), date(2026, 12, 11))
    assert text == (
        "Verification of pt-1 falls due on 2026-12-11, in 20 days: 12 months after certificate PIM-pt-1-2025-12-11 of "
        "2025-12-11 (statutory period, JJG 882-2019), valid until 2026-12-10."
    )
    past = replace(one, today=date(2026, 12, 12), estimates=(estimate(),))
    late = reasons.due(past, dates_of(past), date(2026, 12, 11))
    assert "fell due on 2026-12-11, 1 day ago" in late
    assert "The error of pt-1 is +0.00100 MPa" in late
    own = case([event(date(2025, 12, 11))], regime=Regime.VOLUNTARY)
    voluntary = reasons.due(own, dates_of(own), TODAY)
    assert "today" in voluntary
    assert "Calibration of pt-1 falls due" in voluntary
    assert "its owner's interval" in voluntary


def test_a_drift_sentence_says_error_rate_mpe_probabilities_and_dates():
    drifting = estimate(0.0068, 0.0004, rate=0.0073, drifting=True, probabilities=ramp(0, 180))
    text = reasons.drift("pt-1", drifting, date(2026, 12, 9), 0.1, 90)
    for part in ("+0.00680 MPa", "U = 0.00080 MPa", "±0.00800 MPa", "+0.0073 MPa a year", "U = 0.0010 MPa",
                 "below 0.1 % now", "passes 10 % on 2026-12-09", "50 % in 90 days"):  # fmt: skip
        assert part in text


def test_a_jump_sentence_says_size_day_and_what_is_left():
    found = Jump(t_ns=ns(2026, 10, 12), detected_ns=ns(2026, 10, 14), size=-0.006, standard_uncertainty=0.0002)
    text = reasons.jump("pt-1", estimate(-0.009, probabilities=[0.98] * 53), found, date(2026, 10, 12))
    for part in ("−0.00600 MPa", "about 2026-10-12", "−0.00900 MPa", "98.0 %"):
        assert part in text


def test_the_other_sentences_name_their_facts():
    assert "from 1 to 3" in reasons.seal("ws-1", 1, 3, TODAY)
    assert "In-service check" in reasons.failed_check("pt-1", estimate())
    assert "since 2026-01-01" in reasons.unverified(case([], service_date=date(2026, 1, 1)))
    assert "verification" not in reasons.failed_check("pt-1", estimate()).lower()


def test_a_forecast_probability_is_read_between_its_points_and_ends_with_it():
    rising = estimate(probabilities=ramp(0, 364))
    assert reasons.probability_on(rising, 3.5) == pytest.approx(3.5 / 364)
    assert reasons.probability_on(rising, 5000.0) == 1.0
