"""All that can be said of one tolerance: about a measured item, about a production, about the decision rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steelyard.calibration.engine.conformance.acceptance import (
    Acceptance,
    acceptance_for_global_risk,
    acceptance_for_specific_risk,
)
from steelyard.calibration.engine.conformance.capability import uncertainty_ratio
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.posterior import Posterior, posterior
from steelyard.calibration.engine.conformance.probability import conformance
from steelyard.calibration.engine.conformance.risk import GlobalRisks, global_risks, require_uncertainty
from steelyard.calibration.engine.conformance.worst_case import WorstCase, worst_case_false_accept
from steelyard.calibration.engine.distributions.distribution import Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformityQuestion:
    """What is known and what is asked; everything in the unit of the tolerance.

    `value` of a measured item with `standard_uncertainty` (and its `degrees_of_freedom`); `prior` of the production and
    `measurement_standard_uncertainty` of the test; `acceptance` limits in force, or a `target_consumer_risk` to find
    them for.
    """

    tolerance: Limits
    value: float | None = None
    standard_uncertainty: float | None = None
    degrees_of_freedom: float = math.inf
    prior: Distribution | None = None
    measurement_standard_uncertainty: float | None = None
    acceptance: Limits | None = None
    target_consumer_risk: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredItem:
    """Probabilities for one measured item: `conforming` = 1 - `nonconforming`, of which `below` and `above`."""

    conforming: float
    nonconforming: float
    below: float
    above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformityAssessment:
    """The answer; None where the question did not ask or the tolerance does not allow it.

    `item` by its own measurement, or by `posterior` (prior taken in) if it has no standard uncertainty of its own;
    `risks` with the `acceptance` limits, `simple` with the tolerance's own; `wanted` the limits found for the target;
    `accepted` the decision on the item; `ratio` the test uncertainty ratio; `fit` whether U (k = 2) is at most a third
    of the tolerance; `worst` the largest false-accept risk that any centred normal production could have.
    """

    tolerance: Limits
    acceptance: Limits | None
    item: MeasuredItem | None
    posterior: Posterior | None
    risks: GlobalRisks | None
    simple: GlobalRisks | None
    wanted: Acceptance | None
    accepted: bool | None
    ratio: float | None
    fit: bool | None
    worst: WorstCase | None


def assess(question: ConformityQuestion) -> ConformityAssessment:
    """Answer a question about conformity. Raises ConformanceError that names what is missing or impossible.

    A target with a prior is one for the global risk, without one for the specific risk of each accepted item. Limits
    that are given are in force even if a target is given too: what the target asks for then stands beside them.
    """
    measurement_u = _measurement_uncertainty(question)
    wanted = _wanted(question, measurement_u)
    acceptance = question.acceptance if question.acceptance is not None or wanted is None else wanted.limits
    after, risks, simple = None, None, None
    if question.prior is not None:
        simple = global_risks(question.prior, measurement_u, question.tolerance)
        risks = (
            simple
            if acceptance is None
            else global_risks(question.prior, measurement_u, question.tolerance, acceptance)
        )
        if question.value is not None:
            after = posterior(question.prior, question.value, measurement_u, question.tolerance)
    in_force = question.tolerance if acceptance is None else acceptance
    undecided = question.value is None or (wanted is not None and wanted.limits is None)
    ratio = uncertainty_ratio(question.tolerance, measurement_u)
    return ConformityAssessment(
        tolerance=question.tolerance,
        acceptance=acceptance,
        item=_item(question, after),
        posterior=after,
        risks=risks,
        simple=simple,
        wanted=wanted,
        accepted=None if undecided or question.value is None else question.value in in_force,
        ratio=ratio,
        fit=None if ratio is None else ratio >= 3.0 * (1.0 - 1e-12),
        worst=None if ratio is None else _worst(question.tolerance, in_force, ratio),
    )


def _measurement_uncertainty(question: ConformityQuestion) -> float:
    if question.value is not None and question.standard_uncertainty is None and question.prior is None:
        raise ConformanceError("standard_uncertainty", None, "is missing; a value alone says nothing about conformity")
    if question.standard_uncertainty is not None and question.value is None:
        raise ConformanceError("value", None, "is missing; give the value that has this standard_uncertainty")
    u = question.measurement_standard_uncertainty
    if u is None:
        u = question.standard_uncertainty
    if u is None and question.prior is None:
        remedy = "is missing; give value and standard_uncertainty, or prior and measurement_standard_uncertainty"
        raise ConformanceError("value", None, remedy)
    if u is None:
        raise ConformanceError("measurement_standard_uncertainty", None, "is missing; the risks depend on it")
    return require_uncertainty(u) if question.measurement_standard_uncertainty is not None else u


def _item(question: ConformityQuestion, after: Posterior | None) -> MeasuredItem | None:
    if question.value is None:
        return None
    if question.standard_uncertainty is None:
        return (
            None
            if after is None
            else MeasuredItem(
                conforming=after.conforming, nonconforming=after.nonconforming, below=after.below, above=after.above
            )
        )
    found = conformance(
        question.value,
        question.standard_uncertainty,
        lower=question.tolerance.lower,
        upper=question.tolerance.upper,
        degrees_of_freedom=question.degrees_of_freedom,
    )
    return MeasuredItem(
        conforming=float(found.conforming),
        nonconforming=float(found.nonconforming),
        below=float(found.below),
        above=float(found.above),
    )


def _wanted(question: ConformityQuestion, u: float) -> Acceptance | None:
    if question.target_consumer_risk is None:
        return None
    if question.prior is not None:
        return acceptance_for_global_risk(question.prior, u, question.tolerance, question.target_consumer_risk)
    return acceptance_for_specific_risk(
        question.tolerance, u, question.target_consumer_risk, degrees_of_freedom=question.degrees_of_freedom
    )


def _worst(tolerance: Limits, acceptance: Limits, ratio: float) -> WorstCase | None:
    """Only where the acceptance limits lie symmetrically in the tolerance, as the worst case supposes."""
    factor = acceptance.half_width / tolerance.half_width
    symmetric = math.isclose(acceptance.centre, tolerance.centre, abs_tol=1e-9 * tolerance.half_width)
    return worst_case_false_accept(ratio, guard_band_factor=factor) if symmetric and math.isfinite(factor) else None
