"""The built-in class tables against the printed numbers of their documents."""

import math

import numpy as np
import pytest

from steelyard.calibration.engine.sensors.platinum import PlatinumThermometer
from steelyard.calibration.mpe import Confidence, Phase, builtin_tables, failed_checks

TABLES = builtin_tables()
CLASSES = [(table, name) for table in TABLES.values() for name in table.classes]


def upper(table, accuracy_class, points, *, phase=Phase.FIRST, circumstance=None, **parameters):
    """The upper limit at one point; the lower one must mirror it."""
    found = TABLES[table].permissible_errors(
        accuracy_class, phase, points, parameters=parameters, circumstance=circumstance
    )
    assert np.all(found.covered)
    assert np.all(found.lower == -found.upper)
    return found.upper if found.upper.ndim else float(found.upper)


# IEC 60751, tables as printed (1995): t, tolerance in degC, in ohm for Pt100, class A.
PT100_A = [
    (-200, 0.55, 0.24),
    (-100, 0.35, 0.14),
    (0, 0.15, 0.06),
    (100, 0.35, 0.13),
    (200, 0.55, 0.20),
    (300, 0.75, 0.27),
    (400, 0.95, 0.33),
    (500, 1.15, 0.38),
    (600, 1.35, 0.43),
    (650, 1.45, 0.46),
]
PT100_B = [
    (-200, 1.3, 0.56),
    (-100, 0.8, 0.32),
    (0, 0.3, 0.12),
    (100, 0.8, 0.30),
    (200, 1.3, 0.48),
    (300, 1.8, 0.64),
    (400, 2.3, 0.79),
    (500, 2.8, 0.93),
    (600, 3.3, 1.06),
    (650, 3.6, 1.13),
    (700, 3.8, 1.17),
    (800, 4.3, 1.28),
    (850, 4.6, 1.34),
]


# Half a last digit; class B is printed to 0.1 degC, rounded upwards at a half, and its ohms to one unit.
@pytest.mark.parametrize(
    ("accuracy_class", "rows", "celsius", "ohm"), [("A", PT100_A, 0.005, 0.0051), ("B", PT100_B, 0.051, 0.0101)]
)
def test_platinum_thermometers_in_degrees_and_ohms(accuracy_class, rows, celsius, ohm):
    t = np.array([float(row[0]) for row in rows])
    found = upper("iec-60751", accuracy_class, {"temperature": t})
    assert found == pytest.approx([row[1] for row in rows], abs=celsius)
    assert found * PlatinumThermometer().sensitivity(t) == pytest.approx([row[2] for row in rows], abs=ohm)


# IEC 60751:2022, per point: 0, 100, 200 and 400 degC.
@pytest.mark.parametrize(
    ("accuracy_class", "printed"), [("AA", [0.10, 0.27, 0.44, 0.78]), ("C", [0.60, 1.60, 2.60, 4.60])]
)
def test_platinum_thermometers_of_the_new_classes(accuracy_class, printed):
    found = upper("iec-60751", accuracy_class, {"temperature": [0.0, 100.0, 200.0, 400.0]})
    assert found == pytest.approx(printed, abs=0.005)


def test_platinum_thermometers_have_no_tolerance_beyond_their_range():
    # IEC 60751:2008, ranges of validity (recalled).
    for table, accuracy_class, low, high in [
        ("iec-60751-wire-wound", "AA", -50, 250),
        ("iec-60751-wire-wound", "A", -100, 450),
        ("iec-60751-wire-wound", "B", -196, 600),
        ("iec-60751-wire-wound", "C", -196, 600),
        ("iec-60751-film", "AA", 0, 150),
        ("iec-60751-film", "A", -30, 300),
        ("iec-60751-film", "B", -50, 500),
        ("iec-60751-film", "C", -50, 600),
    ]:
        t = np.array([low - 1.0, low, high, high + 1.0])
        found = TABLES[table].permissible_errors(accuracy_class, Phase.FIRST, {"temperature": t})
        assert found.covered.tolist() == [False, True, True, False]
        assert TABLES[table].confidence_of(accuracy_class, Phase.FIRST) == Confidence.MEDIUM


# OIML R 76-1, tables 3 and 6: class, load in e, MPE in e. A step's last load belongs to it.
R76 = [
    (accuracy_class, load, mpe)
    for accuracy_class, *ends in [
        ("I", 50_000, 200_000, 1_000_000),
        ("II", 5_000, 20_000, 100_000),
        ("III", 500, 2_000, 10_000),
        ("IIII", 50, 200, 1_000),
    ]
    for load, mpe in zip(
        (0, ends[0], ends[0] + 1, ends[1], ends[1] + 1, ends[2]), (0.5, 0.5, 1.0, 1.0, 1.5, 1.5), strict=True
    )
]


@pytest.mark.parametrize(("accuracy_class", "load", "printed"), R76)
@pytest.mark.parametrize("e", [1.0, 0.002, 0.1, 3e-5])
def test_weighing_instruments(accuracy_class, load, printed, e):
    points = {"load": load * e}
    assert upper("oiml-r76", accuracy_class, points, e=e) == pytest.approx(printed * e)
    assert upper("oiml-r76", accuracy_class, points, phase=Phase.IN_USE, e=e) == pytest.approx(2.0 * printed * e)


def test_weighing_instruments_end_with_their_last_interval():
    found = TABLES["oiml-r76"].permissible_errors(
        "III", Phase.FIRST, {"load": [10_000.0, 10_001.0]}, parameters={"e": 1.0}
    )
    assert found.covered.tolist() == [True, False]
    assert upper("oiml-r76", "I", {"load": 1e7}, e=1.0) == 1.5


# OIML R 111-1:2004, table 1: nominal value in g, MPE in mg of E1, E2, F1, F2, M1, M1-2, M2, M2-3, M3; None: no weight.
R111 = [
    (5e6, None, None, 25000, 80000, 250000, 500000, 800000, 1600000, 2500000),
    (2e6, None, None, 10000, 30000, 100000, 200000, 300000, 600000, 1000000),
    (1e6, None, 1600, 5000, 16000, 50000, 100000, 160000, 300000, 500000),
    (5e5, None, 800, 2500, 8000, 25000, 50000, 80000, 160000, 250000),
    (2e5, None, 300, 1000, 3000, 10000, 20000, 30000, 60000, 100000),
    (1e5, None, 160, 500, 1600, 5000, 10000, 16000, 30000, 50000),
    (5e4, 25, 80, 250, 800, 2500, 5000, 8000, 16000, 25000),
    (2e4, 10, 30, 100, 300, 1000, None, 3000, None, 10000),
    (1e4, 5.0, 16, 50, 160, 500, None, 1600, None, 5000),
    (5e3, 2.5, 8.0, 25, 80, 250, None, 800, None, 2500),
    (2e3, 1.0, 3.0, 10, 30, 100, None, 300, None, 1000),
    (1e3, 0.5, 1.6, 5.0, 16, 50, None, 160, None, 500),
    (500, 0.25, 0.8, 2.5, 8.0, 25, None, 80, None, 250),
    (200, 0.10, 0.3, 1.0, 3.0, 10, None, 30, None, 100),
    (100, 0.05, 0.16, 0.5, 1.6, 5.0, None, 16, None, 50),
    (50, 0.03, 0.10, 0.3, 1.0, 3.0, None, 10, None, 30),
    (20, 0.025, 0.08, 0.25, 0.8, 2.5, None, 8.0, None, 25),
    (10, 0.020, 0.06, 0.20, 0.6, 2.0, None, 6.0, None, 20),
    (5, 0.016, 0.05, 0.16, 0.5, 1.6, None, 5.0, None, 16),
    (2, 0.012, 0.04, 0.12, 0.4, 1.2, None, 4.0, None, 12),
    (1, 0.010, 0.03, 0.10, 0.3, 1.0, None, 3.0, None, 10),
    (0.5, 0.008, 0.025, 0.08, 0.25, 0.8, None, 2.5, None, None),
    (0.2, 0.006, 0.020, 0.06, 0.20, 0.6, None, 2.0, None, None),
    (0.1, 0.005, 0.016, 0.05, 0.16, 0.5, None, 1.6, None, None),
    (0.05, 0.004, 0.012, 0.04, 0.12, 0.4, None, None, None, None),
    (0.02, 0.003, 0.010, 0.03, 0.10, 0.3, None, None, None, None),
    (0.01, 0.003, 0.008, 0.025, 0.08, 0.25, None, None, None, None),
    (0.005, 0.003, 0.006, 0.02, 0.06, 0.2, None, None, None, None),
    (0.002, 0.003, 0.006, 0.02, 0.06, 0.2, None, None, None, None),
    (0.001, 0.003, 0.006, 0.02, 0.06, 0.2, None, None, None, None),
]


@pytest.mark.parametrize(("column", "accuracy_class"), list(enumerate(TABLES["oiml-r111"].classes, start=1)))
def test_weights(column, accuracy_class):
    nominal = [row[0] for row in R111]
    found = TABLES["oiml-r111"].permissible_errors(accuracy_class, Phase.FIRST, {"nominal": nominal})
    printed = np.array([math.nan if row[column] is None else row[column] for row in R111])
    np.testing.assert_array_equal(found.upper, printed)


def test_there_is_no_tolerance_for_a_weight_that_does_not_exist():
    found = TABLES["oiml-r111"].permissible_errors("E2", Phase.FIRST, {"nominal": [3.0, 1000.0, 1e9, 1e-9]})
    assert found.covered.tolist() == [False, True, False, False]
    assert TABLES["oiml-r111"].confidence_of("F1", Phase.FIRST) == Confidence.MEDIUM  # its rows above 50 kg


def test_water_meters():
    # Directive 2014/32/EU, annex III. Q3 = 2.5 m3/h, R = 100: Q1 = 25 l/h, Q2 = 1.6 Q1, Q4 = 1.25 Q3 = 3.125 m3/h.
    q3 = 2.5
    q1, q4 = q3 / 100.0, 1.25 * q3
    assert 1000.0 * q1 == pytest.approx(25, abs=0.5)
    assert q4 == pytest.approx(3.125, abs=5e-4)
    flow = {"flow": [q1, 0.039, 0.04, 1.0, q4, 1.0], "temperature": [20.0, 20.0, 20.0, 30.0, 20.0, 31.0]}
    zones = {"Q1": q1, "Q2": 1.6 * q1, "Q4": q4}
    assert upper("mid-mi001", "2", flow, **zones).tolist() == [5.0, 5.0, 2.0, 2.0, 2.0, 3.0]
    assert upper("mid-mi001", "1", flow, **zones).tolist() == [3.0, 3.0, 1.0, 1.0, 1.0, 2.0]
    assert TABLES["mid-mi001"].confidence_of("1", Phase.FIRST) == Confidence.MEDIUM
    in_use = {"phase": Phase.IN_USE, "Q3": q3}
    assert upper("fr-2007-water-in-service", "Q3 below 16 m3/h", {"flow": [0.15, 2.5]}, **in_use).tolist() == [4.0, 4.0]
    large = {"phase": Phase.IN_USE, "Q3": 25.0}
    assert upper("fr-2007-water-in-service", "Q3 of 16 m3/h or more", {"flow": [5.0, 25.0]}, **large).tolist() == [4, 4]


# Directive 2014/32/EU, annex IV; OIML R 137: class, percent below and above Qt.
@pytest.mark.parametrize(("accuracy_class", "below", "above"), [("1.5", 3, 1.5), ("1.0", 2, 1), ("0.5", 1, 0.5)])
def test_gas_meters(accuracy_class, below, above):
    zones = {"Qmin": 0.04, "Qt": 0.6, "Qmax": 6.0}
    flow = {"flow": [0.04, 0.5, 0.6, 6.0]}
    assert upper("mid-mi002", accuracy_class, flow, **zones).tolist() == [below, below, above, above]
    in_use = upper("mid-mi002", accuracy_class, flow, phase=Phase.IN_USE, **zones)
    assert in_use.tolist() == [2 * below, 2 * below, 2 * above, 2 * above]


def test_gas_meters_in_france():
    # Arrete du 21 octobre 2010, annexe V: initial and periodic verification.
    zones = {"Qmin": 0.04, "Qmax": 6.0}
    flow = {"flow": [0.05, 0.5, 3.0]}
    for accuracy_class, first, periodic in [("diaphragm", [3, 2, 2], [4, 4, 4]), ("other", [2, 2, 1], [4, 4, 2])]:
        assert upper("fr-2010-gas", accuracy_class, flow, **zones).tolist() == first
        assert upper("fr-2010-gas", accuracy_class, flow, phase=Phase.SUBSEQUENT, **zones).tolist() == periodic


# Directive 2014/32/EU, annex V, table 2: percent at +5..+30, -10..+5 or +30..+40, -25..-10 or +40..+55, -40..-25 or
# +55..+70 degC, for currents below and from Itr, and single-phase loads of polyphase meters (recalled).
MI003 = {
    "A": ([3.5, 5, 7, 9], [3.5, 4.5, 7, 9], [4, 5, 7, 9]),
    "B": ([2, 2.5, 3.5, 4], [2, 2.5, 3.5, 4], [2.5, 3, 4, 4.5]),
    "C": ([1, 1.3, 1.7, 2], [0.7, 1, 1.3, 1.5], [1, 1.3, 1.7, 2]),
}


@pytest.mark.parametrize("accuracy_class", MI003)
def test_electricity_meters_of_the_directive(accuracy_class):
    currents = {"Imin": 0.25, "Itr": 0.5, "Imax": 80.0}
    low, full, single = MI003[accuracy_class]
    for temperatures in ([20.0, 0.0, -20.0, -30.0], [30.0, 40.0, 55.0, 70.0]):
        at = {"current": [0.3] * 4, "temperature": temperatures}
        assert upper("mid-mi003", accuracy_class, at, circumstance="balanced", **currents).tolist() == low
        at = {"current": [10.0] * 4, "temperature": temperatures}
        assert upper("mid-mi003", accuracy_class, at, circumstance="balanced", **currents).tolist() == full
        assert upper("mid-mi003", accuracy_class, at, circumstance="single-phase load", **currents).tolist() == single
    assert TABLES["mid-mi003"].confidence_of(accuracy_class, Phase.FIRST, "balanced") == Confidence.HIGH
    assert TABLES["mid-mi003"].confidence_of(accuracy_class, Phase.FIRST, "single-phase load") == Confidence.MEDIUM


def test_electricity_meters_elsewhere():
    # French in-service limits (arrete du 1er aout 2013); IEC 62053-21 and -22 (recalled).
    for accuracy_class, percent in [("A", 8.0), ("B", 4.5), ("C", 2.5), ("D", 1.0)]:
        at = {"phase": Phase.IN_USE, "Iref": 5.0, "Imax": 60.0}
        assert upper("fr-2013-electricity-in-service", accuracy_class, {"current": 10.0}, **at) == percent
    for accuracy_class, far, near in [("1", 1.5, 1.0), ("2", 2.5, 2.0)]:
        at = {"Ib": 10.0, "Imax": 60.0}
        one = upper("iec-62053-21", accuracy_class, {"current": [0.5, 1.0]}, circumstance="power factor 1", **at)
        half = {"circumstance": "power factor 0.5 inductive", **at}
        assert one.tolist() == [far, near]
        assert upper("iec-62053-21", accuracy_class, {"current": [1.0, 2.0]}, **half).tolist() == [far, near]
    for accuracy_class, far, near in [("0.2S", 0.4, 0.2), ("0.5S", 1.0, 0.5)]:
        at = {"In": 1.0, "Imax": 6.0}
        assert upper("iec-62053-22", accuracy_class, {"current": [0.01, 0.05]}, **at).tolist() == [far, near]


# Directive 2014/32/EU, annex VII, class 0.5, measuring system: V in litres, MPE in litres as printed.
@pytest.mark.parametrize(
    ("volume", "printed", "half_digit"),
    [
        (20, 0.10, 0.005),
        (0.05, 0.002, 5e-4),
        (0.15, 0.003, 5e-4),
        (0.3, 0.004, 5e-4),
        (0.5, 0.005, 5e-4),
        (1.5, 0.01, 5e-4),
    ],
)
def test_liquid_meters(volume, printed, half_digit):
    found = upper("mid-mi005", "0.5", {"volume": volume}, circumstance="measuring system")
    assert found == pytest.approx(printed, abs=half_digit)


@pytest.mark.parametrize(
    ("accuracy_class", "system", "meter"),
    [("0.3", 0.3, 0.2), ("0.5", 0.5, 0.3), ("1.0", 1.0, 0.6), ("1.5", 1.5, 1.0), ("2.5", 2.5, 1.5)],
)
def test_liquid_meters_lines_a_and_b(accuracy_class, system, meter):
    at = {"volume": 100.0}
    assert upper("mid-mi005", accuracy_class, at, circumstance="measuring system") == pytest.approx(system)
    assert upper("mid-mi005", accuracy_class, at, circumstance="meter") == pytest.approx(meter)


def test_heat_meters():
    # Directive 2014/32/EU, annex VI (recalled): class 2, qp/q = 10, difference of 30 K from at least 3 K.
    at = {"flow": 1.0, "temperature_difference": 30.0}
    given = {"qp": 10.0, "dTmin": 3.0}
    for circumstance, percent in [
        ("flow sensor", 2.2),
        ("temperature sensor pair", 0.8),
        ("calculator", 0.6),
        ("complete", 3.6),
    ]:
        assert upper("mid-mi004", "2", at, circumstance=circumstance, **given) == pytest.approx(percent, abs=1e-9)
    for accuracy_class, percent in [("1", 1.1), ("3", 3.5)]:
        found = upper("mid-mi004", accuracy_class, at, circumstance="flow sensor", **given)
        assert found == pytest.approx(percent, abs=1e-9)
    assert upper("mid-mi004", "3", {"flow": 0.01}, circumstance="flow sensor", **given) == 5.0


def test_pressure_gauges():
    # EN 837-1: class 1.6 over 0 to 10 bar, class 1.0 over -1 to 5 bar; JJG 52: the last tenth one class wider.
    assert upper("en-837", "1.6", {"pressure": 4.0}, span=10.0) == pytest.approx(0.16, abs=0.005)
    assert upper("en-837", "1.0", {"pressure": -1.0}, span=6.0) == pytest.approx(0.06, abs=0.005)
    for percent in ("0.1", "0.25", "0.6", "1.0", "1.6", "2.5", "4.0"):
        assert upper("en-837", percent, {"pressure": 50.0}, span=100.0) == pytest.approx(float(percent))
    for accuracy_class, rest, last in [("1.0", 1.0, 1.6), ("1.6", 1.6, 2.5), ("2.5", 2.5, 4.0), ("4.0", 4.0, 4.0)]:
        found = upper("jjg-52", accuracy_class, {"pressure": [0.0, 8.99, 9.0, 10.0]}, span=10.0)
        assert found == pytest.approx([0.1 * rest, 0.1 * rest, 0.1 * last, 0.1 * last])


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_says_where_it_comes_from_and_reproduces_its_check_points(table):
    assert table.source.document
    assert table.source.edition
    assert table.source.clause
    assert table.source.confidence in Confidence
    assert failed_checks(table) == ()


@pytest.mark.parametrize(("table", "accuracy_class"), CLASSES, ids=lambda each: getattr(each, "id", each))
def test_every_class_permits_something_in_some_phase(table, accuracy_class):
    circumstances = {entry.circumstance for entry in table.entries}
    phases = {phase for entry in table.entries for phase in (entry.phases or table.phase_factors)}
    for circumstance in circumstances:
        assert any(
            table.confidence_of(accuracy_class, phase, circumstance) in Confidence
            for phase in phases
            if any(
                phase in (entry.phases or table.phase_factors)
                and (not entry.classes or accuracy_class in entry.classes)
                for entry in table.entries
            )
        )


def test_a_million_test_points_take_one_call():
    loads = np.random.default_rng(1).uniform(0.0, 10_000.0, 1_000_000)
    found = upper("oiml-r76", "III", {"load": loads}, e=1.0)
    np.testing.assert_array_equal(found, np.select([loads <= 500, loads <= 2000], [0.5, 1.0], 1.5))
