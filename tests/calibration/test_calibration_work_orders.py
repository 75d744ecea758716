"""The table of transitions, and that nothing happens outside it."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis_profile import examples

from steelyard.calibration.errors import TransitionRefused
from steelyard.calibration.verification.roles import Role
from steelyard.calibration.verification.triggers import Trigger
from steelyard.calibration.verification.work_orders import (
    ACKNOWLEDGING_ROLES,
    REASON_REQUIRED,
    TERMINAL,
    TRANSITIONS,
    Evidence,
    OrderState,
    WorkOrder,
    acknowledge,
    allowed_targets,
    join,
    raise_order,
    transition,
)

S = OrderState
T0 = 1_800_000_000_000_000_000


def order(state=S.PROPOSED, *, mandatory=True, trigger=Trigger.DRIFT, **more):
    return WorkOrder(
        id="wo-1",
        instrument="ws-1",
        organization="linjiang",
        trigger=trigger,
        cause=f"{trigger.value}:2026-12-11",
        state=state,
        due_date=date(2026, 12, 11),
        reason="due",
        mandatory=mandatory,
        raised_ns=T0,
        updated_ns=T0,
        **more,
    )


def move(current, to, who, role, why="because", assign_to=None):
    institute = "provincial" if to is S.ASSIGNED and assign_to is None else assign_to
    return transition(current, to=to, who=who, role=role, why=why, at_ns=current.updated_ns + 1, assign_to=institute)


STRAIGHT = (
    (S.APPROVED, "olga", Role.OWNER),
    (S.ASSIGNED, "petra", Role.PLANNER),
    (S.ACCEPTED, "petra", Role.PLANNER),
    (S.SCHEDULED, "petra", Role.PLANNER),
    (S.RECEIVED, "rolf", Role.RECEIVER),
    (S.IN_PROGRESS, "vera", Role.VERIFIER),
    (S.MEASURED, "vera", Role.VERIFIER),
    (S.REVIEWED, "chen", Role.CHECKER),
    (S.PASSED, "anna", Role.APPROVER),
    (S.CERTIFICATE_ISSUED, "anna", Role.APPROVER),
    (S.CLOSED, "rolf", Role.RECEIVER),
)


def along(steps, start=None):
    current = order() if start is None else start
    for to, who, role in steps:
        current = move(current, to, who, role).order
    return current


def until(state):
    names = [to for to, _, _ in STRAIGHT]
    return along(STRAIGHT[: names.index(state) + 1])


def test_the_straight_way_leads_to_closed_and_names_three_people():
    closed = along(STRAIGHT)
    assert closed.state is S.CLOSED
    assert (closed.verified_by, closed.checked_by, closed.approved_by) == ("vera", "chen", "anna")
    assert closed.assigned_to == "provincial"
    assert closed.revision == 1 + len(STRAIGHT)


def test_no_step_is_in_the_table_twice_and_every_state_is_in_it():
    steps = [(step.source, step.target) for step in TRANSITIONS]
    assert len(steps) == len(set(steps))
    assert {state for step in steps for state in step} == set(OrderState)
    assert all(step.roles for step in TRANSITIONS)


def test_every_state_can_be_reached_and_every_open_state_can_end():
    reached, frontier = {S.PROPOSED}, {S.PROPOSED}
    while frontier:
        frontier = {s.target for s in TRANSITIONS if s.source in frontier} - reached
        reached |= frontier
    assert reached == set(OrderState)
    ending = set(TERMINAL)
    while True:
        more = {s.source for s in TRANSITIONS if s.target in ending} - ending
        if not more:
            break
        ending |= more
    assert ending == set(OrderState)


def test_nothing_leaves_an_ended_order():
    assert not [step for step in TRANSITIONS if step.source in TERMINAL]


def test_only_the_service_withdraws_and_it_does_nothing_else():
    before_work = (S.PROPOSED, S.APPROVED, S.ASSIGNED, S.DECLINED, S.ACCEPTED, S.SCHEDULED)
    steps = [(s.source, s.target) for s in TRANSITIONS if Role.SYSTEM in s.roles]
    assert steps == [(source, S.WITHDRAWN) for source in before_work]
    assert all(s.roles == {Role.SYSTEM} for s in TRANSITIONS if s.target is S.WITHDRAWN)


CANCELLING = [step for step in TRANSITIONS if step.target is S.CANCELLED]


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("step", CANCELLING, ids=lambda step: step.source.value)
def test_nobody_cancels_what_the_law_demands(step, trigger):
    binding = {Trigger.DUE, Trigger.REPLACE, Trigger.JUMP, Trigger.SEAL_BROKEN, Trigger.FAILED_CHECK, Trigger.REPAIR,
               Trigger.LOT}  # fmt: skip
    for role in step.roles:
        demanded, own = (order(step.source, trigger=trigger, mandatory=mandatory) for mandatory in (True, False))
        assert move(own, S.CANCELLED, "olga", role).order.state is S.CANCELLED
        if trigger not in binding:
            assert move(demanded, S.CANCELLED, "olga", role).order.state is S.CANCELLED
            continue
        assert S.CANCELLED not in allowed_targets(demanded, role)
        with pytest.raises(TransitionRefused, match="ends by a verification"):
            move(demanded, S.CANCELLED, "olga", role)


def test_supervisor_and_administrator_have_no_part_in_the_flow():
    for step in TRANSITIONS:
        assert not step.roles & {Role.SUPERVISOR, Role.ADMINISTRATOR, Role.SITE_OPERATOR, Role.STANDARDS_KEEPER}


@given(st.sampled_from(list(OrderState)), st.sampled_from(list(OrderState)), st.sampled_from(list(Role)))
@settings(max_examples=examples(400))
def test_a_step_that_is_not_in_the_table_is_refused_with_the_way_on(source, target, role):
    listed = any((s.source, s.target) == (source, target) and role in s.roles for s in TRANSITIONS)
    if not listed:
        with pytest.raises(TransitionRefused) as refused:
            move(order(source), target, "somebody", role)
        assert refused.value.remedy
        assert target not in allowed_targets(order(source), role)
        return
    changed = move(order(source), target, "somebody", role)
    assert target in allowed_targets(order(source), role)
    assert (changed.audit.old, changed.audit.new) == (source.value, target.value)


@pytest.mark.parametrize("target", sorted(REASON_REQUIRED))
def test_what_needs_a_reason_is_refused_without_one(target):
    step = next(step for step in TRANSITIONS if step.target is target)
    with pytest.raises(TransitionRefused, match="why"):
        move(order(step.source), target, "somebody", min(step.roles), why="  ")


@pytest.mark.parametrize("source", [S.MEASURED, S.REVIEWED])
def test_going_back_to_measure_again_needs_a_reason_and_forgets_who_measured(source):
    role = Role.CHECKER if source is S.MEASURED else Role.APPROVER
    current = until(source)
    with pytest.raises(TransitionRefused, match="why"):
        move(current, S.IN_PROGRESS, "someone-else", role, why="")
    back = move(current, S.IN_PROGRESS, "someone-else", role).order
    assert (back.verified_by, back.checked_by) == (None, None)


def test_the_checker_is_not_the_verifier():
    with pytest.raises(TransitionRefused, match="another person"):
        move(until(S.MEASURED), S.REVIEWED, "vera", Role.CHECKER)


@pytest.mark.parametrize("who", ["vera", "chen"])
def test_the_approver_of_a_mandatory_verification_is_a_third_person(who):
    reviewed = until(S.REVIEWED)
    for outcome in (S.PASSED, S.FAILED, S.LIMITED, S.NOT_TESTABLE):
        with pytest.raises(TransitionRefused, match="another person"):
            move(reviewed, outcome, who, Role.APPROVER)
    with pytest.raises(TransitionRefused, match="another person"):
        move(until(S.PASSED), S.CERTIFICATE_ISSUED, who, Role.APPROVER)


def test_two_people_suffice_for_a_voluntary_calibration():
    reviewed = along(STRAIGHT[:8], order(mandatory=False))
    assert move(reviewed, S.PASSED, "chen", Role.APPROVER).order.approved_by == "chen"


def test_an_order_is_assigned_to_an_institute_and_only_then():
    approved = until(S.APPROVED)
    with pytest.raises(TransitionRefused, match="assign_to"):
        transition(approved, to=S.ASSIGNED, who="petra", role=Role.PLANNER, why="", at_ns=T0)
    with pytest.raises(TransitionRefused, match="assign_to"):
        move(until(S.ASSIGNED), S.ACCEPTED, "petra", Role.PLANNER, assign_to="provincial")


def test_a_declined_order_goes_to_another_institute():
    declined = move(until(S.ASSIGNED), S.DECLINED, "petra", Role.PLANNER, why="no capacity").order
    assert move(declined, S.ASSIGNED, "petra", Role.PLANNER, assign_to="city").order.assigned_to == "city"


def test_nobody_acts_without_a_name():
    with pytest.raises(TransitionRefused, match="name the person"):
        move(order(), S.APPROVED, "", Role.OWNER)
    with pytest.raises(TransitionRefused, match="name the person"):
        acknowledge(order(), who="", role=Role.OWNER, at_ns=T0)


def test_an_acknowledgement_is_recorded_and_moves_nothing():
    seen = acknowledge(order(), who="olga", role=Role.OWNER, at_ns=T0 + 5)
    assert seen.order.state is S.PROPOSED
    assert (seen.order.acknowledged_by, seen.order.acknowledged_ns) == ("olga", T0 + 5)
    assert seen.audit.action == "acknowledge"
    with pytest.raises(TransitionRefused, match="already"):
        acknowledge(seen.order, who="rolf", role=Role.RECEIVER, at_ns=T0 + 6)


def test_an_ended_order_is_not_acknowledged():
    with pytest.raises(TransitionRefused, match="ended"):
        acknowledge(order(S.CLOSED), who="olga", role=Role.OWNER, at_ns=T0)


@pytest.mark.parametrize("role", sorted(set(Role) - ACKNOWLEDGING_ROLES))
def test_who_only_looks_on_does_not_acknowledge(role):
    with pytest.raises(TransitionRefused, match="role"):
        acknowledge(order(), who="x", role=role, at_ns=T0)


def test_evidence_joins_an_open_order_of_its_trigger_only():
    new = Evidence(trigger=Trigger.DUE, at_ns=T0 + 1, sentence="newer", cause="due:2026-12-01")
    joined = join(
        order(trigger=Trigger.DUE), new, due_date=date(2026, 12, 1), who="calibration", why="moved", at_ns=T0 + 1
    )
    assert joined.order.evidence == (new,)
    assert joined.order.reason == "newer"
    assert joined.order.due_date == date(2026, 12, 1)
    assert (joined.audit.old, joined.audit.new) == ("due", "newer")
    with pytest.raises(TransitionRefused, match="ended"):
        join(order(trigger=Trigger.DUE, state=S.CLOSED), new, due_date=None, who="c", why="", at_ns=T0)
    with pytest.raises(TransitionRefused, match="due"):
        join(order(trigger=Trigger.DUE), replace(new, trigger=Trigger.JUMP), due_date=None, who="c", why="", at_ns=T0)


def test_an_order_begins_as_proposed():
    assert raise_order(order(), who="calibration", role=Role.SYSTEM).audit.new == "proposed"
    with pytest.raises(TransitionRefused, match="proposed"):
        raise_order(order(S.CLOSED), who="calibration", role=Role.SYSTEM)


PEOPLE = ["vera", "chen", "anna", "mona"]


class AnybodyTriesAnything(RuleBasedStateMachine):
    """People with every role try every step; whatever they manage, the record must be one the law allows."""

    def __init__(self):
        super().__init__()
        self.order = order()
        self.audit = []
        self.path = [S.PROPOSED]
        self.by = {}

    @precondition(lambda self: self.order.open)
    @rule(pick=st.integers(0, 10**6), who=st.sampled_from(PEOPLE))
    def a_listed_step(self, pick, who):
        steps = [step for step in TRANSITIONS if step.source is self.order.state]
        step = steps[pick % len(steps)]
        self._try(step.target, who, sorted(step.roles)[pick % len(step.roles)])

    @rule(to=st.sampled_from(list(OrderState)), who=st.sampled_from(PEOPLE), role=st.sampled_from(list(Role)))
    def any_step(self, to, who, role):
        self._try(to, who, role)

    @rule(who=st.sampled_from(PEOPLE), role=st.sampled_from(list(Role)))
    def acknowledges(self, who, role):
        try:
            change = acknowledge(self.order, who=who, role=role, at_ns=self.order.updated_ns + 1)
        except TransitionRefused:
            return
        assert change.order.state is self.order.state
        self._keep(change)

    def _try(self, to, who, role):
        before = self.order
        try:
            change = move(before, to, who, role)
        except TransitionRefused:
            assert self.order is before
            return
        assert any((s.source, s.target) == (before.state, to) and role in s.roles for s in TRANSITIONS)
        self.path.append(to)
        self.by[to] = who
        self._keep(change)

    def _keep(self, change):
        assert change.audit.object_id == self.order.id
        self.audit.append(change.audit)
        self.order = change.order

    @invariant()
    def every_change_left_one_trace(self):
        assert self.order.revision == 1 + len(self.audit)
        assert [a.new for a in self.audit if a.action == "transition"] == self.path[1:]

    @invariant()
    def no_certificate_without_three_people(self):
        if self.order.state in {S.PASSED, S.FAILED, S.LIMITED, S.NOT_TESTABLE, S.CERTIFICATE_ISSUED, S.CLOSED}:
            three = (self.order.verified_by, self.order.checked_by, self.order.approved_by)
            assert None not in three
            assert len(set(three)) == 3
            assert self.path.count(S.MEASURED) >= 1
            assert self.path[-1 - self.path[::-1].index(S.REVIEWED) - 1] is S.MEASURED


AnybodyTriesAnything.TestCase.settings = settings(max_examples=examples(120), stateful_step_count=60)
TestNobodyBypassesTheFlow = AnybodyTriesAnything.TestCase
