"""Which observations count, and how large they are in units of the MPE."""

from dataclasses import replace
from datetime import date

import pytest
from calibration.cases import event, legal, ns, point
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.errors import LegalDataError, MpeError, ObservationError
from steelyard.calibration.mpe import Absolute, MaximumPermissibleError, Phase, Relative, parse_mpe
from steelyard.calibration.tracks import InstrumentRecord, build_track, limits_of
from steelyard.calibration.verification.certificates import certificate_observations
from steelyard.calibration.verification.events import EventKind
from steelyard.calibration.verification.observations import (
    ErrorObservation,
    ObservationSource,
    ObservationStage,
    ReferencePair,
)

PAIR = ReferencePair(
    instrument="pt-1",
    channel="pressure",
    reference_instrument="pg-1",
    reference_channel="pressure",
    expanded_uncertainty=0.0016,
)


def daily(t_ns, error, *, test_point=0.8, u=0.0001, unit="MPa", channel="pressure"):
    return ErrorObservation(
        instrument="pt-1",
        channel=channel,
        t_ns=t_ns,
        error=error,
        standard_uncertainty=u,
        test_point=test_point,
        unit=unit,
        source=ObservationSource.REFERENCE_PAIR,
    )


def record(*events, observations=(), pair=None, status=None):
    status = status or legal()
    from_events = [one for e in events for one in certificate_observations(e, status, utc_offset_minutes=480)]
    return InstrumentRecord(
        legal=status,
        kind="pressure_transmitter",
        pair=pair,
        events=events,
        observations=(*from_events, *observations),
    )


def track(*events, **more):
    built = build_track(record(*events, **more))
    assert built is not None
    return built


def test_an_instrument_never_observed_has_no_track():
    assert build_track(record()) is None
    assert build_track(record(event(date(2026, 1, 1)))) is None


def test_errors_become_parts_of_the_mpe():
    built = track(event(date(2026, 1, 1), point(0.8, 0.004)))
    assert built.error == pytest.approx((0.5,))
    assert built.noise == pytest.approx((0.0006 / 0.008,))


def test_the_point_nearest_to_its_limit_stands_for_the_instrument():
    first = event(date(2025, 1, 1), point(0.4, 0.001), point(0.8, 0.002), point(1.2, 0.003))
    second = event(date(2026, 1, 1), point(0.4, -0.005), point(0.8, 0.002), point(1.2, 0.003))
    built = track(first, second)
    assert built.last.test_point == 0.4
    assert built.error == pytest.approx((0.125, -0.625))


def test_with_a_pair_the_working_point_stands_for_the_instrument():
    certificate = event(date(2026, 1, 1), point(0.4, -0.005), point(0.8, 0.002))
    built = track(certificate, observations=[daily(ns(2026, 1, 5), 0.0021, test_point=0.9)], pair=PAIR)
    assert built.error == pytest.approx((0.25, 0.2625))
    assert built.pair == (False, True)
    assert built.reference == pytest.approx(0.1)


def test_pair_observations_count_only_while_the_pair_is_registered():
    seen = [daily(ns(2026, 1, 5), 0.002)]
    assert build_track(record(observations=seen)) is None
    assert track(observations=seen, pair=PAIR).pair == (True,)


def test_observations_of_another_channel_do_not_count():
    assert build_track(record(observations=[daily(ns(2026, 1, 5), 0.1, channel="energy")], pair=PAIR)) is None


def test_an_adjustment_is_two_observations_and_a_reset():
    built = track(event(date(2026, 1, 1), point(0.8, 0.007, 0.001)), event(date(2026, 6, 1), point(0.8, 0.002)))
    assert built.error == pytest.approx((0.875, 0.125, 0.25))
    assert built.adjusted == (False, True, False)


def test_a_repair_resets_even_without_as_found():
    repaired = event(date(2026, 6, 1), point(0.8, None, 0.001), kind=EventKind.AFTER_REPAIR)
    built = track(event(date(2026, 1, 1), point(0.8, 0.002)), repaired)
    assert built.adjusted == (False, True)


def test_what_is_found_after_a_repair_is_a_reset_too():
    repaired = event(date(2026, 6, 1), point(0.8, 0.001), kind=EventKind.AFTER_REPAIR)
    built = track(event(date(2026, 1, 1), point(0.8, 0.024)), repaired)
    assert built.adjusted == (False, True)
    both = event(date(2026, 6, 1), point(0.8, 0.024, 0.001), kind=EventKind.AFTER_REPAIR)
    assert track(both).adjusted == (False, True)


def test_a_first_certificate_is_no_adjustment():
    assert track(event(date(2026, 1, 1), point(0.8, None, 0.001))).adjusted == (False,)


def test_the_day_of_an_adjustment_belongs_to_the_certificate():
    adjusted = event(date(2026, 6, 1), point(0.8, 0.007, 0.001))
    seen = [daily(ns(2026, 5, 30), 0.007), daily(ns(2026, 6, 1, 9), 0.004), daily(ns(2026, 6, 3), 0.001)]
    built = track(adjusted, observations=seen, pair=PAIR)
    assert len(built.t) == 4
    assert built.pair == (True, False, False, True)


def test_a_silent_certificate_is_taken_at_the_largest_lawful_uncertainty():
    built = track(event(date(2026, 1, 1), point(0.8, 0.002, expanded=None)))
    assert built.noise == pytest.approx((1.0 / 6.0,))


def test_asymmetric_limits_are_centred():
    status = legal(mpe=MaximumPermissibleError(unit="km", rule=Relative(percent=1.0, lower_percent=4.0), source="t"))
    built = build_track(record(event(date(2026, 1, 1), point(10.0, 0.1, unit="km")), status=status))
    assert built is not None
    assert built.error == pytest.approx((1.0,))
    assert built.expected == pytest.approx(0.6)


def test_relative_errors_meet_relative_limits():
    mpe = MaximumPermissibleError(unit="W", rule=Relative(percent=1.0), source="t", in_use_factor=2.0)
    seen = daily(ns(2026, 1, 1), 0.5, test_point=-40_000.0, unit="%")
    assert limits_of(mpe, seen) == pytest.approx((-1.0, 1.0))
    assert limits_of(mpe, seen, phase=Phase.IN_USE) == pytest.approx((-2.0, 2.0))
    assert limits_of(mpe, replace(seen, unit="W", error=200.0)) == pytest.approx((-400.0, 400.0))


def test_limits_in_another_unit_meet_errors_in_each():
    # OIML R 111-1:2004, table 1: 20 kg of class F1 within 100 mg.
    weight = parse_mpe({"table": "oiml-r111", "class": "F1", "unit": "kg"}, "test")
    seen = daily(ns(2026, 1, 1), 0.5, test_point=20.0, unit="mg")
    assert limits_of(weight, seen) == (-100.0, 100.0)
    assert limits_of(weight, replace(seen, unit="kg")) == pytest.approx((-1e-4, 1e-4))
    assert limits_of(weight, replace(seen, unit="%")) == pytest.approx((-5e-4, 5e-4))
    percent = MaximumPermissibleError(unit="m3", limit_unit="%", rule=Absolute(limit=2.0), source="t")
    assert limits_of(percent, replace(seen, unit="m3")) == pytest.approx((-0.4, 0.4))
    with pytest.raises(ObservationError, match="must not be zero"):
        limits_of(percent, replace(seen, unit="m3", test_point=0.0))


@pytest.mark.parametrize(("upper", "lower", "expected"), [(4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (1.0, 4.0, 0.6)])
def test_an_unknown_error_is_expected_at_zero_or_between_limits_of_which_one_is_zero(upper, lower, expected):
    status = legal(mpe=MaximumPermissibleError(unit="km", rule=Absolute(limit=upper, lower_limit=lower), source="t"))
    built = build_track(record(event(date(2026, 1, 1), point(10.0, 0.0, unit="km")), status=status))
    assert built is not None
    assert built.expected == pytest.approx(expected)
    assert built.error == pytest.approx(((0.0 - (upper - lower) / 2.0) / ((upper + lower) / 2.0),))


def test_percent_of_humidity_is_not_percent_of_a_value():
    mpe = MaximumPermissibleError(unit="%", rule=Absolute(limit=3.0), source="t")
    assert limits_of(mpe, daily(0, 1.0, test_point=50.0, unit="%")) == (-3.0, 3.0)


def test_another_unit_is_refused():
    with pytest.raises(ObservationError, match="unit"):
        limits_of(legal().mpe, daily(0, 1.0, unit="bar"))
    with pytest.raises(LegalDataError, match="unit"):
        certificate_observations(event(date(2026, 1, 1), point(0.8, 0.1, unit="bar")), legal(), utc_offset_minutes=0)


def test_a_point_where_the_mpe_is_silent_is_refused():
    status = legal(mpe=parse_mpe({"table": "oiml-r76", "class": "III", "e": 1, "unit": "kg"}, "test"))
    with pytest.raises(MpeError, match="zones reach"):
        build_track(record(event(date(2026, 1, 1), point(20_000.0, 0.5, unit="kg")), status=status))


@pytest.mark.parametrize(
    "useless",
    [
        point(0.0, 0.0, unit="W"),
        point(0.0, 0.0, unit="%"),
        point(1e-20, 1e300, unit="W"),
        point(1e-310, 0.1, unit="%"),
        point(60_000.0, 1e300, unit="%"),
        point(60_000.0, 0.1, unit="%", expanded=1e300),
    ],
)
def test_a_point_that_says_nothing_is_left_out_and_the_others_count(useless):
    """A zero point stands on many certificates; a slip of the pen stops nobody else's assessment."""
    status = legal(mpe=MaximumPermissibleError(unit="W", rule=Relative(percent=1.0), source="t"))
    good = point(40_000.0, 0.3, unit="%", expanded=0.1)
    certificates = (event(date(2025, 1, 1), good), event(date(2026, 1, 1), useless, good))
    built = track(*certificates, event(date(2026, 6, 1), useless), status=status)
    assert built.error == pytest.approx((0.3, 0.3))
    assert len(built.refused) == 1
    with pytest.raises((MpeError, ObservationError)):
        build_track(record(event(date(2026, 6, 1), useless), status=status))


def test_no_uncertainty_is_so_small_that_its_square_is_lost():
    certificates = [event(date(year, 1, 1), point(0.8, 0.004, expanded=1e-200)) for year in (2025, 2026)]
    assert min(track(*certificates).noise) >= 1e-6


@given(st.permutations(range(6)))
def test_the_order_of_the_record_is_irrelevant(order):
    seen = [daily(ns(2026, 1, 2 + i), 0.001 * i) for i in range(6)]
    certificate = event(date(2026, 1, 4), point(0.8, 0.004, 0.0))
    straight = record(certificate, observations=seen, pair=PAIR)
    shuffled = replace(straight, observations=(*[seen[i] for i in order], *straight.observations[:2]))
    assert build_track(straight) == build_track(shuffled)


def test_a_certificate_names_its_points_stages_and_source():
    status = legal()
    both = certificate_observations(event(date(2026, 1, 1), point(0.8, 0.004, 0.0)), status, utc_offset_minutes=480)
    assert [one.stage for one in both] == [ObservationStage.AS_FOUND, ObservationStage.AS_LEFT]
    assert {one.event for one in both} == {"pt-1-2026-01-01"}
    assert both[0].t_ns == ns(2026, 1, 1, 4)
    assert both[0].standard_uncertainty == pytest.approx(0.0006)
    untouched = certificate_observations(
        event(date(2026, 1, 1), point(0.8, 0.004, 0.004)), status, utc_offset_minutes=0
    )
    assert len(untouched) == 1
    check = event(date(2026, 1, 1), point(0.8, 0.004), kind=EventKind.INTERMEDIATE_CHECK)
    (found,) = certificate_observations(check, status, utc_offset_minutes=0)
    assert found.source is ObservationSource.INTERMEDIATE_CHECK


@pytest.mark.parametrize("bad", [{"error": float("nan")}, {"standard_uncertainty": 0.0}, {"test_point": float("inf")}])
def test_an_observation_holds_numbers_and_never_a_zero_uncertainty(bad):
    values = {"t_ns": 0, "error": 0.1}
    seen = daily(**values)
    with pytest.raises(ObservationError):
        replace(seen, **bad)


@pytest.mark.parametrize(
    "bad", [{"expanded_uncertainty": 0.0}, {"coverage_factor": float("nan")}, {"reference_instrument": "pt-1"}]
)
def test_a_reference_has_an_uncertainty_and_is_another_instrument(bad):
    with pytest.raises(ObservationError):
        replace(PAIR, **bad)
