"""An interval, or the reason why there is none: for programs, for people, as a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steelyard.calibration.engine.intervals.binomial_fit import BinomialFit, History
from steelyard.calibration.engine.intervals.drift_fit import DriftFit
from steelyard.calibration.engine.intervals.error_chart import ErrorChart
from steelyard.calibration.engine.intervals.reliability_models import MODELS
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import number, table
from steelyard.cli.errors import CommandError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Drawing = Callable[["Axes"], None]
_POINTS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalAnswer:
    """`interval` in `unit` (None: that of the data, whatever it is), or None with a `reason`.

    `fields` are what else the method says, by the names that programs rely on; `drawing` draws it, None if there is
    nothing to draw.
    """

    method: str
    interval: float | None
    reason: str | None
    unit: str | None
    fields: Mapping[str, object]
    drawing: Drawing | None = None


def as_json(answer: IntervalAnswer) -> dict[str, object]:
    """One object; `interval_days` beside `interval` where the unit is the day."""
    days = {"interval_days": answer.interval} if answer.unit == "d" else {}
    reason = {} if answer.reason is None else {"reason": answer.reason}
    unit = {} if answer.unit is None else {"unit": answer.unit}
    return {"method": answer.method, "interval": answer.interval, **days, **unit, **reason, **answer.fields}


def as_text(answer: IntervalAnswer) -> str:
    """The interval, and what the method says beside it."""
    unit = f" {answer.unit}" if answer.unit else ""
    said = f"{number(answer.interval)}{unit}" if answer.interval is not None else f"none: {answer.reason}"
    rows = [("interval", said), ("method", answer.method)]
    rows += [
        (name.replace("_", " "), shown) for name, value in answer.fields.items() if (shown := _shown(value)) is not None
    ]
    width = max(len(name) for name, _ in rows)
    text = "\n".join(f"{name:<{width}}  {shown}" for name, shown in rows)
    models = answer.fields.get("models")
    return f"{text}\n\n{_models(models)}" if isinstance(models, Mapping) else text


def _shown(value: object) -> str | None:
    """A value for people; None for what is a table of its own."""
    if isinstance(value, Mapping):
        interval = value.get("interval")
        if "coverage_factor" not in value:
            return None
        return number(interval) if isinstance(interval, float) else f"none: {value.get('reason')}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return (
            None if any(isinstance(each, list) for each in value) else ", ".join(_item(each) for each in value) or "–"
        )
    return _item(value)


def _item(value: object) -> str:
    return number(float(value)) if isinstance(value, int | float) else "–" if value is None else str(value)


def _models(models: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            number(fit["interval"]),
            number(fit["lack_of_fit"], 3),
            number(fit["rejection_confidence"], 3),
            number(fit["information_criterion"], 5),
            fit["formula"],
        )
        for name, fit in models.items()
    ]
    return table(("model", "interval", "F", "rejected with", "AIC", "formula"), rows)


def draw(path: Path, answer: IntervalAnswer) -> None:
    """The data and what was fitted to them. Raises CommandError where there is nothing to draw."""
    if answer.drawing is None:
        raise CommandError(f"--plot: method {answer.method} has nothing to draw here")
    with drawing(path) as figure:
        axes = figure.subplots()
        answer.drawing(axes)
        if answer.interval is not None and answer.method != "control-chart":
            axes.axvline(answer.interval, color="black", linestyle="--", label="interval")
        axes.legend()


def reliability_drawing(history: History, found: BinomialFit, target: float) -> Drawing:
    """Observed reliabilities, the three best models, the target."""

    def on(axes: Axes) -> None:
        times = history.times.tolist()
        observed = [g / n for g, n in zip(history.in_tolerance.tolist(), history.calibrations.tolist(), strict=True)]
        axes.plot(times, observed, "o", color="black", label="observed")
        grid = [times[-1] * step / _POINTS for step in range(_POINTS + 1)]
        for fit in found.fits[:3]:
            axes.plot(grid, [_reliability(fit.model, fit.theta, t) for t in grid], label=fit.model)
        axes.axhline(target, color="tab:gray", linestyle=":")
        axes.set_xlabel("time since calibration")
        axes.set_ylabel("reliability")

    return on


def _reliability(model: str, theta: Any, t: float) -> float:
    return float(MODELS[model].reliability(theta, theta[:1] * 0.0 + t)[0])


def drift_drawing(
    times: Sequence[float], changes: Sequence[float], fit: DriftFit, u0: float, y0: float, lower: float, upper: float
) -> Drawing:
    """Measured changes, the fitted drift with its standard uncertainty, the limits."""

    def on(axes: Axes) -> None:
        axes.plot(times, [y0 + each for each in changes], "o", color="black", label="measured")
        grid = [1.5 * fit.longest * step / _POINTS for step in range(_POINTS + 1)]
        middle = [y0 + each for each in fit.change(grid).tolist()]
        spread = fit.standard_uncertainty(grid, u0).tolist()
        axes.plot(grid, middle, label="drift")
        low = [m - s for m, s in zip(middle, spread, strict=True)]
        high = [m + s for m, s in zip(middle, spread, strict=True)]
        axes.fill_between(grid, low, high, alpha=0.25, label="standard uncertainty")
        _limit_lines(axes, lower, upper)
        axes.set_xlabel("time since calibration")

    return on


def chart_drawing(
    times: Sequence[float], errors: Sequence[float], found: ErrorChart, lower: float, upper: float
) -> Drawing | None:
    """Errors over time with the line through them and the limits."""
    if found.drift is None or found.last_error is None:
        return None
    drift, last_error, last = found.drift, found.last_error, max(times)

    def on(axes: Axes) -> None:
        axes.plot(times, errors, "o", color="black", label="as found")
        marked = [(times[i], errors[i]) for i in found.out_of_control]
        if marked:
            axes.plot([t for t, _ in marked], [e for _, e in marked], "o", color="tab:red", label="out of control")
        end = last + (found.interval or 0.0)
        ends = [min(times), end]
        axes.plot(ends, [last_error + drift * (t - last) for t in ends], label="drift")
        if found.interval is not None:
            axes.axvline(end, color="black", linestyle="--", label="next calibration")
        _limit_lines(axes, lower, upper)
        axes.set_xlabel("time")

    return on


def _limit_lines(axes: Axes, lower: float, upper: float) -> None:
    for limit in (lower, upper):
        if math.isfinite(limit):
            axes.axhline(limit, color="tab:red", linestyle=":")
