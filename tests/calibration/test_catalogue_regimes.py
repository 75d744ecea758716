"""Regimes and periods of each kind, against the regulations' texts, and the dates that follow."""

from collections.abc import Mapping
from datetime import date

import pytest

from steelyard.calibration.catalogue import (
    BeforeUse,
    CatalogueError,
    CountsFrom,
    DeviceState,
    PeriodEffect,
    RatioBasis,
    Regime,
    RegimeChoice,
    Use,
    builtin_catalogue,
)
from steelyard.calibration.mpe import Confidence
from steelyard.calibration.verification.due_date import add_months

CATALOGUE = builtin_catalogue()
TODAY = date(2026, 11, 1)
CONTROLLED = [use for use in Use if use is not Use.NONE]
Parameters = Mapping[str, float | str]


def regime(
    kind: str, use: Use = Use.TRADE, accuracy_class: str | None = None, parameters: Parameters | None = None
) -> RegimeChoice:
    edition = CATALOGUE.kind(kind).edition_on(TODAY)
    return edition.regime_for(use=use, accuracy_class=accuracy_class, parameters=parameters or {})


# JJG 162-2019, verification period: DN <= 25 six years, 25 < DN <= 50 four years, both with Q3 <= 16 m3/h and used for
# trade; larger ones two years.
@pytest.mark.parametrize(
    ("dn", "q3", "expected", "months"),
    [
        (15.0, 1.6, Regime.FIRST_LIMITED, 72),
        (25.0, 16.0, Regime.FIRST_LIMITED, 72),
        (32.0, 10.0, Regime.FIRST_LIMITED, 48),
        (50.0, 16.0, Regime.FIRST_LIMITED, 48),
        (50.0, 25.0, Regime.PERIODIC, 24),
        (80.0, 63.0, Regime.PERIODIC, 24),
    ],
)
def test_water_meters_by_diameter_and_flow(dn: float, q3: float, expected: Regime, months: int) -> None:
    found = regime("water_meter", parameters={"dn": dn, "q3": q3})
    assert (found.regime, found.period_months, found.missing) == (expected, months, ())
    limited = expected is Regime.FIRST_LIMITED
    assert found.counts_from is (CountsFrom.PUT_INTO_USE if limited else CountsFrom.VERIFICATION)


def test_a_small_water_meter_need_not_say_its_flow() -> None:
    found = regime("water_meter", parameters={"dn": 20.0})
    assert (found.regime, found.period_months, found.missing) == (Regime.FIRST_LIMITED, 72, ())


def test_a_small_water_meter_that_is_not_used_for_trade_is_verified_periodically() -> None:
    found = regime("water_meter", Use.ENVIRONMENT, parameters={"dn": 15.0, "q3": 1.6})
    assert (found.regime, found.period_months) == (Regime.PERIODIC, 24)


# JJG 577-2012 and 1190-2022: residential meters (up to 10 m3/h) ten years with natural gas, six with other gas; larger
# ones three years (of ultrasonic meters recalled).
@pytest.mark.parametrize("kind", ["diaphragm_gas_meter", "ultrasonic_gas_meter"])
@pytest.mark.parametrize(
    ("qmax", "gas", "expected", "months"),
    [
        (4.0, "natural", Regime.FIRST_LIMITED, 120),
        (10.0, "天然气", Regime.FIRST_LIMITED, 120),
        (4.0, "other", Regime.FIRST_LIMITED, 72),
        (4.0, "液化石油气", Regime.FIRST_LIMITED, 72),
        (16.0, "natural", Regime.PERIODIC, 36),
    ],
)
def test_gas_meters_by_size_and_gas(kind: str, qmax: float, gas: str, expected: Regime, months: int) -> None:
    found = regime(kind, parameters={"qmax": qmax, "gas": gas})
    assert (found.regime, found.period_months, found.missing) == (expected, months, ())


# JJG 596-2012 (the split by class recalled): eight years for classes 1 and 2, six for 0.2S and 0.5S.
@pytest.mark.parametrize(
    ("accuracy_class", "months"), [("1", 96), ("2", 96), ("2.0级", 96), ("0.2S", 72), ("0.5s", 72)]
)
def test_electricity_meters_by_class(accuracy_class: str, months: int) -> None:
    found = regime("electricity_meter", accuracy_class=accuracy_class)
    assert (found.regime, found.period_months, found.missing) == (Regime.PERIODIC, months, ())


# The verification periods of JJG 443, 539, 517, 52, 882, 693, 915, 270, 692, 1148, 1149, 99, 657 and 225 (those of 517,
# 882, 657 and 225 recalled).
@pytest.mark.parametrize(
    ("kind", "months"),
    [
        ("fuel_dispenser", 6),
        ("digital_indicating_scale", 12),
        ("truck_scale", 12),
        ("taximeter", 12),
        ("pressure_gauge", 6),
        ("pressure_transmitter", 12),
        ("combustible_gas_detector", 12),
        ("carbon_monoxide_alarm", 12),
        ("sphygmomanometer", 6),
        ("automated_sphygmomanometer", 12),
        ("ev_ac_charger", 36),
        ("ev_dc_charger", 36),
        ("weights", 12),
        ("breath_alcohol_analyser", 6),
        ("heat_meter", 36),
    ],
)
@pytest.mark.parametrize("use", CONTROLLED)
def test_periodic_kinds_have_their_period_for_every_controlled_use(kind: str, months: int, use: Use) -> None:
    found = regime(kind, use)
    assert (found.regime, found.period_months) == (Regime.PERIODIC, months)
    assert (found.counts_from, found.missing) == (CountsFrom.VERIFICATION, ())


def test_a_clinical_thermometer_is_verified_once_and_then_scrapped() -> None:
    # SAMR announcement 2020 No. 42, clause 4.
    found = regime("clinical_glass_thermometer", Use.MEDICAL)
    assert (found.regime, found.period_months) == (Regime.FIRST_SCRAP, None)


@pytest.mark.parametrize("kind", ["resistance_thermometer", "thermo_hygrometer"])
@pytest.mark.parametrize("use", Use)
def test_kinds_that_nobody_controls_are_voluntary(kind: str, use: Use) -> None:
    found = regime(kind, use)
    assert (found.regime, found.period_months) == (Regime.VOLUNTARY, 12)


@pytest.mark.parametrize("kind", sorted(CATALOGUE.kinds))
def test_a_device_without_a_controlled_use_is_voluntary_with_an_interval(kind: str) -> None:
    example = CATALOGUE.kind(kind).examples[0]
    classes = example.classes or CATALOGUE.kind(kind).classes or (None,)
    found = regime(kind, Use.NONE, classes[0], example.parameters)
    assert found.regime is Regime.VOLUNTARY
    assert found.period_months is not None
    assert found.counts_from is CountsFrom.VERIFICATION
    controlled = regime(kind, Use.TRADE, classes[0], example.parameters)
    assert found.period_months == (controlled.period_months or 12)


@pytest.mark.parametrize(
    ("kind", "parameters", "accuracy_class", "months", "missing"),
    [
        ("water_meter", {}, None, 24, ("dn", "q3")),
        ("water_meter", {"q3": 2.5}, None, 24, ("dn",)),
        ("water_meter", {"dn": 40.0}, None, 24, ("q3",)),
        ("diaphragm_gas_meter", {"qmax": 2.5}, None, 72, ("gas",)),
        ("diaphragm_gas_meter", {}, None, 36, ("qmax", "gas")),
        ("electricity_meter", {}, None, 72, ("accuracy_class",)),
    ],
)
def test_where_it_cannot_be_told_the_shortest_period_holds_and_the_question_is_named(
    kind: str, parameters: Parameters, accuracy_class: str | None, months: int, missing: tuple[str, ...]
) -> None:
    found = regime(kind, accuracy_class=accuracy_class, parameters=parameters)
    assert (found.period_months, found.missing) == (months, missing)


# Months are calendar months from the day that the regime counts from.
@pytest.mark.parametrize(
    ("kind", "accuracy_class", "parameters", "start", "end"),
    [
        ("water_meter", "2", {"dn": 15.0, "q3": 2.5}, date(2020, 5, 1), date(2026, 5, 1)),
        ("diaphragm_gas_meter", "1.5", {"qmax": 2.5, "gas": "natural"}, date(2016, 2, 29), date(2026, 2, 28)),
        ("electricity_meter", "1", {}, date(2020, 2, 29), date(2028, 2, 29)),
        ("fuel_dispenser", None, {}, date(2026, 8, 31), date(2027, 2, 28)),
        ("digital_indicating_scale", "III", {}, date(2026, 3, 15), date(2027, 3, 15)),
        ("ev_dc_charger", "1", {}, date(2024, 2, 29), date(2027, 2, 28)),
        ("resistance_thermometer", "A", {}, date(2026, 1, 31), date(2027, 1, 31)),
    ],
)
def test_the_dates_that_follow(
    kind: str, accuracy_class: str | None, parameters: Parameters, start: date, end: date
) -> None:
    months = regime(kind, accuracy_class=accuracy_class, parameters=parameters).period_months
    assert months is not None
    assert add_months(start, months) == end


@pytest.mark.parametrize(
    ("kind", "day", "document"),
    [
        ("water_meter", date(2001, 1, 1), "JJG 162-2009"),
        ("water_meter", date(2020, 3, 30), "JJG 162-2009"),
        ("water_meter", date(2020, 3, 31), "JJG 162-2019"),
        ("taximeter", date(2017, 5, 29), "JJG 517-2009"),
        ("taximeter", date(2017, 5, 30), "JJG 517-2016"),
        ("pressure_gauge", date(2000, 1, 1), "JJG 52-2013"),
    ],
)
def test_the_edition_is_the_newest_in_force_and_before_the_first_the_first(kind: str, day: date, document: str) -> None:
    assert CATALOGUE.kind(kind).edition_on(day).document == document


# Days in force as the title pages of the regulations have them.
@pytest.mark.parametrize(
    ("kind", "in_force"),
    [
        ("water_meter", date(2020, 3, 31)),
        ("electricity_meter", date(2013, 4, 8)),
        ("heat_meter", date(2025, 4, 19)),
        ("fuel_dispenser", date(2024, 5, 1)),
        ("digital_indicating_scale", date(2017, 5, 30)),
        ("truck_scale", date(2017, 5, 30)),
        ("taximeter", date(2017, 5, 30)),
        ("pressure_gauge", date(2013, 12, 27)),
        ("pressure_transmitter", date(2020, 3, 31)),
        ("combustible_gas_detector", date(2011, 12, 14)),
        ("carbon_monoxide_alarm", date(2009, 6, 22)),
        ("automated_sphygmomanometer", date(2010, 11, 11)),
        ("ev_ac_charger", date(2022, 12, 28)),
        ("ev_dc_charger", date(2022, 12, 28)),
        ("breath_alcohol_analyser", date(2020, 3, 27)),
        ("clinical_glass_thermometer", date(2020, 3, 31)),
        ("weights", date(2023, 6, 7)),
    ],
)
def test_editions_are_in_force_from_the_day_on_their_title_page(kind: str, in_force: date) -> None:
    assert CATALOGUE.kind(kind).editions[-1].in_force == in_force


@pytest.mark.parametrize("kind", ["diaphragm_gas_meter", "sphygmomanometer"])
def test_an_edition_whose_day_was_recalled_says_so(kind: str) -> None:
    assert CATALOGUE.kind(kind).editions[-1].confidence is Confidence.LOW


def test_the_required_ratio_is_a_fact_of_the_kind() -> None:
    # JJG 52: the standard's permissible error at most a quarter of the gauge's. JJF 1094-2002, 5.3.1.4: a third.
    gauge = CATALOGUE.kind("pressure_gauge").edition_on(TODAY).ratio
    meter = CATALOGUE.kind("water_meter").edition_on(TODAY).ratio
    assert gauge is not None
    assert meter is not None
    assert (gauge.at_most, gauge.basis) == (0.25, RatioBasis.STANDARD_MPE)
    assert (meter.at_most, meter.basis) == (pytest.approx(1.0 / 3.0), RatioBasis.TEST_UNCERTAINTY)


@pytest.mark.parametrize("kind", sorted(CATALOGUE.kinds))
def test_every_edition_says_how_it_is_tested(kind: str) -> None:
    for edition in CATALOGUE.kind(kind).editions:
        assert edition.ratio is not None
        assert edition.procedure is not None
        assert edition.usual_uncertainty is not None
        assert edition.regulated_points or not edition.limits


@pytest.mark.parametrize(
    ("state", "orders", "period", "before_use"),
    [
        (DeviceState.IN_USE, True, PeriodEffect.RUNS, BeforeUse.NOTHING),
        (DeviceState.STORED, False, PeriodEffect.RUNS, BeforeUse.VERIFICATION),
        (DeviceState.UNDER_REPAIR, False, PeriodEffect.ENDS, BeforeUse.VERIFICATION),
        (DeviceState.OUT_OF_SERVICE, False, PeriodEffect.RUNS, BeforeUse.VERIFICATION),
        (DeviceState.SCRAPPED, False, PeriodEffect.ENDS, BeforeUse.NEVER),
    ],
)
def test_what_a_state_does_to_the_period(
    state: DeviceState, orders: bool, period: PeriodEffect, before_use: BeforeUse
) -> None:
    for kind in CATALOGUE.kinds.values():
        effect = kind.editions[-1].states[state]
        assert (effect.orders, effect.period, effect.before_use) == (orders, period, before_use)


def test_an_unknown_class_is_refused_with_the_classes_there_are() -> None:
    with pytest.raises(CatalogueError, match=r"0\.2S, 0\.5S, 1, 2"):
        regime("electricity_meter", accuracy_class="C")


def test_an_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(CatalogueError, match="did you mean 'qmax'"):
        regime("diaphragm_gas_meter", parameters={"q_max": 2.5})
