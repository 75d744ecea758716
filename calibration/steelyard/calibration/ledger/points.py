"""The test point of a row of events: errors in the unit of the device, or in percent."""

from __future__ import annotations

from steelyard.calibration.errors import LedgerError, LegalDataError
from steelyard.calibration.ledger.cells import Quantity, number, quantity
from steelyard.calibration.ledger.headings import ColumnWords
from steelyard.calibration.ledger.sheet_rows import SheetRow
from steelyard.calibration.verification.events import EventPoint
from steelyard.contracts.errors import UnitError
from steelyard.contracts.units import UNITS, convert, unit_named

POINT_COLUMNS: tuple[ColumnWords, ...] = (
    ColumnWords(
        name="test_point", words="检定点 校准点 测试点 标准值 point reference_value", note="The reference value."
    ),
    ColumnWords(name="unit", words="单位 计量单位", note="Of the test point; empty: the instrument's."),
    ColumnWords(
        name="as_found",
        words="示值误差 误差 调前误差 修前误差 error as_found_error",
        note="Error (indication - reference) as it came.",
    ),
    ColumnWords(
        name="as_left",
        words="调后误差 修后误差 as_left_error",
        note="Error as it left; empty where nothing was adjusted.",
    ),
    ColumnWords(
        name="expanded_uncertainty",
        words="扩展不确定度 不确定度 u uncertainty",
        note="Of the error; empty where unknown.",
    ),
    ColumnWords(name="coverage_factor", words="包含因子 k", note="Of the expanded uncertainty; empty: 2."),
    ColumnWords(
        name="error_unit",
        words="误差单位 误差的单位",
        note="Of as_found, as_left, expanded_uncertainty: a unit, or %; empty: that of the test point.",
    ),
    ColumnWords(name="at", words="流量点 流量 flow load", note="The value of the second quantity, such as the flow."),
)
_PERCENT = "%"
_ERRORS = ("as_found", "as_left", "expanded_uncertainty")


def read_point(
    row: SheetRow,
    device_unit: str,
    second_unit: str | None = None,
    *,
    also_indicated: str | None = None,
    limited: bool = False,
) -> EventPoint | None:
    """The point of a row, None if it has none; what is not right is noted in the row.

    Args:
        row: a row of the sheet of events.
        device_unit: UCUM code of the unit in which the device's errors are kept.
        second_unit: that of the quantity on which its limits depend besides. Where test points are given in it (the
            flows at which a meter was tested) they are the values of that quantity, and the errors are in %.
        also_indicated: that of another quantity that the device measures, with errors of its own.
        limited: whether the device has limits of its own, which are in `device_unit`.
    """
    if also_indicated is not None:
        found = _indicated(row, device_unit, also_indicated)
        if limited and found != device_unit:
            told = f"is about a value in {found}, and the instrument's limits are in {device_unit}: it is not judged"
            row.refuse("unit" if row.text("unit") else "test_point", row.text("unit") or found, told)
            return None
        device_unit = found
    return _point(row, device_unit, second_unit)


def _point(row: SheetRow, device_unit: str, second_unit: str | None) -> EventPoint | None:
    unit = row.take("unit", _code)
    error_unit = row.take("error_unit", _code)
    point = row.take("test_point", quantity)
    errors = {column: row.take(column, quantity) for column in _ERRORS}
    coverage = row.take("coverage_factor", number)
    at = row.take("at", number)
    if row.problems:
        return None
    if point is None:
        for column, error in errors.items():
            if error is not None:
                row.refuse("test_point", "", f"is empty beside {column}; give the point at which it was found")
        return None
    # People write % into the one column for units and mean the errors.
    only_percent = unit == _PERCENT and device_unit != _PERCENT
    head = row.headed("test_point")
    own = point.unit or (None if head is None else head.unit) or (device_unit if unit is None or only_percent else unit)
    told = point.value
    second = second_unit is not None and UNITS[own].quantity_kind == UNITS[second_unit].quantity_kind
    second = second and UNITS[own].quantity_kind != UNITS[device_unit].quantity_kind
    if second and second_unit is not None:
        test_point = _converted(row, "unit", told, own, second_unit, difference=False)
        at = test_point if at is None else at
        if any(error is not None for error in errors.values()) and error_unit is None:
            error_unit = _PERCENT
    else:
        test_point = _converted(row, "unit", told, own, device_unit, difference=False)
    in_percent, values = _errors(row, errors, error_unit or (_PERCENT if only_percent else None), own, device_unit)
    if row.problems or test_point is None:
        return None
    try:
        return EventPoint(
            test_point=test_point,
            unit=_PERCENT if in_percent else device_unit,
            as_found=values["as_found"],
            as_left=values["as_left"],
            expanded_uncertainty=values["expanded_uncertainty"],
            coverage_factor=2.0 if coverage is None else coverage,
            at=at,
        )
    except LegalDataError as error:
        row.refuse(error.field, row.text(error.field) or "", error.remedy)
        return None


def _indicated(row: SheetRow, one: str, other: str) -> str:
    """Which of two quantities a row is about, as its unit; the first where it says nothing of it."""
    said: list[str | None] = []
    for column in ("test_point", "unit", "error_unit", *_ERRORS):
        head = row.headed(column)
        said += [] if head is None or row.text(column) is None else [head.unit]
        said.append(_unit_in(row.text(column)))
    kinds = [UNITS[code].quantity_kind for code in said if code is not None]
    units = {UNITS[one].quantity_kind: one, UNITS[other].quantity_kind: other}
    return next((units[kind] for kind in kinds if kind in units), one)


def _unit_in(text: str | None) -> str | None:
    """The unit that a cell is, or has behind its number."""
    if text is None:
        return None
    try:
        return unit_named(text).code
    except UnitError:
        pass
    try:
        return quantity(text, "").unit
    except LedgerError:
        return None


def _errors(
    row: SheetRow, errors: dict[str, Quantity | None], told_unit: str | None, point_unit: str, device_unit: str
) -> tuple[bool, dict[str, float | None]]:
    """Whether the errors are in percent of the test point, and their values, all in percent or in `device_unit`."""
    units: dict[str, str] = {}
    for column, error in errors.items():
        if error is None:
            continue
        head = row.headed(column)
        in_heading = None if head is None else head.unit
        unit = in_heading or told_unit or error.unit or point_unit
        if error.unit is not None and error.unit != unit:
            said = f"is in {error.unit}, and the unit is said to be {unit}; correct one of the two"
            row.refuse(column, row.text(column) or "", said)
        units[column] = unit
    relative = {column: unit == _PERCENT != device_unit for column, unit in units.items()}
    if len(set(relative.values())) > 1:
        column = next(iter(relative))
        row.refuse(column, row.text(column) or "", "errors and uncertainty of a row are all in % or none; correct them")
        return False, dict.fromkeys(errors)
    in_percent = any(relative.values())
    target = _PERCENT if in_percent else device_unit
    values: dict[str, float | None] = {}
    for column, error in errors.items():
        blame = "error_unit" if row.text("error_unit") else "unit" if row.text("unit") else column
        values[column] = (
            None if error is None else _converted(row, blame, error.value, units[column], target, difference=True)
        )
    return in_percent, values


def _converted(row: SheetRow, column: str, value: float, own: str, target: str, *, difference: bool) -> float | None:
    # Of an amount fraction 1 ppm is 1 umol/mol (SI Brochure, 9th edition, 5.4.7).
    if {own, target} == {"[ppm]", "umol/mol"}:
        return value
    if UNITS[own].quantity_kind != UNITS[target].quantity_kind:
        if not any(problem.remedy.startswith("measures") for problem in row.problems):
            row.refuse(
                column,
                row.text(column) or own,
                f"measures {UNITS[own].quantity_kind}, the instrument {UNITS[target].quantity_kind} in {target}; "
                "give values in a unit of that kind",
            )
        return None
    return convert(value, own, target, difference=difference)


def _code(text: str, column: str) -> str:
    return unit_named(text, column).code
