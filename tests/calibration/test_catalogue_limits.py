"""Each kind's limits at regulated points, against numbers typed from the document that the test names."""

from collections.abc import Mapping
from datetime import date

import pytest

from steelyard.calibration.catalogue import CatalogueError, builtin_catalogue
from steelyard.calibration.mpe import MaximumPermissibleError, Phase, limits_at

CATALOGUE = builtin_catalogue()
TODAY = date(2026, 11, 1)
DN20 = {"dn": 20.0, "q3": 2.5, "r": 100.0}
G25 = {"qmax": 4.0, "qmin": 0.025, "gas": "natural"}


def mpe_of(
    kind: str,
    accuracy_class: str | None = None,
    parameters: Mapping[str, float | str] | None = None,
    *,
    unit: str | None = None,
    span: tuple[float, float] | None = None,
    e: float | None = None,
) -> MaximumPermissibleError:
    found = (
        CATALOGUE.kind(kind)
        .edition_on(TODAY)
        .mpe_for(
            accuracy_class=accuracy_class,
            parameters=parameters or {},
            unit=unit,
            range_low=None if span is None else span[0],
            range_high=None if span is None else span[1],
            scale_interval=e,
        )
    )
    assert found is not None
    return found


def upper(mpe: MaximumPermissibleError, at: float | Mapping[str, float], phase: Phase = Phase.SUBSEQUENT) -> float:
    """The upper limit; the lower one must mirror it."""
    limits = limits_at(mpe, at, phase=phase)
    assert limits.lower == -limits.upper
    return limits.upper


# OIML R 49-1:2013, 4.2 and JJG 162-2019: class 2 is 5 % from Q1 to Q2 and 2 % from Q2 to Q4, class 1 is 3 % and 1 %;
# Q1 = Q3/R, Q2 = 1.6 Q1, Q4 = 1.25 Q3. In use twice (JJG 162-2019). Q3 = 2.5 m3/h, R = 100: Q1 = 0.025 m3/h.
@pytest.mark.parametrize(
    ("accuracy_class", "flow", "percent"),
    [("2", 0.025, 5.0), ("2", 0.0399, 5.0), ("2", 0.04, 2.0), ("2", 3.125, 2.0), ("1", 0.025, 3.0), ("1", 2.5, 1.0)],
)
def test_water_meters_err_by_zones_of_the_flow(accuracy_class: str, flow: float, percent: float) -> None:
    mpe = mpe_of("water_meter", accuracy_class, DN20)
    assert mpe.limit_unit == "%"
    assert upper(mpe, {"value": 10.0, "flow": flow}, Phase.FIRST) == pytest.approx(percent)
    assert upper(mpe, {"value": 10.0, "flow": flow}) == pytest.approx(percent)
    assert upper(mpe, {"value": 10.0, "flow": flow}, Phase.IN_USE) == pytest.approx(2.0 * percent)


# OIML R 137-1:2012, 5.3: class 1.5 is 3 % below qt and 1.5 % from qt on, class 1.0 is 2 % and 1 %; in service twice.
# GB/T 6968-2019: qt = 0.1 qmax.
@pytest.mark.parametrize(
    ("kind", "accuracy_class", "flow", "percent"),
    [
        ("diaphragm_gas_meter", "1.5", 0.025, 3.0),
        ("diaphragm_gas_meter", "1.5", 0.4, 1.5),
        ("diaphragm_gas_meter", None, 4.0, 1.5),
        ("ultrasonic_gas_meter", "1.5", 0.39, 3.0),
        ("ultrasonic_gas_meter", "1.0", 0.39, 2.0),
        ("ultrasonic_gas_meter", "1.0", 4.0, 1.0),
    ],
)
def test_gas_meters_err_by_zones_of_the_flow(
    kind: str, accuracy_class: str | None, flow: float, percent: float
) -> None:
    mpe = mpe_of(kind, accuracy_class, G25)
    assert mpe.limit_unit == "%"
    assert upper(mpe, {"flow": flow}) == pytest.approx(percent)
    assert upper(mpe, {"flow": flow}, Phase.IN_USE) == pytest.approx(2.0 * percent)


# JJG 596-2012, limits of the basic error at power factor 1 (recalled): class 1 connected directly 1.5 % from 0.05 Ib
# and 1.0 % from 0.1 Ib; class 0.5S through transformers 1.0 % from 0.01 In and 0.5 % from 0.05 In.
@pytest.mark.parametrize(
    ("accuracy_class", "connection", "ib", "current", "percent"),
    [
        ("1", "direct", 5.0, 0.25, 1.5),
        ("1", "直接接入", 5.0, 60.0, 1.0),
        ("2", "direct", 5.0, 0.5, 2.0),
        ("0.5S", "transformer", 1.5, 0.015, 1.0),
        ("0.2S", "经互感器", 1.5, 6.0, 0.2),
    ],
)
def test_electricity_meters_err_by_zones_of_the_current(
    accuracy_class: str, connection: str, ib: float, current: float, percent: float
) -> None:
    imax = 60.0 if ib == 5.0 else 6.0
    mpe = mpe_of("electricity_meter", accuracy_class, {"ib": ib, "imax": imax, "connection": connection})
    assert mpe.limit_unit == "%"
    assert upper(mpe, {"current": current}) == pytest.approx(percent)


# JJG 596-2012: the class index is the limit in percent at reference load.
@pytest.mark.parametrize(("accuracy_class", "limit"), [("0.2S", 0.2), ("0.5S", 0.5), ("1", 1.0), ("2", 2.0)])
def test_an_electricity_meter_without_currents_has_its_class_index(accuracy_class: str, limit: float) -> None:
    assert upper(mpe_of("electricity_meter", accuracy_class), 100.0) == pytest.approx(limit)
    assert upper(mpe_of("electricity_meter", accuracy_class, unit="W"), 100.0) == pytest.approx(limit)


# OIML R 75-1:2002, 9.2: flow sensor 2 + 0.02 qp/q, pair of sensors 0.5 + 3 dTmin/dT, calculator 0.5 + dTmin/dT; for
# class 2 at qp/q = 10 and dT = 10 dTmin: 2.2 + 0.8 + 0.6.
def test_a_heat_meter_errs_by_the_sum_of_its_parts() -> None:
    mpe = mpe_of("heat_meter", "2", {"qp": 10.0, "dtmin": 3.0})
    assert upper(mpe, {"flow": 1.0, "temperature_difference": 30.0}) == pytest.approx(3.6)


def test_a_fuel_dispenser_errs_by_three_tenths_of_a_percent() -> None:
    # JJG 443-2023: 0.30 % of the volume; of 20 L that is 0.06 L.
    mpe = mpe_of("fuel_dispenser", unit="L")
    assert upper(mpe, 20.0) == pytest.approx(0.06)
    assert upper(mpe, 20.0, Phase.FIRST) == pytest.approx(0.06)


# OIML R 76-1:2006, table 6: class III 0.5 e to 500 e, 1.0 e to 2,000 e, 1.5 e to 10,000 e; class IIII to 50 e, 200 e
# and 1,000 e.
# 3.5.2: in service twice.
@pytest.mark.parametrize(
    ("kind", "accuracy_class", "e", "load", "limit"),
    [
        ("digital_indicating_scale", "III", 1.0, 500.0, 0.5),
        ("digital_indicating_scale", "Ⅲ级", 1.0, 501.0, 1.0),
        ("digital_indicating_scale", "III", 0.5, 1_500.0, 0.75),
        ("digital_indicating_scale", "IIII", 0.5, 25.0, 0.25),
        ("digital_indicating_scale", "IIII", 0.5, 100.0, 0.5),
        ("truck_scale", "III", 20.0, 10_000.0, 10.0),
        ("truck_scale", "III", 20.0, 40_000.0, 20.0),
        ("truck_scale", "III", 20.0, 60_000.0, 30.0),
    ],
)
def test_scales_err_by_steps_of_their_interval(
    kind: str, accuracy_class: str, e: float, load: float, limit: float
) -> None:
    mpe = mpe_of(kind, accuracy_class, unit="kg", span=(0.0, 60_000.0), e=e)
    assert (mpe.unit, mpe.limit_unit) == ("kg", "kg")
    assert upper(mpe, load) == pytest.approx(limit)
    assert upper(mpe, load, Phase.IN_USE) == pytest.approx(2.0 * limit)


def test_the_interval_of_a_scale_may_stand_among_its_parameters() -> None:
    assert upper(mpe_of("digital_indicating_scale", "III", {"e": 0.2}, unit="kg", span=(0.0, 600.0)), 600.0) == (
        pytest.approx(0.3)
    )


@pytest.mark.parametrize("day", [date(2015, 1, 1), TODAY])
def test_a_taximeter_may_show_four_percent_less_and_one_more(day: date) -> None:
    # JJG 517-2016, 5.2: distance after installation from -4.0 % to +1.0 %.
    mpe = (
        CATALOGUE.kind("taximeter")
        .edition_on(day)
        .mpe_for(accuracy_class=None, parameters={}, unit="km", range_low=None, range_high=None, scale_interval=None)
    )
    assert mpe is not None
    assert limits_at(mpe, 10.0) == pytest.approx((-0.4, 0.1))


# JJG 52-2013, 5.1: the class in percent of the span; from 90 % of the scale on 1.6, 2.5, 4.0, 4.0.
@pytest.mark.parametrize(
    ("accuracy_class", "at", "percent"),
    [("1.0", 1.0, 1.0), ("1.6", 1.43, 1.6), ("1.5", 1.0, 1.6), ("1.6", 1.44, 2.5), ("2.5", 1.6, 4.0), ("4", 1.6, 4.0)],
)
def test_a_gauge_from_zero_is_one_class_wider_in_its_last_tenth(accuracy_class: str, at: float, percent: float) -> None:
    mpe = mpe_of("pressure_gauge", accuracy_class, unit="MPa", span=(0.0, 1.6))
    assert upper(mpe, at) == pytest.approx(percent / 100.0 * 1.6)


def test_a_vacuum_gauge_has_its_class_over_the_whole_scale() -> None:
    # EN 837-1: the class in percent of the span, here 0.6 MPa.
    mpe = mpe_of("pressure_gauge", "1.6", unit="MPa", span=(-0.1, 0.5))
    assert upper(mpe, 0.5) == pytest.approx(0.0096)
    assert upper(mpe, -0.1) == pytest.approx(0.0096)


def test_a_pressure_transmitter_errs_by_its_class_in_percent_of_span() -> None:
    # JJG 882-2019, accuracy classes (recalled): 0.5 % of 1.6 MPa is 0.008 MPa, of 1,600 kPa 8 kPa.
    assert upper(mpe_of("pressure_transmitter", "0.5", unit="MPa", span=(0.0, 1.6)), 0.4) == pytest.approx(0.008)
    assert upper(mpe_of("pressure_transmitter", "0.5", unit="kPa", span=(0.0, 1600.0)), 0.4) == pytest.approx(8.0)


def test_a_gas_detector_errs_by_five_percent_of_full_scale() -> None:
    # JJG 693-2011: 5 % of full scale, at any concentration.
    mpe = mpe_of("combustible_gas_detector", unit="%", span=(0.0, 60.0))
    assert upper(mpe, 6.0) == upper(mpe, 60.0) == pytest.approx(3.0)


@pytest.mark.parametrize(("concentration", "limit"), [(10.0, 5.0), (50.0, 5.0), (60.0, 6.0), (500.0, 50.0)])
@pytest.mark.parametrize("unit", ["umol/mol", "[ppm]"])
def test_of_a_carbon_monoxide_alarm_either_limit_suffices(concentration: float, limit: float, unit: str) -> None:
    # JJG 915-2008, 3.2: 5 umol/mol absolute, 10 % relative, either of them.
    assert upper(mpe_of("carbon_monoxide_alarm", unit=unit), concentration) == pytest.approx(limit)


def test_a_sphygmomanometer_has_other_limits_at_zero() -> None:
    # JJG 270-2008, 3.1.1: zero from -0.2 kPa to +0.5 kPa; elsewhere 0.5 kPa.
    mpe = mpe_of("sphygmomanometer", unit="kPa", span=(0.0, 40.0))
    assert limits_at(mpe, 0.0) == (-0.2, 0.5)
    assert limits_at(mpe, 16.0) == (-0.5, 0.5)


def test_a_sphygmomanometer_in_millimetres_of_mercury_has_its_limits_in_kilopascal() -> None:
    mpe = mpe_of("sphygmomanometer", unit="mm[Hg]", span=(0.0, 300.0))
    assert (mpe.unit, mpe.limit_unit) == ("mm[Hg]", "kPa")
    assert limits_at(mpe, 120.0) == (-0.5, 0.5)


def test_an_automated_sphygmomanometer_is_stricter_at_its_first_verification() -> None:
    # JJG 692-2010: 0.4 kPa at the first verification, 0.5 kPa later and in use.
    mpe = mpe_of("automated_sphygmomanometer", unit="kPa")
    assert [upper(mpe, 13.3, phase) for phase in Phase] == [0.4, 0.5, 0.5]


@pytest.mark.parametrize("kind", ["ev_ac_charger", "ev_dc_charger"])
@pytest.mark.parametrize(("accuracy_class", "limit"), [("1", 0.2), ("2", 0.4)])
def test_chargers_err_by_their_class_in_percent(kind: str, accuracy_class: str, limit: float) -> None:
    # JJG 1148-2022 and 1149-2022, working error: of 20 kW.h one or two percent.
    assert upper(mpe_of(kind, accuracy_class, unit="kW.h"), 20.0) == pytest.approx(limit)


def test_a_clinical_thermometer_may_read_lower_more_than_higher() -> None:
    # JJG 111-2019 (recalled): +0.10 degC, -0.15 degC.
    assert limits_at(mpe_of("clinical_glass_thermometer"), 37.0, phase=Phase.FIRST) == (-0.15, 0.1)


# OIML R 111-1:2004, table 1, in mg.
@pytest.mark.parametrize(
    ("accuracy_class", "unit", "nominal", "milligrams"),
    [("E2", "g", 1000.0, 1.6), ("F1", "kg", 20.0, 100.0), ("M1", "kg", 20.0, 1000.0), ("M1", "mg", 5.0, 0.2),
     ("M12", "kg", 1000.0, 100_000.0), ("M3", "g", 1.0, 10.0)],
)  # fmt: skip
def test_weights_have_a_limit_for_each_nominal_value(
    accuracy_class: str, unit: str, nominal: float, milligrams: float
) -> None:
    mpe = mpe_of("weights", accuracy_class, unit=unit)
    assert mpe.limit_unit == "mg"
    assert upper(mpe, nominal) == pytest.approx(milligrams)


# IEC 60751:2022: 0.1 + 0.0017 |t|, 0.15 + 0.002 |t|, 0.3 + 0.005 |t|, 0.6 + 0.01 |t|.
@pytest.mark.parametrize(("accuracy_class", "limit"), [("AA", 0.27), ("A", 0.35), ("B", 0.8), ("C", 1.6)])
def test_resistance_thermometers_have_the_tolerance_of_their_class(accuracy_class: str, limit: float) -> None:
    assert upper(mpe_of("resistance_thermometer", accuracy_class), 100.0) == pytest.approx(limit)


@pytest.mark.parametrize("kind", ["breath_alcohol_analyser", "thermo_hygrometer"])
def test_where_a_document_gives_no_limits_there_are_none(kind: str) -> None:
    edition = CATALOGUE.kind(kind).edition_on(TODAY)
    found = edition.mpe_for(
        accuracy_class=None, parameters={}, unit=None, range_low=0.0, range_high=1.0, scale_interval=None
    )
    assert found is None


@pytest.mark.parametrize(
    ("kind", "accuracy_class", "parameters", "told"),
    [
        ("water_meter", None, DN20, "accuracy_class.* is missing; there are 1, 2"),
        (
            "water_meter",
            "2",
            {"dn": 20.0, "q3": 2.5},
            r"water_meter: r: is missing; JJG 162-2019 needs the ratio",
        ),
        ("water_meter", "3", DN20, "'3'.*there are 1, 2"),
        ("water_meter", "2", {"dn": 20.0, "q_3": 2.5}, "did you mean 'q3'"),
        ("water_meter", "2", {"dn": 20.0, "q3": "DN20"}, "give the permanent flow rate Q3 as a number"),
        ("diaphragm_gas_meter", None, {"qmax": 4.0}, "qmin.*needs the minimum flow rate in m3/h"),
        ("diaphragm_gas_meter", None, {**G25, "gas": "steam"}, "give the gas that it measures: natural or other"),
        ("digital_indicating_scale", "III", {}, "needs the verification scale interval"),
        ("pressure_gauge", "1.6", {}, "range_low.*needs the lower end of the measuring range"),
        ("combustible_gas_detector", None, {}, "span.*needs the measuring range"),
    ],
)
def test_what_is_missing_or_unknown_is_named(
    kind: str, accuracy_class: str | None, parameters: Mapping[str, float | str], told: str
) -> None:
    with pytest.raises(CatalogueError, match=told):
        mpe_of(kind, accuracy_class, parameters)


@pytest.mark.parametrize(
    ("kind", "unit"), [("water_meter", "kg"), ("carbon_monoxide_alarm", "%"), ("weights", "furlong")]
)
def test_a_unit_of_something_else_is_refused(kind: str, unit: str) -> None:
    with pytest.raises(CatalogueError, match=unit):
        mpe_of(kind, None, unit=unit)


def test_regulated_points_follow_the_name_plate() -> None:
    edition = CATALOGUE.kind("water_meter").edition_on(TODAY)
    points = edition.test_points_for(accuracy_class="2", parameters=DN20)
    # JJG 162-2019: Q1 = 0.025, Q2 = 0.04, Q3 = 2.5 m3/h.
    assert [point["flow"] for point in points] == pytest.approx([0.025, 0.04, 2.5])


def test_regulated_points_beyond_the_range_are_left_out() -> None:
    edition = CATALOGUE.kind("digital_indicating_scale").edition_on(TODAY)
    points = edition.test_points_for(
        accuracy_class="III", parameters={}, unit="kg", range_low=0.0, range_high=1_000.0, scale_interval=1.0
    )
    assert [point["value"] for point in points] == [20.0, 500.0, 1_000.0]


def test_a_device_that_does_not_say_enough_has_no_regulated_points() -> None:
    edition = CATALOGUE.kind("water_meter").edition_on(TODAY)
    assert edition.test_points_for(accuracy_class="2", parameters={}) == ()
