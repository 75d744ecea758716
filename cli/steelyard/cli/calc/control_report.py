"""A control chart or its run lengths as JSON, as tables, as a drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steelyard.calibration.engine.control.cusum import CusumChart, CusumDesign
from steelyard.calibration.engine.control.ewma import EwmaChart, EwmaDesign
from steelyard.calibration.engine.control.shewhart import ShewhartChart
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import number, table


@dataclass(frozen=True, slots=True, kw_only=True)
class ShewhartDesign:
    """`limit` in sigma, names of run rules."""

    limit: float
    rules: tuple[str, ...]


Design = CusumDesign | EwmaDesign | ShewhartDesign


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLengths:
    """Average run lengths of a chart at shifts in sigma."""

    chart: str
    design: Design
    one_sided: bool
    shifts: Sequence[float]
    lengths: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A plotted statistic with its limits, in the unit of the values: one for each value."""

    name: str
    statistic: Sequence[float]
    upper: Sequence[float]
    lower: Sequence[float] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charted:
    """A chart: JSON `fields`, what is plotted, and `remarks` for people."""

    title: str
    target: float
    values: Sequence[float]
    fields: Mapping[str, object]
    lines: Sequence[Line]
    signals: Sequence[int]
    remarks: Sequence[str]


def design_fields(design: Design) -> dict[str, object]:
    """The design in the words of the command's options."""
    if isinstance(design, CusumDesign):
        return {"k": design.k, "h": design.h, "head_start": design.head_start}
    if isinstance(design, EwmaDesign):
        return {
            "weight": design.weight,
            "limit": design.limit,
            "limits": "steady" if design.steady else "exact",
            "head_start": design.head_start,
        }
    return {"limit": design.limit, "rules": list(design.rules)}


def _first(position: int) -> int | None:
    return position or None


def _fields(
    chart: str, target: float, sigma: float, design: Design, *, one_sided: bool, first: int
) -> dict[str, object]:
    return {
        "chart": chart,
        "target": target,
        "sigma": sigma,
        "design": design_fields(design),
        "one_sided": one_sided,
        "first_signal": _first(first),
    }


def cusum(
    values: Sequence[float], target: float, sigma: float, design: CusumDesign, found: CusumChart, *, one_sided: bool
) -> Charted:
    """Both sums; an upper limit for each, as both count upwards."""
    first, limit = int(found.first_signal), [found.limit] * len(values)
    onset, level = _first(int(found.onset)), float(found.level)
    upper, lower = found.upper.tolist(), found.lower.tolist()
    fields = _fields("cusum", target, sigma, design, one_sided=one_sided, first=first) | {
        "upper": upper,
        "lower": None if one_sided else lower,
        "upper_limit": found.limit,
        "lower_limit": None if one_sided else found.limit,
        "estimated_onset": onset,
        "estimated_mean": None if math.isnan(level) else level,
    }
    lines = [Line(name="upper", statistic=upper, upper=limit, lower=None)]
    if not one_sided:
        lines.append(Line(name="lower", statistic=lower, upper=limit, lower=None))
    remarks = [] if onset is None else [f"changed at value {onset} or near, to about {number(level)}"]
    outside = found.upper > found.limit if one_sided else (found.upper > found.limit) | (found.lower > found.limit)
    return Charted(
        title=f"CUSUM, k = {number(design.k)}, h = {number(design.h)} sigma",
        target=0.0,
        values=values,
        fields=fields,
        lines=lines,
        signals=(np.flatnonzero(outside) + 1).tolist(),
        remarks=remarks,
    )


def ewma(
    values: Sequence[float], target: float, sigma: float, design: EwmaDesign, found: EwmaChart, *, one_sided: bool
) -> Charted:
    """The average with its limits, as lists, or steady ones as numbers."""
    statistic, upper, lower = found.statistic.tolist(), found.upper_limit.tolist(), found.lower_limit.tolist()
    fields = _fields("ewma", target, sigma, design, one_sided=one_sided, first=int(found.first_signal)) | {
        "statistic": statistic,
        "upper_limit": found.steady_upper_limit if design.steady else upper,
        "lower_limit": None if one_sided else found.steady_lower_limit if design.steady else lower,
        "steady_upper_limit": found.steady_upper_limit,
        "steady_lower_limit": None if one_sided else found.steady_lower_limit,
    }
    outside = found.statistic > found.upper_limit
    if not one_sided:
        outside |= found.statistic < found.lower_limit
    return Charted(
        title=f"EWMA, weight {number(design.weight)}, limits {number(design.limit)}",
        target=target,
        values=values,
        fields=fields,
        lines=[Line(name="average", statistic=statistic, upper=upper, lower=None if one_sided else lower)],
        signals=(np.flatnonzero(outside) + 1).tolist(),
        remarks=[],
    )


def shewhart(
    values: Sequence[float],
    target: float,
    sigma: float,
    design: ShewhartDesign,
    found: ShewhartChart,
    *,
    one_sided: bool,
) -> Charted:
    """The values with limits and what rules each breaks."""
    count = len(values)
    broken = {
        position: [name for name, where in found.broken.items() if where[position - 1]]
        for position in range(1, count + 1)
    }
    signals = [position for position, names in broken.items() if names]
    fields = _fields("shewhart", target, sigma, design, one_sided=one_sided, first=int(found.first_signal)) | {
        "statistic": found.statistic.tolist(),
        "upper_limit": found.upper_limit,
        "lower_limit": None if one_sided else found.lower_limit,
        "signals": [{"index": position, "rules": broken[position]} for position in signals],
    }
    line = Line(
        name="value",
        statistic=found.statistic.tolist(),
        upper=[found.upper_limit] * count,
        lower=None if one_sided else [found.lower_limit] * count,
    )
    return Charted(
        title=f"Shewhart chart, limits {number(design.limit)} sigma",
        target=target,
        values=values,
        fields=fields,
        lines=[line],
        signals=signals,
        remarks=[f"value {position}: {', '.join(broken[position])}" for position in signals],
    )


def as_json(found: Charted | RunLengths) -> dict[str, object]:
    """The contract's object; a run longer than a double can say becomes null when it is printed."""
    if isinstance(found, Charted):
        return dict(found.fields)
    return {
        "chart": found.chart,
        "design": design_fields(found.design),
        "one_sided": found.one_sided,
        "run_lengths": [
            {"shift": shift, "average_run_length": length}
            for shift, length in zip(found.shifts, found.lengths, strict=True)
        ],
    }


def as_text(found: Charted | RunLengths) -> str:
    """A table."""
    if isinstance(found, RunLengths):
        design = ", ".join(
            f"{name} {_shown(value)}" for name, value in design_fields(found.design).items() if value != []
        )
        rows = [[number(shift), number(length)] for shift, length in zip(found.shifts, found.lengths, strict=True)]
        sides = "one-sided" if found.one_sided else "two-sided"
        return f"{found.chart}, {sides}: {design}\n\n" + table(["shift / sigma", "average run length"], rows, left=0)
    header = ["", "value"]
    for line in found.lines:
        header += (
            ([line.name] if line.name != "value" else []) + (["lower limit"] if line.lower else []) + ["upper limit"]
        )
    rows = []
    signals = set(found.signals)
    for index, value in enumerate(found.values):
        row = [str(index + 1), number(value, 9)]
        for line in found.lines:
            row += [number(line.statistic[index])] if line.name != "value" else []
            row += [number(line.lower[index])] if line.lower else []
            row.append(number(line.upper[index]))
        rows.append([*row, "*" if index + 1 in signals else ""])
    first = found.fields["first_signal"]
    verdict = "no signal" if first is None else f"first signal at value {first}"
    return "\n".join([found.title, "", table([*header, ""], rows, left=0), "", verdict, *found.remarks])


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    return number(value) if isinstance(value, float) else str(value)


def draw(path: Path, found: Charted | RunLengths) -> None:
    """The chart, or run lengths over the shift. Raises CommandError."""
    with drawing(path) as figure:
        axes = figure.subplots()
        if isinstance(found, RunLengths):
            axes.plot(found.shifts, found.lengths, "o-")
            axes.set(yscale="log", xlabel="shift / sigma", ylabel="average run length", title=found.chart)
            return
        positions = list(range(1, len(found.values) + 1))
        for line, sign in zip(found.lines, (1.0, -1.0), strict=False):
            # The sum of decreases is drawn downwards.
            statistic = [sign * each for each in line.statistic]
            axes.plot(positions, statistic, ".-", linewidth=0.8, label=line.name)
            axes.step(positions, [sign * each for each in line.upper], where="mid", color="tab:red", linewidth=0.8)
            if line.lower is not None:
                axes.step(positions, line.lower, where="mid", color="tab:red", linewidth=0.8)
        axes.axhline(found.target, color="black", linewidth=0.8)
        first = found.fields["first_signal"]
        if isinstance(first, int):
            axes.axvline(first, color="tab:red", linestyle=":", label="first signal")
        axes.set(title=found.title, xlabel="value")
        axes.legend()
