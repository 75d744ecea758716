"""Findings against orders: one open order per cause, joined, refreshed, withdrawn, never nagging."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from calibration.cases import NOW, TODAY, event, legal, ns
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.verification.case import Case, dates_of
from steelyard.calibration.verification.devices import DeviceState
from steelyard.calibration.verification.events import Decision
from steelyard.calibration.verification.findings import Finding, Findings
from steelyard.calibration.verification.law import law_of
from steelyard.calibration.verification.reconcile import reconcile
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.standing import standing_of
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import Evidence, OrderState

LEGAL = legal()
PASSED = event(date(2026, 5, 1))


def finding(trigger=Trigger.DRIFT, cause="drift:2026-05-01", due=date(2026, 12, 20), at_ns=NOW):
    evidence = Evidence(trigger=trigger, at_ns=at_ns, sentence=f"because of {cause}", cause=cause)
    return Finding(evidence=evidence, due_date=due)


def run(*found, orders=(), fading=(), events=(PASSED,), at_ns=NOW, state=DeviceState.IN_USE):
    law = law_of(LEGAL)
    standing = standing_of(law, events, TODAY)
    case = Case(law=law, standing=standing, at_ns=at_ns, today=TODAY, settings=CalibrationSettings(), state=state)
    findings = Findings(found=found, fading=frozenset(fading))
    return reconcile(case, "hengyuan", findings, dates_of(case), orders)


def raised(*found):
    return [change.order for change in run(*found).raised]


def counts(done):
    return len(done.raised), len(done.joined), len(done.withdrawn)


def test_a_finding_raises_one_proposed_order_with_its_evidence_and_audit():
    (change,) = run(finding()).raised
    assert change.order.id == "wo-20261121-pt-1-drift"
    assert change.order.state is OrderState.PROPOSED
    assert change.order.evidence[0].cause == change.order.cause
    assert change.order.mandatory
    assert (change.audit.action, change.audit.role) == ("raise", "system")
    assert change.audit.why == change.order.reason


def test_the_same_finding_again_changes_nothing():
    assert counts(run(finding(), orders=raised(finding()))) == (0, 0, 0)


@given(st.sampled_from(list(OrderState)))
def test_while_an_order_is_open_its_cause_raises_no_other(state):
    (order,) = raised(finding())
    done = run(finding(), orders=[replace(order, state=state)])
    if replace(order, state=state).open:
        assert counts(done) == (0, 0, 0)
    else:
        assert not done.joined
        assert not done.withdrawn


def test_a_new_cause_of_the_same_trigger_joins_the_open_order():
    orders = raised(finding(Trigger.JUMP, "jump:2026-10-12", date(2026, 11, 28)))
    done = run(finding(Trigger.JUMP, "jump:2026-11-15", date(2026, 11, 26)), orders=orders)
    assert counts(done) == (0, 1, 0)
    joined = done.joined[0].order
    assert [one.cause for one in joined.evidence] == ["jump:2026-10-12", "jump:2026-11-15"]
    assert joined.due_date == date(2026, 11, 26)
    again = run(finding(Trigger.JUMP, "jump:2026-11-15"), orders=[joined])
    assert counts(again) == (0, 0, 0)


def test_a_moved_statutory_date_replaces_the_one_before():
    orders = raised(finding(Trigger.DUE, "due:2026-12-01", date(2026, 12, 1)))
    done = run(finding(Trigger.DUE, "due:2026-12-15", date(2026, 12, 15)), orders=orders)
    assert done.joined[0].order.due_date == date(2026, 12, 15)


@pytest.mark.parametrize(("days", "joins"), [(13, 0), (14, 1), (60, 1), (-60, 0)])
def test_a_drift_that_comes_much_closer_refreshes_its_order(days, joins):
    orders = raised(finding(due=date(2027, 2, 1)))
    done = run(finding(due=date(2027, 2, 1) - timedelta(days=days)), orders=orders)
    assert counts(done) == (0, joins, 0)


def test_different_triggers_have_orders_of_their_own():
    orders = raised(finding())
    assert counts(run(finding(), finding(Trigger.DUE, "due:2026-12-01"), orders=orders)) == (1, 0, 0)


def test_a_proposed_order_whose_cause_has_gone_is_withdrawn_with_a_reason():
    orders = raised(finding())
    done = run(orders=orders)
    assert counts(done) == (0, 0, 1)
    assert done.withdrawn[0].order.state is OrderState.WITHDRAWN
    assert "no longer support a drift" in done.withdrawn[0].audit.why
    assert done.withdrawn[0].audit.who == "calibration"


def test_a_fading_cause_keeps_its_order():
    assert counts(run(orders=raised(finding()), fading=[Trigger.DRIFT])) == (0, 0, 0)


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.PROPOSED])
def test_what_people_have_taken_up_is_never_withdrawn(state):
    (order,) = raised(finding())
    assert not run(orders=[replace(order, state=state)]).withdrawn


@pytest.mark.parametrize("trigger", [Trigger.REQUEST, Trigger.COMPLAINT])
def test_what_people_asked_for_is_never_withdrawn(trigger):
    (order,) = raised(finding())
    assert not run(orders=[replace(order, trigger=trigger)]).withdrawn


def test_a_new_verification_withdraws_what_it_has_answered():
    orders = raised(finding(Trigger.DUE, "due:2026-12-01"))
    done = run(orders=orders, events=(PASSED, event(TODAY)))
    assert "ended with the verification of 2026-11-21" in done.withdrawn[0].audit.why


@pytest.mark.parametrize("trigger", [Trigger.JUMP, Trigger.SEAL_BROKEN, Trigger.FAILED_CHECK])
def test_only_a_passed_verification_ends_a_jump_a_seal_or_a_failed_check(trigger):
    orders = raised(finding(trigger, "x:1", at_ns=ns(2026, 11, 10)))
    assert counts(run(orders=orders)) == (0, 0, 0)
    assert counts(run(orders=orders, events=(PASSED, event(date(2026, 11, 9))))) == (0, 0, 0)
    assert counts(run(orders=orders, events=(PASSED, event(date(2026, 11, 10))))) == (0, 0, 1)


APPROVED = (OrderState.APPROVED, OrderState.ASSIGNED, OrderState.DECLINED, OrderState.ACCEPTED, OrderState.SCHEDULED)


@pytest.mark.parametrize("state", APPROVED)
@pytest.mark.parametrize("trigger", [Trigger.DUE, Trigger.SEAL_BROKEN, Trigger.DRIFT])
def test_a_certificate_that_came_without_its_order_ends_it_with_its_number(state, trigger):
    """An approved order that nothing ends swallows next year's date and the next opening of the seal."""
    (order,) = raised(finding(trigger, "x:1", at_ns=ns(2026, 11, 1)))
    order = replace(order, state=state, raised_ns=ns(2026, 11, 1))
    assert counts(run(orders=[order])) == (0, 0, 0)
    done = run(orders=[order], events=(PASSED, event(date(2026, 11, 10))))
    assert counts(done) == (0, 0, 1)
    assert "PIM-pt-1-2026-11-10" in done.withdrawn[0].audit.why


@pytest.mark.parametrize("state", [DeviceState.STORED, DeviceState.SCRAPPED, DeviceState.OUT_OF_SERVICE])
def test_an_instrument_that_leaves_service_takes_its_orders_with_it(state):
    (order,) = raised(finding(Trigger.DUE, "due:2026-12-01"))
    for held in (OrderState.PROPOSED, *APPROVED):
        done = run(orders=[replace(order, state=held)], state=state)
        assert done.withdrawn[0].audit.why == f"the instrument is {state.value.replace('_', ' ')}"
    assert not run(orders=[replace(order, state=OrderState.IN_PROGRESS)], state=state).withdrawn


def test_a_failed_verification_withdraws_what_it_has_overtaken():
    orders = raised(finding(Trigger.JUMP, "jump:2026-10-12"))
    done = run(orders=orders, events=(PASSED, event(TODAY, decision=Decision.FAILED)))
    assert "out of service" in done.withdrawn[0].audit.why


@pytest.mark.parametrize(
    ("trigger", "end", "again"),
    [
        (Trigger.DUE, OrderState.CANCELLED, 1),  # the law's dates are nobody's to cancel
        (Trigger.DUE, OrderState.CLOSED, 1),
        (Trigger.DUE, OrderState.RETURNED_NO_WORK, 1),
        (Trigger.DUE, OrderState.WITHDRAWN, 1),
        (Trigger.DRIFT, OrderState.CANCELLED, 0),
        (Trigger.DRIFT, OrderState.CLOSED, 0),
        (Trigger.DRIFT, OrderState.WITHDRAWN, 1),
        (Trigger.JUMP, OrderState.CLOSED, 0),
        (Trigger.JUMP, OrderState.RETURNED_NO_WORK, 1),
        (Trigger.SEAL_BROKEN, OrderState.CANCELLED, 1),
        (Trigger.FAILED_CHECK, OrderState.CANCELLED, 1),
    ],
)
def test_a_cause_that_people_have_settled_is_not_raised_again(trigger, end, again):
    (order,) = raised(finding(trigger, "cause:1"))
    done = run(finding(trigger, "cause:1"), orders=[replace(order, state=end)])
    assert len(done.raised) == again
    assert len(run(finding(trigger, "cause:2"), orders=[replace(order, state=end)]).raised) == 1


@pytest.mark.parametrize("state", [OrderState.MEASURED, OrderState.FAILED, OrderState.CERTIFICATE_ISSUED])
def test_what_is_found_after_the_measurement_gets_an_order_of_its_own(state):
    jump = finding(Trigger.JUMP, "jump:2026-11-01")
    later = finding(Trigger.JUMP, "jump:2026-11-18")
    (order,) = raised(jump)
    done = run(later, orders=[replace(order, state=state)])
    assert counts(done) == (0, 0, 0)
    assert counts(run(later, orders=[replace(order, state=OrderState.CLOSED)])) == (1, 0, 0)
    assert counts(run(later, orders=[replace(order, state=OrderState.IN_PROGRESS)])) == (0, 1, 0)


def test_what_a_former_owner_cancelled_is_raised_again():
    (order,) = raised(finding())
    ended = replace(order, state=OrderState.CANCELLED, organization="linjiang")
    assert counts(run(finding(), orders=[ended])) == (1, 0, 0)


def test_a_second_order_of_one_day_has_an_id_of_its_own():
    (order,) = raised(finding())
    ended = replace(order, state=OrderState.WITHDRAWN)
    (second,) = run(finding(), orders=[ended]).raised
    assert second.order.id == f"{order.id}-2"


def test_the_service_acts_in_its_own_name():
    done = run(orders=raised(finding()))
    assert {change.audit.role for change in done.withdrawn} == {Role.SYSTEM.value}
