"""What is found about an instrument: causes of orders, status, recommended date."""

from datetime import date, timedelta

import pytest
from calibration.cases import NOW, TODAY, estimate, event, legal, ns, ramp

from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.assessment import Jump
from steelyard.calibration.verification.case import Case, crossing_day, dates_of
from steelyard.calibration.verification.events import Decision
from steelyard.calibration.verification.findings import find, status_of
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.regime import Regime
from steelyard.calibration.verification.standing import standing_of
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import Evidence

SETTINGS = CalibrationSettings()
PASSED = event(date(2026, 5, 1))
JUMP = Jump(t_ns=ns(2026, 10, 12), detected_ns=ns(2026, 10, 14), size=0.006, standard_uncertainty=0.0002)
SEAL = Evidence(trigger=Trigger.SEAL_BROKEN, at_ns=NOW, sentence="the seal was opened", cause="seal:3")


def look(estimated=None, events=(PASSED,), status=None, seal=None, settings=SETTINGS):
    status = status or legal()
    law = law_of(status)
    case = Case(
        law=law,
        standing=standing_of(law, events, TODAY),
        at_ns=NOW,
        today=TODAY,
        settings=settings,
        estimates=() if estimated is None else (estimated,),
        seal=seal,
        longest_period_months=status.longest_period_months,
    )
    dates = dates_of(case)
    findings = find(case, dates)
    return findings, status_of(case, dates, findings), dates


def triggers(findings):
    return [finding.evidence.trigger for finding in findings.found]


def test_a_quiet_instrument_asks_for_nothing():
    findings, status, dates = look(estimate())
    assert (findings.found, status) == ((), InstrumentStatus.VALID)
    assert dates.due == date(2027, 5, 1)


@pytest.mark.parametrize(
    ("days", "expected"),
    [(31, InstrumentStatus.VALID), (30, InstrumentStatus.DUE_SOON), (1, InstrumentStatus.DUE_SOON),
     (0, InstrumentStatus.OVERDUE), (-40, InstrumentStatus.OVERDUE)],
)  # fmt: skip
def test_the_statutory_date_raises_within_its_lead(days, expected):
    completed = date(TODAY.year - 1, TODAY.month, TODAY.day) + timedelta(days=days)
    findings, status, _ = look(events=(event(completed),))
    assert status is expected
    assert triggers(findings) == ([] if expected is InstrumentStatus.VALID else [Trigger.DUE])
    for finding in findings.found:
        assert finding.due_date == TODAY + timedelta(days=days)
        assert finding.evidence.cause == f"due:{finding.due_date.isoformat()}"


def test_in_use_without_a_verification_is_a_cause_from_the_day_of_service():
    findings, status, _ = look(events=(), status=legal(service_date=date(2026, 11, 1)))
    assert (triggers(findings), status) == ([Trigger.DUE], InstrumentStatus.UNVERIFIED)
    assert "no completed verification is on record" in findings.found[0].evidence.sentence
    assert look(events=(), status=legal(service_date=date(2026, 12, 1)))[0].found == ()
    assert triggers(look(events=())[0]) == [Trigger.DUE]


def test_a_voluntary_instrument_without_a_calibration_is_called_so_and_left_to_its_owner():
    findings, status, _ = look(events=(), status=legal(regime=Regime.VOLUNTARY))
    assert (findings.found, status) == ((), InstrumentStatus.UNVERIFIED)


def test_a_failed_instrument_is_out_of_service_and_asks_for_nothing():
    failed = event(date(2026, 10, 1), decision=Decision.FAILED)
    findings, status, dates = look(
        estimate(drifting=True, rate=0.1, probabilities=ramp(0, 10)), (PASSED, failed), None, SEAL
    )
    assert (findings.found, status, dates.due) == ((), InstrumentStatus.OUT_OF_SERVICE, None)


def test_a_proven_drift_raises_with_the_day_of_its_crossing():
    drifting = estimate(0.0068, rate=0.0073, drifting=True, probabilities=ramp(0, 352))
    findings, status, dates = look(drifting)
    assert (triggers(findings), status) == ([Trigger.DRIFT], InstrumentStatus.DRIFTING)
    assert crossing_day(drifting, 0.1) == pytest.approx(35.2)
    assert findings.found[0].due_date == TODAY + timedelta(days=35)
    assert dates.recommended == dates.due == TODAY + timedelta(days=35)
    assert findings.found[0].evidence.error == 0.0068


def test_growing_uncertainty_alone_raises_nothing_and_recommends_nothing():
    findings, status, dates = look(estimate(u=0.004, probabilities=ramp(0, 200)))
    assert (findings.found, status, dates.recommended) == ((), InstrumentStatus.VALID, None)


def test_a_proven_drift_that_stays_inside_raises_nothing():
    assert look(estimate(rate=0.001, drifting=True))[0].found == ()


def test_a_drift_back_towards_zero_raises_nothing():
    assert look(estimate(0.007, rate=-0.02, drifting=True, probabilities=ramp(-50, 500)))[0].found == ()


def test_a_drift_out_of_the_other_side_raises():
    fast = estimate(0.001, rate=-0.05, drifting=True, probabilities=ramp(0, 60))
    assert triggers(look(fast)[0]) == [Trigger.DRIFT]


def test_near_the_limit_a_drift_fades_before_it_is_gone():
    fading = estimate(0.006, rate=0.004, drifting=True, probabilities=ramp(84, 364))
    assert look(fading)[0].fading == frozenset()
    almost = estimate(0.006, rate=0.004, drifting=True, probabilities=ramp(70, 350))
    assert look(almost)[0].fading == {Trigger.DRIFT}
    assert look(almost)[0].found == ()


def test_a_drift_whose_day_has_come_is_urgent_but_not_in_the_past():
    past = estimate(0.0075, rate=0.004, drifting=True, probabilities=[0.3] * 53)
    assert look(past)[0].found[0].due_date == TODAY + timedelta(days=7)


def test_a_jump_that_matters_is_a_jump_and_not_a_drift():
    jumped = estimate(0.009, rate=0.004, drifting=True, probabilities=[0.97] * 53, jump=JUMP)
    findings, status, dates = look(jumped)
    assert (triggers(findings), status) == ([Trigger.JUMP], InstrumentStatus.JUMPED)
    assert findings.found[0].evidence.cause == "jump:2026-10-12"
    assert findings.found[0].evidence.at_ns == JUMP.t_ns
    assert dates.recommended == TODAY


def test_a_jump_too_small_to_matter_raises_nothing():
    small = Jump(t_ns=JUMP.t_ns, detected_ns=JUMP.t_ns, size=-0.002, standard_uncertainty=0.0002)
    assert look(estimate(jump=small))[0].found == ()


@pytest.mark.parametrize(("size", "raised"), [(0.0013, []), (0.0014, [Trigger.JUMP])])
def test_a_jump_counts_by_the_middle_of_limits_of_which_one_is_zero(size, raised):
    # A third (`jump_fraction`) of half the 0.008 MPa between the limits is 0.00133 MPa.
    small = Jump(t_ns=JUMP.t_ns, detected_ns=JUMP.detected_ns, size=size, standard_uncertainty=0.0001)
    assert triggers(look(estimate(0.004, mpe_lower=0.0, jump=small))[0]) == raised


@pytest.mark.parametrize(("rate", "raised"), [(-0.01, [Trigger.DRIFT]), (0.001, [])])
def test_drift_towards_a_limit_of_zero_leads_outward(rate, raised):
    drifting = estimate(0.0025, rate=rate, drifting=True, probabilities=ramp(20, 60), mpe_lower=0.0)
    assert triggers(look(drifting)[0]) == raised


def test_an_error_outside_without_jump_or_drift_is_a_failed_check():
    findings, status, _ = look(estimate(0.0095, probabilities=[0.99] * 53))
    assert (triggers(findings), status) == ([Trigger.FAILED_CHECK], InstrumentStatus.OUT_OF_TOLERANCE_SUSPECTED)
    assert look(estimate(0.0085, probabilities=[0.9] * 53))[0].found == ()
    assert look(estimate(0.0095, probabilities=[0.99] * 53, in_service=False))[0].found == ()


def test_an_open_seal_is_a_cause_and_the_gravest_word():
    jumped = estimate(0.009, probabilities=[0.97] * 53, jump=JUMP)
    findings, status, _ = look(jumped, seal=SEAL)
    assert set(triggers(findings)) == {Trigger.JUMP, Trigger.SEAL_BROKEN}
    assert status is InstrumentStatus.SEAL_BROKEN


def test_an_urgent_order_does_not_wait_beyond_the_statutory_date():
    soon = (event(date(2025, 11, 24)),)
    findings, _, _ = look(estimate(0.0095, probabilities=[0.99] * 53), soon)
    assert {finding.due_date for finding in findings.found} == {date(2026, 11, 24)}


def test_an_evidence_shortened_date_raises_no_due_order():
    drifting = estimate(0.0068, rate=0.0073, drifting=True, probabilities=ramp(0, 100))
    assert triggers(look(drifting)[0]) == [Trigger.DRIFT]


def test_a_lengthened_voluntary_interval_is_due_at_its_new_date():
    status = legal(regime=Regime.VOLUNTARY, longest_period_months=24)
    events = (event(date(2025, 11, 25)),)
    findings, word, dates = look(estimate(), events, status)
    assert (findings.found, word) == ((), InstrumentStatus.VALID)
    assert dates.due == TODAY + timedelta(days=365)
    assert look(estimate(), events, legal(regime=Regime.VOLUNTARY))[1] is InstrumentStatus.DUE_SOON


def test_the_crossing_lies_between_the_forecasts_points():
    assert crossing_day(estimate(probabilities=[0.5] * 53), 0.1) == 0.0
    assert crossing_day(estimate(), 0.1) is None
    assert crossing_day(estimate(probabilities=ramp(7, 147)), 0.1) == pytest.approx(21.0)
