"""Conformity for programs, for people, and as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.calibration.engine.conformance.assessment import ConformityAssessment, ConformityQuestion
from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.risk import GlobalRisks, global_risks
from steelyard.calibration.engine.distributions.unbounded import Normal, StudentT
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import number, table
from steelyard.cli.errors import CommandError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 60


def as_json(question: ConformityQuestion, found: ConformityAssessment) -> dict[str, object]:
    """One object with what applies; docs/reference/calc-conformity.md describes the fields."""
    shown: dict[str, object] = {"tolerance": _pair(found.tolerance)}
    if found.item is not None:
        shown |= {
            "conformance_probability": found.item.conforming,
            "probability_nonconforming": found.item.nonconforming,
            "probability_below": found.item.below,
            "probability_above": found.item.above,
        }
    if found.posterior is not None:
        shown["posterior"] = {
            "value": found.posterior.mean,
            "standard_uncertainty": found.posterior.standard_uncertainty,
            "conformance_probability": found.posterior.conforming,
        }
    if found.risks is not None and found.simple is not None:
        shown |= _risks(found.risks)
        shown["prior_conformance_probability"] = found.risks.conforming
        shown["simple_acceptance"] = _risks(found.simple)
    return shown | _rule_as_json(question, found)


def _rule_as_json(question: ConformityQuestion, found: ConformityAssessment) -> dict[str, object]:
    """The decision rule and the measurement's fitness for it."""
    shown: dict[str, object] = {}
    if found.wanted is not None:
        shown["target_consumer_risk"] = question.target_consumer_risk
        shown["acceptance_limits"] = None if found.wanted.limits is None else _pair(found.wanted.limits)
        shown["guard_band"] = found.wanted.guard_band
        if found.wanted.reason is not None:
            shown["reason"] = found.wanted.reason
    elif found.acceptance is not None:
        shown["acceptance_limits"] = _pair(found.acceptance)
    if found.accepted is not None:
        shown["decision"] = "accept" if found.accepted else "reject"
    if found.ratio is not None:
        shown["test_uncertainty_ratio"] = found.ratio
        shown["one_third_rule"] = found.fit
    if found.worst is not None:
        shown["worst_case"] = {
            "global_consumer_risk": found.worst.false_accept,
            "in_tolerance_probability": found.worst.in_tolerance_probability,
        }
    return shown


def as_text(question: ConformityQuestion, found: ConformityAssessment) -> str:
    """Lines of name, value and where it comes from."""
    rows = [
        ("tolerance", _interval(found.tolerance), ""),
        *_item_rows(question, found),
        *_rule_rows(question, found),
        *_risk_rows(found),
    ]
    text = table(("", "value", ""), rows, left=3)
    if found.wanted is not None and found.wanted.reason is not None:
        text += f"\n{found.wanted.reason}"
    return text


_Rows = list[tuple[str, str, str]]


def _item_rows(question: ConformityQuestion, found: ConformityAssessment) -> _Rows:
    rows: _Rows = []
    if found.item is not None:
        by = "JCGM 106, 7.3, 7.4" if question.standard_uncertainty is not None else "with the prior: JCGM 106, 6.2"
        rows += [
            ("probability that it conforms", number(found.item.conforming), by),
            ("probability that it does not", number(found.item.nonconforming), "specific risk if accepted"),
        ]
    if found.posterior is not None and question.standard_uncertainty is not None:
        rows.append(("… with the prior taken in", number(found.posterior.conforming), "JCGM 106, 6.2"))
    return rows


def _rule_rows(question: ConformityQuestion, found: ConformityAssessment) -> _Rows:
    rows: _Rows = []
    if found.acceptance is not None:
        rows.append(("acceptance limits", _interval(found.acceptance), "JCGM 106, 8.3"))
    if found.wanted is not None and found.wanted.reason is None:
        if question.acceptance is not None:
            rows.append(("… for the target", _interval(found.wanted.limits), "JCGM 106, 9.5.4"))
        rows.append(("guard band", number(found.wanted.guard_band), f"for {number(question.target_consumer_risk)}"))
    if found.accepted is not None:
        rows.append(("decision", "accept" if found.accepted else "reject", ""))
    return rows


def _risk_rows(found: ConformityAssessment) -> _Rows:
    rows: _Rows = []
    if found.risks is not None:
        rows += [
            ("conforming in the production", number(found.risks.conforming), "prior"),
            ("global consumer's risk", number(found.risks.consumer), "accepted and not conforming: JCGM 106, 9.5"),
            ("global producer's risk", number(found.risks.producer), "rejected and conforming: JCGM 106, 9.5"),
            ("not conforming, of those accepted", number(found.risks.conditional_false_accept), ""),
            ("conforming, of those rejected", number(found.risks.conditional_false_reject), ""),
        ]
    if found.ratio is not None:
        fit = "U at most a third of it" if found.fit else "U more than a third of it"
        rows.append(("test uncertainty ratio", number(found.ratio), f"half-width / U, k = 2; {fit}"))
    if found.worst is not None:
        rows.append(("largest consumer's risk", number(found.worst.false_accept), "of any centred normal production"))
    return rows


def draw(path: Path, question: ConformityQuestion, found: ConformityAssessment) -> None:
    """The measured item's distribution between the limits; the risks against the guard band. Raises CommandError."""
    item = question.value is not None and question.standard_uncertainty is not None
    if not item and question.prior is None:
        raise CommandError("--plot: there is nothing to draw without a value or a prior")
    panels = int(item) + int(question.prior is not None)
    with drawing(path, width=6.0 * panels, height=4.0) as figure:
        axes = figure.subplots(1, panels, squeeze=False)[0]
        if item:
            _draw_item(axes[0], question, found)
        if question.prior is not None:
            _draw_risks(axes[-1], question, found)


def _draw_item(axes: Axes, question: ConformityQuestion, found: ConformityAssessment) -> None:
    value, u = question.value or 0.0, question.standard_uncertainty or 0.0
    shape = (
        Normal(value=value, standard_uncertainty=u)
        if math.isinf(question.degrees_of_freedom)
        else StudentT(value=value, scale=u, degrees_of_freedom=question.degrees_of_freedom)
    )
    xs = [value + u * step / 25.0 for step in range(-110, 111)]
    density = shape.pdf(xs).tolist()
    axes.plot(xs, density, color="tab:blue")
    inside = [low <= x <= high for x in xs for low, high in [(found.tolerance.lower, found.tolerance.upper)]]
    axes.fill_between(xs, density, where=inside, alpha=0.3, color="tab:green", label="conforms")
    axes.fill_between(xs, density, where=[not each for each in inside], alpha=0.4, color="tab:red", label="does not")
    _draw_limits(axes, found.tolerance, "black", "-")
    if found.acceptance is not None:
        _draw_limits(axes, found.acceptance, "tab:gray", "--")
    axes.set_title("what is known of the item")
    axes.legend()


def _draw_limits(axes: Axes, limits: Limits, color: str, style: str) -> None:
    for limit in (limits.lower, limits.upper):
        if math.isfinite(limit):
            axes.axvline(limit, color=color, linestyle=style)


def _draw_risks(axes: Axes, question: ConformityQuestion, found: ConformityAssessment) -> None:
    u = question.measurement_standard_uncertainty or question.standard_uncertainty or 0.0
    prior = question.prior
    if prior is None:
        return
    bands = [u * (-1.0 + 4.0 * step / _POINTS) for step in range(_POINTS + 1)]
    shown: list[tuple[float, GlobalRisks]] = []
    for band in bands:
        try:
            shown.append((band, global_risks(prior, u, found.tolerance, found.tolerance.guarded(band))))
        except ConformanceError:  # the guard band leaves nothing to accept: the curve ends here
            break
    axes.plot([band for band, _ in shown], [risks.consumer for _, risks in shown], label="consumer")
    axes.plot([band for band, _ in shown], [risks.producer for _, risks in shown], label="producer")
    if found.wanted is not None and found.wanted.guard_band is not None:
        axes.axvline(found.wanted.guard_band, color="black", linestyle="--")
    axes.set_xlabel("guard band")
    axes.set_title("global risks")
    axes.legend()


def _risks(risks: GlobalRisks) -> dict[str, object]:
    return {
        "global_consumer_risk": risks.consumer,
        "global_producer_risk": risks.producer,
        "conditional_false_accept": risks.conditional_false_accept,
        "conditional_false_reject": risks.conditional_false_reject,
        "acceptance_probability": risks.accepted,
    }


def _pair(limits: Limits) -> dict[str, float]:
    """Both limits; one that does not exist is printed as null."""
    return {"lower": limits.lower, "upper": limits.upper}


def _interval(limits: Limits | None) -> str:
    if limits is None:
        return number(None)
    if limits.two_sided:
        return f"{number(limits.lower, 9)} to {number(limits.upper, 9)}"
    return f"up to {number(limits.upper, 9)}" if math.isfinite(limits.upper) else f"from {number(limits.lower, 9)}"
