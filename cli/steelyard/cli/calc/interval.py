"""`steelyard calc interval`: how long until the next calibration, by a published method, or why that cannot be said."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Final

from steelyard.calibration.engine.intervals.binomial import Counts
from steelyard.calibration.engine.intervals.binomial_fit import History, binomial_fit
from steelyard.calibration.engine.intervals.drift_fit import (
    DriftFit,
    DriftInterval,
    fit_drift,
    interval_by_reliability,
    interval_by_uncertainty,
)
from steelyard.calibration.engine.intervals.error_chart import error_chart
from steelyard.calibration.engine.intervals.errors import IntervalError
from steelyard.calibration.engine.intervals.method_a3 import LEAST_CALIBRATIONS, interval_test
from steelyard.calibration.engine.intervals.reliability_models import MODELS, weibull_interval
from steelyard.calibration.engine.intervals.staircase import (
    Finding,
    StaircaseRule,
    decrease_for_target,
    finding_of,
    staircase,
)
from steelyard.cli.calc.documents import Table, read_document
from steelyard.cli.calc.interval_answer import (
    IntervalAnswer,
    as_json,
    as_text,
    chart_drawing,
    draw,
    drift_drawing,
    reliability_drawing,
)
from steelyard.cli.calc.printing import add_output_arguments, print_json
from steelyard.cli.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.add_argument("file", metavar="FILE", help="method and data, TOML or JSON; - reads standard input")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read what is asked, answer it, print it."""
    document = read_document(arguments.file)
    try:
        answer = answer_of(document)
    except IntervalError as error:
        raise CommandError(f"{document.source}: {error}") from error
    if arguments.plot is not None:
        draw(arguments.plot, answer)
    if arguments.json:
        print_json(as_json(answer))
    else:
        print(as_text(answer))
    return 0


def answer_of(document: Table) -> IntervalAnswer:
    """The answer to a document. Raises CommandError and IntervalError that name the field."""
    written = document.text("method")
    name = written.lower().replace("-", "_").replace(" ", "_")
    if name not in _METHODS:
        document.choice("method", tuple(_NAMES[each] for each in _METHODS))
    answer = _METHODS[name](document)
    document.finish()
    return answer


def _interval_test(document: Table) -> IntervalAnswer:
    counts = _counts(document)
    found = interval_test(
        counts,
        _current(document),
        document.number("target"),
        confidence=document.number("confidence", 0.5),
        max_change_factor=document.number("max_change_factor", 2.0),
    )
    enough = bool(found.sufficient)
    few = f"fewer than {LEAST_CALIBRATIONS} calibrations: nothing can be said about reliability"
    return IntervalAnswer(
        method="A3",
        interval=float(found.interval) if enough else None,
        reason=None if enough else few,
        unit="d",
        fields={
            "observed_reliability": float(found.observed_reliability),
            "reliability_interval": [float(found.reliability_low), float(found.reliability_high)],
            "rejection_confidence": float(found.rejection_confidence),
            "rejected": bool(found.rejected),
            "in_tolerance": int(counts.in_tolerance),
            "calibrations": int(counts.calibrations),
        },
    )


def _binomial_fit(document: Table) -> IntervalAnswer:
    times = _numbers(document, "times", "intervals", "days")
    passed, calibrated = _passes(document)
    history = History.of(times, passed, calibrated)
    models = document.texts("models" if "models" in document else "model") or list(MODELS)
    target = document.number("target")
    found = binomial_fit(history, target, models=models, confidence=document.number("confidence", 0.9))
    best = found.fits[0] if found.fits else None
    fields: dict[str, object] = {"target": target}
    if best is not None:
        fields |= {
            "model": best.model,
            "interval_limits": [best.interval_low, best.interval_high],
            "rejection_confidence": best.rejection_confidence,
            "extrapolated": best.extrapolated,
            "models": {
                fit.model: {
                    "formula": MODELS[fit.model].formula,
                    "parameters": fit.theta.tolist(),
                    "negative_log_likelihood": fit.negative_log_likelihood,
                    "interval": fit.interval,
                    "reason": fit.reason,
                    "interval_limits": [fit.interval_low, fit.interval_high],
                    "lack_of_fit": fit.lack_of_fit,
                    "rejection_confidence": fit.rejection_confidence,
                    "information_criterion": fit.information_criterion,
                }
                for fit in found.fits
            },
        }
    return IntervalAnswer(
        method="S2",
        interval=found.interval,
        reason=found.reason,
        unit=_unit(document),
        fields=fields,
        drawing=None if best is None else reliability_drawing(history, found, target),
    )


def _weibull(document: Table) -> IntervalAnswer:
    scale, shape, target = document.number("scale"), document.number("shape"), document.number("target")
    return IntervalAnswer(
        method="weibull",
        interval=weibull_interval(scale, shape, target),
        reason=None,
        unit=document.optional_text("unit"),
        fields={"target": target},
    )


def _variables(document: Table) -> IntervalAnswer:
    times = _numbers(document, "times", "dt_days", "dt")
    changes = _numbers(document, "changes", "deltas", "delta")
    fit = fit_drift(times, changes, order=document.integer("order", 1, least=1))
    u0 = _number(document, "initial_standard_uncertainty", "u0")
    y0 = _number(document, "initial_value", "y0", default=0.0)
    limit = document.optional_number("uncertainty_target")
    lower, upper = _limits(document)
    target = _number(document, "target", "reliability_target", default=math.nan)
    if limit is None and math.isnan(target):
        raise document.fault("target", "is missing; give it with lower or upper, or give an uncertainty_target")
    unit = _unit(document)
    if isinstance(fit, str):
        return IntervalAnswer(method="variables", interval=None, reason=fit, unit=unit, fields={})
    answers: dict[str, DriftInterval] = {}
    if limit is not None:
        answers["by_uncertainty"] = interval_by_uncertainty(fit, u0, limit)
    if not math.isnan(target):
        answers["by_reliability"] = interval_by_reliability(fit, y0, u0, target, lower=lower, upper=upper)
    without = next((each for each in answers.values() if each.interval is None), None)
    given = [each.interval for each in answers.values() if each.interval is not None]
    return IntervalAnswer(
        method="variables",
        interval=min(given) if without is None else None,
        reason=None if without is None else without.reason,
        unit=unit,
        fields=_drift_fields(fit, answers),
        drawing=drift_drawing(times, changes, fit, u0, y0, lower, upper),
    )


def _drift_fields(fit: DriftFit, answers: dict[str, DriftInterval]) -> dict[str, object]:
    return {
        "extrapolated": all(each.extrapolated for each in answers.values()),
        "coefficients": fit.coefficients.tolist(),
        "covariance": fit.covariance.tolist(),
        "residual_standard_deviation": fit.residual_sd,
        "degrees_of_freedom": fit.degrees_of_freedom,
        **{
            name: {"interval": each.interval, "reason": each.reason, "coverage_factor": each.coverage_factor}
            for name, each in answers.items()
        },
    }


def _staircase(document: Table) -> IntervalAnswer:
    if "errors" in document:
        lower, upper = _limits(document)
        comfortable = document.number("comfortable", 0.8)
        findings = [finding_of(each, lower, upper, comfortable=comfortable) for each in document.numbers("errors")]
    else:
        findings = [Finding.WELL_INSIDE if each else Finding.OUTSIDE for each in _pass_fail(document)]
    increase = document.number("increase", 0.1)
    decrease = document.optional_number("decrease")
    target = document.number("target", 0.9)
    rule = StaircaseRule(
        increase=increase,
        decrease=decrease_for_target(increase, target) if decrease is None else decrease,
        shortest=document.number("shortest", 0.0),
        longest=document.number("longest", math.inf) if "longest" in document else math.inf,
    )
    found = staircase(_current(document), findings, rule)
    return IntervalAnswer(
        method="staircase",
        interval=found.interval,
        reason=found.reason,
        unit="d",
        fields={
            "steps": list(found.steps),
            "findings": [str(each) for each in findings],
            "increase": rule.increase,
            "decrease": rule.decrease,
        },
    )


def _control_chart(document: Table) -> IntervalAnswer:
    times, errors = document.numbers("times"), document.numbers("errors")
    lower, upper = _limits(document)
    found = error_chart(
        times,
        errors,
        document.number("target", 0.95),
        lower=lower,
        upper=upper,
        standard_uncertainty=document.number("standard_uncertainty", 0.0),
    )
    return IntervalAnswer(
        method="control-chart",
        interval=found.interval,
        reason=found.reason,
        unit=_unit(document),
        fields={
            "drift": found.drift,
            "drift_standard_uncertainty": found.drift_standard_uncertainty,
            "drift_p_value": found.drift_probability,
            "scatter": found.scatter,
            "last_error": found.last_error,
            "out_of_control": list(found.out_of_control),
            "extrapolated": found.extrapolated,
        },
        drawing=chart_drawing(times, errors, found, lower, upper),
    )


_METHODS: Final[dict[str, Callable[[Table], IntervalAnswer]]] = {
    "a3": _interval_test,
    "s2": _binomial_fit,
    "weibull": _weibull,
    "variables": _variables,
    "staircase": _staircase,
    "control_chart": _control_chart,
}
_NAMES: Final = {
    "a3": "A3",
    "s2": "S2",
    "weibull": "weibull",
    "variables": "variables",
    "staircase": "staircase",
    "control_chart": "control-chart",
}
_DAYS: Final = ("d", "day", "days")


def _unit(document: Table) -> str:
    unit = document.optional_text("unit") or "d"
    return "d" if unit in _DAYS else unit


def _current(document: Table) -> float:
    return document.number("current_interval_days", above=0.0)


def _pass_fail(document: Table) -> list[bool]:
    """Results in their order: 1 or true in tolerance, 0 or false out of it."""
    values = document.raw("pass_fail")
    if not isinstance(values, list) or not values:
        raise document.fault("pass_fail", "must be a list of 1 (in tolerance) and 0 (out of it), one at least")
    for position, each in enumerate(values, start=1):
        if each not in {0, 1}:
            raise document.fault("pass_fail", f"item {position} must be 1 (in tolerance) or 0 (out of it)")
    return [bool(each) for each in values]


def _passes(document: Table) -> tuple[list[float], list[float] | None]:
    """Passes, by calibration or counted; then with the numbers of calibrations."""
    if "pass_fail" in document:
        return [float(each) for each in _pass_fail(document)], None
    if "calibrations" not in document and "in_tolerance" not in document:
        raise document.fault("pass_fail", "is missing; give it, or in_tolerance and calibrations")
    return document.numbers("in_tolerance"), document.numbers("calibrations")


def _counts(document: Table) -> Counts:
    if "pass_fail" in document or "calibrations" not in document:
        results = _pass_fail(document)
        return Counts.of(sum(results), len(results))
    return Counts.of(document.integer("in_tolerance"), document.integer("calibrations"))


def _limits(document: Table) -> tuple[float, float]:
    """`lower` and `upper`, or `tolerance = [lower, upper]`, or a symmetric `maximum_permissible_error`."""
    if "tolerance" in document:
        pair = document.numbers("tolerance")
        if len(pair) != 2:
            raise document.fault("tolerance", "must be [lower, upper]")
        return pair[0], pair[1]
    mpe = document.optional_number("maximum_permissible_error", above=0.0)
    if mpe is not None:
        return -mpe, mpe
    lower, upper = document.optional_number("lower"), document.optional_number("upper")
    return -math.inf if lower is None else lower, math.inf if upper is None else upper


def _named(document: Table, names: tuple[str, ...]) -> str:
    """The name that the document uses, of several for one thing; the first if none."""
    used = [name for name in names if name in document]
    if len(used) > 1:
        raise document.fault(used[1], f"is another name of {used[0]}; give one of them")
    return used[0] if used else names[0]


def _numbers(document: Table, *names: str) -> list[float]:
    return document.numbers(_named(document, names))


def _number(document: Table, *names: str, default: float | None = None) -> float:
    name = _named(document, names)
    return document.number(name) if default is None or name in document else default
