"""Single cells of a ledger: what is forgiven, and what is refused because two people could read it differently."""

from datetime import UTC, date, datetime

import pytest

from steelyard.calibration.errors import LedgerError
from steelyard.calibration.ledger import words
from steelyard.calibration.ledger.cells import (
    day,
    identifier,
    instant_ns,
    months,
    number,
    owner_on,
    parameters,
    several,
)
from steelyard.calibration.verification.devices import DeviceState, Use
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3000", 3000.0),
        ("-0.5", -0.5),
        ("+0.5", 0.5),
        (".5", 0.5),
        ("2.5e-3", 0.0025),
        ("1,234", 1234.0),
        ("1,234,567.5", 1234567.5),
        ("1 234.5", 1234.5),
        ("1\N{NO-BREAK SPACE}234", 1234.0),
        (" １２．５ ", 12.5),
        ("−0.2", -0.2),
        ("\N{ZERO WIDTH SPACE}7", 7.0),
    ],
)
def test_numbers_of_spreadsheets_are_read(text: str, value: float) -> None:
    assert number(text, "range_high") == value


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("nan", "finite"),
        ("inf", "finite"),
        ("-Infinity", "finite"),
        ("1e999", "number"),
        ("0,5", "decimal sign as a point"),
        ("1.234,5", "decimal sign as a point"),
        ("1,23,456", "decimal sign as a point"),
        ("150 kg", "unit has a column"),
        ("≈3", "number"),
        ("3_000", "number"),
        ("TRUE", "number"),
        ("٣", "number"),
    ],
)
def test_what_is_no_number_or_could_be_two_is_refused(text: str, remedy: str) -> None:
    with pytest.raises(LedgerError, match=remedy) as caught:
        number(text, "range_high")
    assert (caught.value.field, caught.value.value) == ("range_high", text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-15",
        "2026-3-15",
        "2026/3/15",
        "2026.3.15",
        "2026年3月15日",
        "2026 年 03 月 15 日",
        "20260315",
        "２０２６－０３－１５",
        "2026-03-15 00:00:00",
        "2026-03-15T09:30:00",
        "2026/3/15 9:30",
    ],
)
def test_dates_with_the_year_first_are_read(text: str) -> None:
    assert day(text, "completed") == date(2026, 3, 15)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("03/04/2026", "day or month comes first"),
        ("15.03.26", "day or month comes first"),
        ("2026-02-30", "no such day"),
        ("2026年13月1日", "no such day"),
        ("46096", "format the cell as a date"),
        ("2026-03/15", "write the date as"),
        ("2026-03", "write the date as"),
        ("March 2026", "write the date as"),
        ("0026-03-15", "1900 to 2199"),
    ],
)
def test_dates_that_nobody_can_be_sure_of_are_refused(text: str, remedy: str) -> None:
    with pytest.raises(LedgerError, match=remedy):
        day(text, "completed")


def test_an_instant_without_offset_is_legal_time() -> None:
    noon = int(datetime(2026, 3, 15, 4, tzinfo=UTC).timestamp()) * 10**9
    assert instant_ns("2026-03-15T12:00:00", "completed_at", utc_offset_minutes=480) == noon
    assert instant_ns("2026-03-15T12:00:00+08:00", "completed_at", utc_offset_minutes=0) == noon
    assert instant_ns("2026-03-15T04:00:00Z", "completed_at", utc_offset_minutes=480) == noon
    for text in ("noon", "0001-01-01T00:00:00+14:00x"):
        with pytest.raises(LedgerError, match="write the instant as"):
            instant_ns(text, "completed_at", utc_offset_minutes=480)


@pytest.mark.parametrize(
    ("text", "in_years", "value"),
    [
        ("12", False, 12),
        ("12.0", False, 12),
        ("12个月", True, 12),
        ("2年", False, 24),
        ("2", True, 24),
        ("6 months", False, 6),
    ],
)
def test_periods_are_calendar_months(text: str, in_years: bool, value: int) -> None:
    assert months(text, "period_months", in_years=in_years) == value


def test_a_period_of_half_months_is_refused() -> None:
    with pytest.raises(LedgerError, match="whole calendar months"):
        months("1.5", "period_months")


def test_identifiers_are_kept_as_their_owner_writes_them() -> None:
    assert identifier(" WM-1001 ", "id") == "WM-1001"
    assert identifier("ＷＭ１", "id") == "WM1"
    assert identifier("水表 1/7", "id") == "水表 1/7"
    with pytest.raises(LedgerError, match="15 digits"):
        identifier("1.23456789012346e+17", "id")
    for wrong in ("", "a\nb", "x" * 101):
        with pytest.raises(LedgerError, match="on one line"):
            identifier(wrong, "id")


def test_a_cell_may_name_several() -> None:
    assert several("a; b，c、d\ne;;") == ["a", "b", "c", "d", "e"]


def test_parameters_are_numbers_or_words() -> None:
    assert parameters("DN=20；q3 = 2.5; gas=natural", "parameters") == {"dn": 20.0, "q3": 2.5, "gas": "natural"}


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("dn 20", "name=value"), ("=20", "name=value"), ("dn=20; DN=25", "twice"), ("q3=2.5 m3/h", "number alone")],
)
def test_parameters_that_say_nothing_or_two_things_are_refused(text: str, remedy: str) -> None:
    with pytest.raises(LedgerError, match=remedy):
        parameters(text, "parameters")


@pytest.mark.parametrize(
    ("on", "owner"),
    [
        (date(2019, 12, 31), None),
        (date(2020, 1, 1), "acme"),
        (date(2024, 5, 31), "acme"),
        (date(2024, 6, 1), "Beta Water Co."),
        (date(2030, 1, 1), "Beta Water Co."),
    ],
)
def test_the_owner_of_the_day_counts(on: date, owner: str | None) -> None:
    assert owner_on("acme 2020-01-01..2024-05-31; Beta Water Co. 2024-06-01..", on, "owner") == owner


def test_an_owner_without_days_owns_it_always() -> None:
    assert owner_on(" 某某自来水有限公司 ", date(2026, 1, 1), "owner") == "某某自来水有限公司"
    assert owner_on("Works 2000", date(2026, 1, 1), "owner") == "Works 2000"
    assert owner_on("acme ..2024-05-31", date(2024, 1, 1), "owner") == "acme"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("acme 2020-01-01..2024-06-01; beta 2024-06-01..", "acme and beta both own it on 2024-06-01"),
        ("acme 2020-01-01..; beta 2024-06-01..", "both own it"),
        ("acme; beta", "write each owner with its days"),
        ("acme 2024-01-01..2020-01-01", "before the first"),
        ("acme 2020-02-30..", "no such day"),
    ],
)
def test_owners_that_cannot_be_told_apart_are_refused(text: str, remedy: str) -> None:
    with pytest.raises(LedgerError, match=remedy):
        owner_on(text, date(2026, 1, 1), "owner")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("first_verification", EventKind.FIRST_VERIFICATION),
        ("First verification", EventKind.FIRST_VERIFICATION),
        ("首次检定", EventKind.FIRST_VERIFICATION),
        ("后续检定", EventKind.SUBSEQUENT_VERIFICATION),
        ("修理后检定", EventKind.AFTER_REPAIR),
        ("仲裁检定", EventKind.ARBITRATION),
        ("期间核查", EventKind.INTERMEDIATE_CHECK),
        ("校准", EventKind.CALIBRATION),
        ("修理", EventKind.REPAIR),
        ("启封", EventKind.SEAL_OPENED),
    ],
)
def test_kinds_of_events_have_english_and_chinese_words(text: str, kind: EventKind) -> None:
    assert words.EVENT_KINDS.meant(text, "kind") is kind


@pytest.mark.parametrize(
    ("table", "text", "member"),
    [
        (words.DECISIONS, "合格", Decision.PASSED),
        (words.DECISIONS, "不合格", Decision.FAILED),
        (words.DECISIONS, "准用/降级", Decision.LIMITED),
        (words.DECISIONS, "准用", Decision.LIMITED),
        (words.DECISIONS, "降级", Decision.LIMITED),
        (words.DECISIONS, "Not testable", Decision.NOT_TESTABLE),
        (words.USES, "贸易结算", Use.TRADE),
        (words.STATES, "报废", DeviceState.SCRAPPED),
        (words.REGIMES, "到期轮换", Regime.FIRST_LIMITED),
    ],
)
def test_closed_sets_have_english_and_chinese_words(table: words.Words, text: str, member: object) -> None:
    assert table.meant(text, "x") is member


@pytest.mark.parametrize("table", [words.EVENT_KINDS, words.DECISIONS, words.USES, words.STATES, words.REGIMES])
def test_each_member_of_a_closed_set_is_known_by_its_own_value(table: words.Words) -> None:
    assert {table.meant(member.value, "x") for member in type(table.members[0])} == set(table.members)


def test_an_unknown_word_is_refused_with_the_nearest_and_all_choices() -> None:
    with pytest.raises(LedgerError, match=r"did you mean calibration.*intermediate_check"):
        words.EVENT_KINDS.meant("calibraton", "kind")
    with pytest.raises(LedgerError, match="give one of passed, failed"):
        words.DECISIONS.meant("—", "decision")
