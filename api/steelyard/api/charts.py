"""The charts of an instrument's page, as the JSON that BokehJS draws.

Colours are those of the stylesheet, for a light and a dark scheme. There is no tool bar: nothing has to be operated to
read a chart, and the wheel keeps scrolling the page; pointing at a mark tells its numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, HoverTool, Range1d
from bokeh.models.annotations import BoxAnnotation, Label, Span, Whisker
from bokeh.plotting import figure

from steelyard.api.figures import COVERAGE_FACTOR, symbol
from steelyard.api.instants import DAY_NS, NS
from steelyard.calibration.verification.assessment import Assessment, ErrorEstimate
from steelyard.calibration.verification.observations import ErrorObservation, ObservationSource

Scheme = Literal["light", "dark"]

MAX_MARKS = 1200
"""Observations drawn at most; more than a mark a pixel only costs time."""

FONT = "Inter, Helvetica Neue, Liberation Sans, Arial, sans-serif"
MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one scheme; the names are the stylesheet's."""

    ink: str
    quiet: str
    line: str
    accent: str
    drift: str
    jump: str
    due: str
    limit: str
    band: str


PALETTES: dict[Scheme, Palette] = {
    "light": Palette(
        ink="#1a2027",
        quiet="#565e68",
        line="#dcd8ce",
        accent="#0a5273",
        drift="#5737a3",
        jump="#98195f",
        due="#7d5000",
        limit="#8d8678",
        band="#f3f1ea",
    ),
    "dark": Palette(
        ink="#e9e6df",
        quiet="#a3acb5",
        line="#2f373f",
        accent="#7cc4e6",
        drift="#bfaaf7",
        jump="#f59ac9",
        due="#ecbb5c",
        limit="#8b8577",
        band="#20272e",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSpans:
    """Readings summarized over equal spans: starts in UTC ns, values in `unit` (a UCUM code)."""

    name: str
    unit: str
    start_ns: Sequence[int]
    mean: Sequence[float]
    minimum: Sequence[float]
    maximum: Sequence[float]


def error_chart(assessment: Assessment, observations: Sequence[ErrorObservation], scheme: Scheme) -> str:
    """Return the chart of an instrument's error against its limits, with its forecast.

    Args:
        assessment: the newest one, with an estimate.
        observations: of the instrument, in any order; those in another unit or channel are left out.
        scheme: which colours.

    Raises:
        ValueError: the assessment has no estimate.
    """
    estimate = assessment.estimate
    if estimate is None:
        raise ValueError("assessment: without an estimate there is nothing to draw")
    colours = PALETTES[scheme]
    fitting = [o for o in observations if o.unit == estimate.unit and o.channel == estimate.channel]
    marks = _thinned([o for o in fitting if o.source is not ObservationSource.CERTIFICATE])
    papers = _nearest_test_point([o for o in fitting if o.source is ObservationSource.CERTIFICATE], estimate.test_point)
    plot = _plot(colours, 360)
    plot.yaxis.axis_label = f"Error in {symbol(estimate.unit)}" if symbol(estimate.unit) else "Error"
    plot.y_range = _range(estimate, [*marks, *papers])
    plot.x_range = _span(assessment, estimate, [*marks, *papers])
    _limits(plot, estimate, colours)
    _fan(plot, assessment, estimate, colours)
    _observations(plot, marks, colours, symbol(estimate.unit))
    _certificates(plot, papers, colours, symbol(estimate.unit))
    _moments(plot, assessment, estimate, colours)
    return json.dumps(json_item(plot), allow_nan=False)


def readings_chart(spans: ReadingSpans, scheme: Scheme) -> str:
    """Return the chart of recent readings: the mean, between the smallest and the largest value of each span."""
    colours = PALETTES[scheme]
    plot = _plot(colours, 250)
    unit = symbol(spans.unit)
    plot.yaxis.axis_label = f"{spans.name} in {unit}" if unit else spans.name
    source = ColumnDataSource(
        {
            "t": [t / MS for t in spans.start_ns],
            "mean": list(spans.mean),
            "low": list(spans.minimum),
            "high": list(spans.maximum),
        }
    )
    plot.varea(x="t", y1="low", y2="high", source=source, fill_color=colours.accent, fill_alpha=0.16)
    line = plot.line(x="t", y="mean", source=source, line_color=colours.accent, line_width=1.6)
    plot.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[("Time", "@t{%F %H:%M} UTC"), ("Mean", f"@mean{{0.[0000]}} {unit}"), ("Range", "@low – @high")],
            formatters={"@t": "datetime"},
        )
    )
    return json.dumps(json_item(plot), allow_nan=False)


def _plot(colours: Palette, height: int) -> figure:
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        toolbar_location=None,
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=64,
        min_border_right=12,
    )
    for axis in (plot.xaxis[0], plot.yaxis[0]):
        axis.axis_line_color = colours.quiet
        axis.major_tick_line_color = colours.quiet
        axis.minor_tick_line_color = colours.line
        axis.major_tick_in = 0
        axis.major_tick_out = 6
        axis.major_label_text_color = colours.quiet
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = "13px"
        axis.axis_label_text_color = colours.quiet
        axis.axis_label_text_font = FONT
        axis.axis_label_text_font_size = "13px"
        axis.axis_label_text_font_style = "normal"
    plot.xaxis[0].formatter = DatetimeTickFormatter(
        years="%Y", months="%b %Y", days="%d %b", hours="%H:%M", minutes="%H:%M"
    )
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = colours.line
    plot.ygrid.grid_line_alpha = 0.6
    return plot


def _range(estimate: ErrorEstimate, observations: Sequence[ErrorObservation]) -> Range1d:
    """Show both limits and all that was observed, but never more than five limits: one wild value hides nothing."""
    wide = max(estimate.mpe_upper, -estimate.mpe_lower)
    forecast = estimate.forecast
    seen = [estimate.error, *(o.error for o in observations), *forecast.mean]
    low = max(min(estimate.mpe_lower, *seen), -5 * wide)
    high = min(max(estimate.mpe_upper, *seen), 5 * wide)
    return Range1d(start=low - 0.28 * wide, end=high + 0.28 * wide)


def _span(assessment: Assessment, estimate: ErrorEstimate, observations: Sequence[ErrorObservation]) -> Range1d:
    """From the first observation to the end of the forecast; a due date years ahead would squeeze all the rest."""
    first_ns = min((o.t_ns for o in observations), default=assessment.at_ns - 90 * DAY_NS)
    end_ns = assessment.at_ns + (estimate.forecast.days[-1] if estimate.forecast.days else 30.0) * DAY_NS
    margin_ns = 0.02 * (end_ns - first_ns)
    return Range1d(start=(first_ns - margin_ns) / MS, end=(end_ns + margin_ns) / MS)


def _limits(plot: figure, estimate: ErrorEstimate, colours: Palette) -> None:
    plot.add_layout(
        BoxAnnotation(
            bottom=estimate.mpe_lower,
            top=estimate.mpe_upper,
            fill_color=colours.band,
            fill_alpha=1.0,
            line_color=None,
            level="image",
        )
    )
    for limit in (estimate.mpe_lower, estimate.mpe_upper):
        plot.add_layout(Span(location=limit, dimension="width", line_color=colours.limit, line_width=2))
    plot.add_layout(Span(location=0.0, dimension="width", line_color=colours.quiet, line_width=1))


def _fan(plot: figure, assessment: Assessment, estimate: ErrorEstimate, colours: Palette) -> None:
    forecast = estimate.forecast
    source = ColumnDataSource(
        {
            "t": [(assessment.at_ns + day * DAY_NS) / MS for day in forecast.days],
            "mean": list(forecast.mean),
            "low": list(forecast.lower),
            "high": list(forecast.upper),
            "risk": [100 * p for p in forecast.probability],
        }
    )
    plot.varea(x="t", y1="low", y2="high", source=source, fill_color=colours.drift, fill_alpha=0.18)
    line = plot.line(x="t", y="mean", source=source, line_color=colours.drift, line_width=2)
    plot.add_tools(
        HoverTool(
            renderers=[line],
            tooltips=[
                ("Expected on", "@t{%F}"),
                ("Error", f"@mean{{0.[0000]}} {symbol(estimate.unit)}"),
                ("Chance of being outside", "@risk{0.0} %"),
            ],
            formatters={"@t": "datetime"},
        )
    )


def _observations(plot: figure, marks: Sequence[ErrorObservation], colours: Palette, unit: str) -> None:
    if not marks:
        return
    source = ColumnDataSource(_columns(marks))
    plot.add_layout(
        Whisker(
            base="t",
            lower="low",
            upper="high",
            source=source,
            line_color=colours.accent,
            line_alpha=0.16 if len(marks) > 100 else 0.4,
            upper_head=None,
            lower_head=None,
            level="underlay",
        )
    )
    dots = plot.scatter(
        x="t", y="error", source=source, size=4, fill_color=colours.accent, fill_alpha=0.7, line_color=None
    )
    plot.add_tools(_pointing(dots, "Observed", unit))


def _certificates(plot: figure, papers: Sequence[ErrorObservation], colours: Palette, unit: str) -> None:
    if not papers:
        return
    source = ColumnDataSource(_columns(papers))
    plot.add_layout(
        Whisker(
            base="t", lower="low", upper="high", source=source, line_color=colours.ink, upper_head=None, lower_head=None
        )
    )
    diamonds = plot.scatter(
        x="t", y="error", source=source, marker="diamond", size=13, fill_color=colours.ink, line_color=None
    )
    plot.add_tools(_pointing(diamonds, "Verified", unit))


def _moments(plot: figure, assessment: Assessment, estimate: ErrorEstimate, colours: Palette) -> None:
    """Mark now, the date that holds, and a sudden change."""
    moments: list[tuple[float, str, str, Literal["left", "right"], int]] = [
        (assessment.at_ns / MS, "assessed", colours.quiet, "right", 8)
    ]
    if assessment.due_date is not None:
        moments.append((_date_ms(assessment.due_date), "verify by", colours.due, "left", 8))
    if estimate.jump is not None:
        moments.append((estimate.jump.t_ns / MS, "sudden change", colours.jump, "right", 26))
    for x, words, colour, align, height in moments:
        plot.add_layout(Span(location=x, dimension="height", line_color=colour, line_width=1.5, line_dash="dashed"))
        plot.add_layout(
            Label(
                x=x,
                y=height,
                y_units="screen",
                x_offset=5 if align == "left" else -5,
                text_align=align,
                text=words,
                text_color=colour,
                text_font=FONT,
                text_font_size="13px",
            )
        )


def _pointing(renderer: Any, what: str, unit: str) -> HoverTool:
    return HoverTool(
        renderers=[renderer],
        tooltips=[(what, "@t{%F}"), ("Error", f"@error{{0.[0000]}} {unit}"), ("Uncertainty", "@spread")],
        formatters={"@t": "datetime"},
    )


def _columns(observations: Sequence[ErrorObservation]) -> dict[str, list[Any]]:
    half = [COVERAGE_FACTOR * (o.standard_uncertainty or 0.0) for o in observations]
    return {
        "t": [o.t_ns / MS for o in observations],
        "error": [o.error for o in observations],
        "low": [o.error - h for o, h in zip(observations, half, strict=True)],
        "high": [o.error + h for o, h in zip(observations, half, strict=True)],
        "spread": [f"± {h:.2g}" if h else "not known" for h in half],
    }


def _thinned(observations: Sequence[ErrorObservation]) -> list[ErrorObservation]:
    """Every n-th observation in order of time, so that at most `MAX_MARKS` are drawn; the newest is always one."""
    ordered = sorted(observations, key=lambda o: o.t_ns, reverse=True)
    step = -(-len(ordered) // MAX_MARKS) or 1
    return ordered[::step]


def _nearest_test_point(observations: Sequence[ErrorObservation], test_point: float) -> list[ErrorObservation]:
    """Of each certificate's points (one time and stage) the one nearest to the estimate's test point."""
    best: dict[tuple[int, str], ErrorObservation] = {}
    for observation in observations:
        key = (observation.t_ns, observation.stage)
        held = best.get(key)
        if held is None or abs(observation.test_point - test_point) < abs(held.test_point - test_point):
            best[key] = observation
    return sorted(best.values(), key=lambda o: o.t_ns)


def _date_ms(day: date) -> float:
    return (day - date(1970, 1, 1)).days * DAY_NS / NS * 1000.0
