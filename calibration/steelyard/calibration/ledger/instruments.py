"""Rows of the sheet of instruments, as devices."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple

from steelyard.calibration.catalogue import Catalogue, DeviceState, Kind, Use
from steelyard.calibration.errors import CalibrationError, CatalogueError, LedgerError
from steelyard.calibration.ledger import words
from steelyard.calibration.ledger.cells import day, identifier, months, number, owner_on, parameters, plain, quantity
from steelyard.calibration.ledger.headings import ColumnWords, LedgerTable, find_headings
from steelyard.calibration.ledger.problems import RowProblem
from steelyard.calibration.ledger.sheet_rows import SheetRow, rows_below
from steelyard.calibration.mpe import MaximumPermissibleError, parse_mpe_text
from steelyard.calibration.verification.devices import Device
from steelyard.contracts.errors import UnitError
from steelyard.contracts.identifiers import InstrumentId
from steelyard.contracts.units import UNITS, convert, unit_named

INSTRUMENT_COLUMNS: tuple[ColumnWords, ...] = (
    ColumnWords(
        name="id",
        words="编号 器具编号 仪器编号 设备编号 计量编号 管理编号 统一编号 资产编号 instrument instrument_id asset_no",
        note="Unique in this ledger: any text of 1 to 100 characters on one line; capitals and small letters are one.",
        required=True,
    ),
    ColumnWords(
        name="name", words="名称 器具名称 仪器名称 设备名称 计量器具名称 instrument_name", note="What people call it."
    ),
    ColumnWords(
        name="kind",
        words="种类 类别 类型 器具种类 器具类别 计量器具种类 instrument_kind type category",
        note="What it is: a name of the catalogue, in English or Chinese (steelyard catalogue list).",
        required=True,
    ),
    ColumnWords(
        name="accuracy_class", words="准确度等级 精度等级 等级 准确度 精度 class", note="Such as III, 0.5 or 2."
    ),
    ColumnWords(
        name="range",
        words="测量范围 量程 measuring_range",
        note="In place of range_low, range_high and unit: (0~1.6) MPa.",
    ),
    ColumnWords(
        name="range_low",
        words="测量范围下限 量程下限 下限 最小值 range_min min",
        note="In the column unit, or the heading's.",
    ),
    ColumnWords(
        name="range_high",
        words="测量范围上限 量程上限 上限 最大值 最大秤量 最大称量 range_max max capacity",
        note="In the column unit, or the heading's.",
    ),
    ColumnWords(
        name="unit", words="单位 计量单位 测量单位", note="Of the range and the scale interval: kg, MPa, m3/h, kW.h …"
    ),
    ColumnWords(
        name="scale_interval",
        words="分度值 检定分度值 分度 e d resolution",
        note="The verification scale interval e, in the column unit, or the heading's.",
    ),
    ColumnWords(
        name="use",
        words="用途 使用用途 用途类别 purpose",
        note="trade, safety, medical, environment, none. The law controls the first four; empty means trade.",
    ),
    ColumnWords(
        name="region", words="地区 区域 行政区 行政区划 area", note="The administrative area, such as cn-zj-hangzhou."
    ),
    ColumnWords(
        name="owner",
        words="使用单位 所有者 单位名称 产权单位 客户 organization company",
        note="Whose it is; with days where that changed: acme 2020-01-01..2024-05-31; beta 2024-06-01..",
    ),
    ColumnWords(
        name="state",
        words="状态 使用状态 设备状态 状况 status",
        note="in_use, stored, under_repair, out_of_service, scrapped; empty means in_use.",
    ),
    ColumnWords(
        name="state_since", words="状态日期 状态起始日期 状态变更日期 since", note="The day from which the state holds."
    ),
    ColumnWords(
        name="put_into_use",
        words="投用日期 启用日期 投入使用日期 安装日期 service_date installed",
        note="The day on which it was put into use.",
    ),
    ColumnWords(
        name="regime",
        words="管理方式 检定方式 强制检定方式 控制方式",
        note="Only to override the catalogue: periodic, first_limited, first_scrap, voluntary.",
    ),
    ColumnWords(
        name="period_months",
        words="检定周期 周期 校准周期 检定周期月 period interval interval_months",
        note="Only to override the catalogue: calendar months.",
    ),
    ColumnWords(
        name="mpe",
        words="最大允许误差 允许误差 允差 最大允差 maximum_permissible_error",
        note="Only to override the catalogue: ±0.5 kg, -4..+1 %, ±1.6 % FS, table=oiml-r76 class=III e=1.",
    ),
    ColumnWords(name="maker", words="制造商 生产厂家 制造单位 厂家 生产厂 manufacturer", note=""),
    ColumnWords(name="model", words="型号 规格型号 型号规格", note=""),
    ColumnWords(name="serial", words="出厂编号 序列号 器号 serial_number serial_no sn", note="The maker's number."),
    ColumnWords(name="batch", words="批次 批号 lot", note=""),
    ColumnWords(name="seal", words="铅封 封印 铅封号 封印编号 seal_number", note="What is known of its seal."),
    ColumnWords(
        name="parameters",
        words="参数 其他参数 parameter",
        note="What the kind's rules ask for, such as dn=20; q3=2.5; r=100.",
    ),
)

_END = r"[+-]?\d[\d.,]*(?:e[+-]?\d+)?"
_RANGE = re.compile(
    rf"\(?\s*(?P<low>{_END})\s*(?:~|\.\.+|…|至|to|–|—|-)\s*(?P<high>{_END})\s*\)?\s*(?P<unit>[^\d\s(][^()]*)?",
    re.IGNORECASE,
)
_FLOWS = frozenset({"volume_flow", "mass_flow"})
_HALF_WIDTH_BRACKETS = str.maketrans({"（": "(", "）": ")", "～": "~", "－": "-", "＋": "+", "〜": "~", "∼": "~"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """The devices of a sheet.

    `rows`: the number of each device's row. `kinds`: the kind of each. `units`: in which UCUM unit each device's
    errors are kept, its own or that of its kind. `second_units`: that of the quantity on which its limits depend
    besides, where there is one; `also_indicated`: the unit of another quantity that the device measures too.
    `refused`: the first row of each identifier whose row cannot be used. `spellings`: each identifier by its small
    letters, since people mix them. `unsaid_use`: how many devices do not say what they are used for.
    """

    devices: Mapping[InstrumentId, Device]
    rows: Mapping[InstrumentId, int]
    kinds: Mapping[InstrumentId, Kind]
    units: Mapping[InstrumentId, str]
    second_units: Mapping[InstrumentId, str]
    also_indicated: Mapping[InstrumentId, str]
    refused: Mapping[InstrumentId, int]
    spellings: Mapping[str, InstrumentId]
    unsaid_use: int
    ignored: tuple[str, ...]


class _Built(NamedTuple):
    device: Device
    kind: Kind
    unit: str
    second_unit: str | None
    also_indicated: str | None


class _Range(NamedTuple):
    low: float | None
    high: float | None
    unit: str | None


def read_instruments(
    table: LedgerTable,
    problems: list[RowProblem],
    *,
    catalogue: Catalogue,
    on: date,
) -> Instruments:
    """The devices of a sheet; what is not right is added to `problems`.

    Raises LedgerError where the sheet lacks a required column.
    """
    headings = find_headings(table, INSTRUMENT_COLUMNS)
    devices: dict[InstrumentId, Device] = {}
    of_kinds: dict[InstrumentId, Kind] = {}
    units: dict[InstrumentId, str] = {}
    second_units: dict[InstrumentId, str] = {}
    also: dict[InstrumentId, str] = {}
    spellings: dict[str, InstrumentId] = {}
    unsaid_use = 0
    rows: dict[InstrumentId, int] = {}
    refused: dict[InstrumentId, int] = {}
    kinds: dict[str, Kind] = {}

    def known_kind(text: str, _: str) -> Kind:
        if text not in kinds:
            kinds[text] = catalogue.kind(text)
        return kinds[text]

    for row, readable in rows_below(table, headings, "id", problems):
        name = row.take("id", identifier, required=True)
        if name is not None:
            name = spellings.setdefault(name.casefold(), name)
        if name is not None and name in rows:
            row.problems.clear()
            row.refuse("id", name, _stands_already(rows[name], counts=name in devices))
        elif readable:
            built = _device(row, name, known_kind, on)
            if built is not None:
                devices[built.device.id] = built.device
                of_kinds[built.device.id] = built.kind
                units[built.device.id] = built.unit
                second_units |= {} if built.second_unit is None else {built.device.id: built.second_unit}
                also |= {} if built.also_indicated is None else {built.device.id: built.also_indicated}
                unsaid_use += row.text("use") is None
        if name is not None and name not in rows:
            rows[name] = row.number
            if name not in devices:
                refused[name] = row.number
        problems.extend([*row.problems, *row.notes] if readable else ())
    return Instruments(
        devices=devices,
        rows={name: number for name, number in rows.items() if name in devices},
        kinds=of_kinds,
        units=units,
        second_units=second_units,
        also_indicated=also,
        refused=refused,
        spellings=spellings,
        unsaid_use=unsaid_use,
        ignored=headings.ignored,
    )


def _stands_already(row: int, *, counts: bool) -> str:
    if counts:
        return f"stands in row {row} already, which counts; delete this row or rename it"
    return f"stands in row {row} already, which is refused: mend that row and delete this one, or rename one of them"


def _device(
    row: SheetRow,
    name: InstrumentId | None,
    kind_of: Callable[[str, str], Kind],
    on: date,
) -> _Built | None:
    kind = row.take("kind", kind_of, required=True)
    limits = _range(row)
    if kind is not None and limits.unit is not None and _is_second(limits.unit, kind):
        # The range of a meter is said in flows: its errors are those of what it measures.
        limits = _Range(None, None, None)
    if kind is not None and limits.unit is not None and _is_flow(limits.unit, kind):
        told = f"is a flow, and a {kind.id} measures in {kind.unit}: the range is left out"
        row.note("range", row.text("range") or "", told)
        limits = _Range(None, None, None)
    if kind is not None and limits.unit is not None:
        _check_unit(row, limits.unit, kind)
    unit = limits.unit if kind is None or limits.unit is not None else kind.unit
    span = None if limits.low is None or limits.high is None else limits.high - limits.low
    both = kind is not None and kind.second is not None and kind.second.indicated
    if both:
        limits = _Range(None, None, None)  # one of two ranges would be taken for that of both
    use = row.take("use", words.USES.meant)
    state = row.take("state", words.STATES.meant)
    period = row.headed("period_months")
    build = partial(
        Device,
        accuracy_class=_accuracy_class(row, kind),
        range_low=limits.low,
        range_high=limits.high,
        unit=limits.unit,
        scale_interval=_in_unit(row, "scale_interval", unit, difference=True),
        # The stricter one: whoever keeps a ledger of instruments outside legal control says so.
        use=Use.TRADE if use is None else use,
        region=row.text("region"),
        owner=row.take("owner", lambda told, column: owner_on(told, on, column)),
        state=DeviceState.IN_USE if state is None else state,
        state_since=row.take("state_since", day),
        put_into_use=row.take("put_into_use", day),
        maker=row.text("maker"),
        model=row.text("model"),
        serial=row.text("serial"),
        batch=row.text("batch"),
        seal=row.text("seal"),
        parameters=row.take("parameters", lambda told, column: _parameters(told, column, kind)) or {},
        regime=row.take("regime", words.regime_meant),
        period_months=row.take("period_months", partial(months, in_years=period is not None and period.in_years)),
        mpe=row.take("mpe", lambda told, _: _limits(told, unit, span, kind)),
    )
    label = row.text("name")
    if row.problems or name is None or kind is None or unit is None:
        return None
    try:
        device = build(id=name, name=label or name, kind=kind.id)
    except CalibrationError as error:
        row.refuse(error.field, row.text(error.field) or "", error.remedy)
        return None
    second = None if kind.second is None else kind.second.unit
    if not both or second is None:
        return _Built(device, kind, unit, second, None)
    judged = unit if device.mpe is None else device.mpe.unit
    return _Built(device, kind, judged, None, second if judged == unit else unit)


def _limits(text: str, unit: str | None, span: float | None, kind: Kind | None) -> MaximumPermissibleError:
    """The limits in a cell; of a kind that measures two quantities they may be those of the second one."""
    try:
        return parse_mpe_text(text, unit=unit, span=span)
    except CalibrationError:
        if kind is None or kind.second is None or not kind.second.indicated:
            raise
        try:
            return parse_mpe_text(text, unit=kind.second.unit, span=None)
        except CalibrationError:
            pass
        raise


def _is_second(code: str, kind: Kind) -> bool:
    """Whether a unit is that of the quantity on which the limits depend besides, and not of what is measured."""
    if kind.second is None:
        return False
    measured = {UNITS[each].quantity_kind for each in (kind.unit, *kind.units)}
    return UNITS[code].quantity_kind == UNITS[kind.second.unit].quantity_kind not in measured


def _is_flow(code: str, kind: Kind) -> bool:
    """Whether a unit is that of a flow, in the cell `range` of what measures an amount: the flows that it bears."""
    measured = {UNITS[each].quantity_kind for each in (kind.unit, *kind.units)}
    return UNITS[code].quantity_kind in _FLOWS - measured and measured <= {"volume", "mass"}


def _accuracy_class(row: SheetRow, kind: Kind | None) -> str | None:
    """The class by the catalogue's name; None where the kind has no such class, which is told."""
    told = row.text("accuracy_class")
    if told is None or kind is None or not kind.classes:
        return told
    try:
        return kind.plate.class_named(told)
    except CatalogueError as error:
        row.note("accuracy_class", told, f"{error.remedy}; it is judged without a class")
        return None


def _check_unit(row: SheetRow, code: str, kind: Kind) -> None:
    """Refuse a unit of another kind of quantity than the instrument measures, such as a flow for a water meter."""
    known = (kind.unit, *kind.units)
    if UNITS[code].quantity_kind not in {UNITS[each].quantity_kind for each in known}:
        column = next((name for name in ("unit", "range") if row.text(name)), "range_high")
        row.refuse(
            column,
            row.text(column) or code,
            f"measures {UNITS[code].quantity_kind}; give what a {kind.id} measures, in {', '.join(known)}",
        )


def _range(row: SheetRow) -> _Range:
    """Both ends in one unit: that of the column `unit`, else of the cell `range`, else of a heading."""
    whole = row.take("range", _whole_range)
    if whole is not None and whole.low is None:
        told = "is one value and not two ends: its unit is taken, the range is left open; write (0~20) kg for a range"
        row.note("range", row.text("range") or "", told)
    code = row.take("unit", lambda told, column: unit_named(told, column).code)
    if code is None and whole is not None:
        code = whole.unit
    if code is None:
        # A heading speaks for the cells below it, not for rows that leave them empty.
        heads = [
            row.headed(column)
            for column in ("range_high", "range_low", "range", "scale_interval")
            if row.text(column) is not None
        ]
        code = next((head.unit for head in heads if head is not None and head.unit is not None), None)
    if code is None:
        cells = (_own_unit(row.text(column)) for column in ("range_high", "range_low", "scale_interval"))
        code = next((unit for unit in cells if unit is not None), None)
    low = _in_unit(row, "range_low", code, difference=False)
    high = _in_unit(row, "range_high", code, difference=False)
    if whole is not None and whole.low is not None and low is None and high is None:
        head = row.headed("range")
        own = whole.unit or (None if head is None else head.unit)

        def converted(end: float) -> float:
            return end if own is None or code is None else convert(end, own, code, difference=False)

        ends = row.take("range", lambda _, __: (converted(whole.low or 0.0), converted(whole.high or 0.0)))
        low, high = (None, None) if ends is None else ends
    return _Range(low, high, code)


def is_range(text: str) -> bool:
    """Whether a text is a measuring range, such as ``0~30 t``."""
    try:
        return _whole_range(text, "").low is not None
    except (CalibrationError, UnitError):
        return False


def _whole_range(text: str, field: str) -> _Range:
    told = text.translate(_HALF_WIDTH_BRACKETS).strip()
    match = _RANGE.fullmatch(told)
    if match is None:
        own = _own_unit(text)
        if own is not None:  # the nominal value of a weight, the capacity of a scale
            return _Range(None, None, own)
        raise LedgerError(field, text, "write it as (0~1.6) MPa, or use the columns range_low, range_high and unit")
    unit = None if match["unit"] is None else unit_named(match["unit"].strip(), field).code
    return _Range(number(match["low"], field), number(match["high"], field), unit)


def _in_unit(row: SheetRow, column: str, code: str | None, *, difference: bool) -> float | None:
    """A number in the unit `code`; its own is that in its cell, else that in the column's heading, if there is one."""
    head = row.headed(column)

    def read(text: str, field: str) -> float:
        value, own = quantity(text, field)
        own = own or (None if head is None else head.unit)
        return value if own is None or code is None else convert(value, own, code, difference=difference)

    return row.take(column, read)


def _own_unit(text: str | None) -> str | None:
    """The unit that stands in a cell behind its number."""
    try:
        return None if text is None else quantity(text, "").unit
    except LedgerError:
        return None


def _parameters(text: str, field: str, kind: Kind | None) -> dict[str, float | str]:
    units = None if kind is None else {name: parameter.unit for name, parameter in kind.parameters.items()}
    found = parameters(text, field, units)
    known = [] if kind is None else list(kind.parameters)
    for name in found:
        if known and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"this kind has {', '.join(known)}"
            raise LedgerError(field, plain(text), f"no such parameter as {name}; {remedy}")
    return found
