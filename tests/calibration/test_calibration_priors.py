"""What a fleet's certificates teach of its kinds of instrument."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from calibration.cases import event, legal, ns, point
from calibration.fleet import channel, instrument
from calibration.fleets import parameters
from calibration.memory_ports import MemoryStores

from steelyard.calibration.engine.tracking.change import ChangeDesign
from steelyard.calibration.engine.tracking.drift import ErrorRecord, filter_fleet
from steelyard.calibration.engine.tracking.prior_learning import learn_prior
from steelyard.calibration.engine.tracking.priors import DEFAULT_PRIOR, prior_of
from steelyard.calibration.engine.tracking.state import level_at
from steelyard.calibration.fleet_priors import LEAST_INSTRUMENTS, FleetPriors, first_day_of_quarter
from steelyard.calibration.service import CalibrationService
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.tracks import InstrumentRecord, build_track
from steelyard.calibration.verification.certificates import certificate_observations
from steelyard.contracts.identifiers import InstrumentKind

TODAY = date(2026, 11, 21)
U = 0.1


def fleet(n, k, *, level, rate, wander, mistyped=0.0, seed=1):
    """Certificates of N instruments about once a year, and the true levels after the last; MPE and years."""
    rng = np.random.default_rng(seed)
    t = 50.0 + np.cumsum(rng.uniform(0.5, 1.5, (n, k)), axis=1)
    step = np.diff(t, axis=1, prepend=t[:, :1])
    moved = rate * rng.normal(size=(n, 1)) * step + wander * np.sqrt(step) * rng.normal(size=(n, k))
    truth = level * rng.normal(size=(n, 1)) + np.cumsum(moved, axis=1)
    seen = truth + U * rng.normal(size=(n, k)) + np.where(rng.random((n, k)) < mistyped, 100.0 * U, 0.0)
    no = np.zeros((n, k), np.bool_)
    record = ErrorRecord(t=t, error=seen, noise=np.full((n, k), U), pair=no, adjusted=no, count=np.full(n, k))
    return record, truth


@pytest.mark.parametrize("mistyped", [0.0, 0.02])
@pytest.mark.parametrize(("level", "rate", "wander"), [(0.2, 0.05, 0.05), (0.5, 0.8, 0.3)])
def test_a_large_fleet_shows_what_it_is_like(level, rate, wander, mistyped):
    record, _ = fleet(1000, 8, level=level, rate=rate, wander=wander, mistyped=mistyped)
    found = learn_prior(record, np.zeros(1000), DEFAULT_PRIOR)
    assert found.level == pytest.approx(level, rel=0.25)
    assert found.rate == pytest.approx(rate, rel=0.25)
    # A mistyped certificate in fifty looks a little like wander: more than that it must not do.
    assert found.wander == pytest.approx(wander, rel=0.25, abs=0.06 * (mistyped > 0.0))
    assert found.noise == DEFAULT_PRIOR.noise


def test_a_handful_of_instruments_changes_little():
    record, _ = fleet(2, 2, level=0.05, rate=0.01, wander=0.01)
    found = learn_prior(record, np.zeros(2), DEFAULT_PRIOR)
    assert DEFAULT_PRIOR.rate / 2.0 < found.rate < DEFAULT_PRIOR.rate


def test_the_order_of_instruments_does_not_matter():
    record, _ = fleet(50, 4, level=0.3, rate=0.2, wander=0.1)
    turned = record.take(np.arange(50)[::-1])
    one, other = (learn_prior(each, np.zeros(50), DEFAULT_PRIOR) for each in (record, turned))
    assert one.rate == pytest.approx(other.rate, rel=1e-6)


def test_pair_observations_are_refused():
    record, _ = fleet(3, 3, level=0.3, rate=0.2, wander=0.1)
    with pytest.raises(ValueError, match="pair"):
        learn_prior(replace(record, pair=np.ones((3, 3), np.bool_)), np.zeros(3), DEFAULT_PRIOR)


def test_learned_priors_forecast_a_quiet_fleet_sharper_and_still_honestly():
    """One year ahead, from three certificates each; learned from other instruments."""
    taught, _ = fleet(400, 4, level=0.2, rate=0.05, wander=0.05, seed=2)
    learned = learn_prior(taught, np.zeros(400), DEFAULT_PRIOR)
    record, truth = fleet(4000, 4, level=0.2, rate=0.05, wander=0.05, seed=3)
    known = replace(record, count=np.full(4000, 3))
    width = {}
    for name, prior in (("learned", learned), ("table", DEFAULT_PRIOR)):
        taken = parameters(
            4000, level=prior.level, rate=prior.rate, wander=prior.wander, rate_wander=prior.rate_wander, reference=0.0
        )
        state = filter_fleet(known, taken, ChangeDesign(k=0.5, h=9.35)).state
        mean, variance = level_at(state, taken, record.t[:, 3])
        inside = np.abs(truth[:, 3] - mean) < 1.96 * np.sqrt(variance)
        width[name] = (float(np.mean(np.sqrt(variance))), float(np.mean(inside)))
    assert 0.94 <= width["learned"][1] <= 0.97
    assert width["learned"][0] < 0.5 * width["table"][0]


@pytest.mark.parametrize(
    ("day", "first"),
    [
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 3, 31), date(2026, 1, 1)),
        (date(2026, 12, 31), date(2026, 10, 1)),
    ],
)
def test_a_quarter_begins_on_its_first_day(day, first):
    assert first_day_of_quarter(day) == first


def certificates(name, *, years=4, last=date(2026, 8, 1), seed=0):
    """An instrument seen every year until `last`; errors of some 0.1 MPE (0.008 MPa)."""
    rng = np.random.default_rng(seed)
    found = []
    for year in range(years):
        day = last - timedelta(days=365 * (years - 1 - year))
        found.append(event(day, point(0.8, 0.0008 * rng.normal(), expanded=0.0004), instrument=name))
    return found


def track(name, **more):
    status = legal(instrument=name)
    events = tuple(certificates(name, **more))
    seen = [one for each in events for one in certificate_observations(each, status, utc_offset_minutes=480)]
    return build_track(
        InstrumentRecord(legal=status, kind="pressure_gauge", pair=None, events=events, observations=tuple(seen))
    )


def test_too_few_instruments_leave_the_table_and_one_more_replaces_it():
    tracks = [track(f"pg-{number}", seed=number) for number in range(LEAST_INSTRUMENTS)]
    priors = FleetPriors(480)
    assert not priors.learn(tracks[1:], TODAY)
    assert (priors.of("pressure_gauge").prior, priors.of("pressure_gauge").instruments) == (
        prior_of("pressure_gauge"),
        0,
    )
    assert priors.learn(tracks, TODAY)
    learned = priors.of("pressure_gauge")
    assert (learned.instruments, learned.certificates) == (LEAST_INSTRUMENTS, 4 * LEAST_INSTRUMENTS)
    assert learned.prior.rate < prior_of("pressure_gauge").rate
    assert priors.of("digital_indicating_scale").instruments == 0


def test_as_found_and_as_left_are_one_certificate():
    """Seen once and adjusted, an instrument has shown nothing of its drift."""
    status = legal()
    kept = event(date(2026, 3, 1), point(0.8, 0.006, 0.001))
    seen = certificate_observations(kept, status, utc_offset_minutes=480)
    once = build_track(
        InstrumentRecord(legal=status, kind="pressure_gauge", pair=None, events=(kept,), observations=seen)
    )
    assert not FleetPriors(480).learn([once] * LEAST_INSTRUMENTS, TODAY)


def test_a_quarter_is_judged_alike_and_a_restart_learns_the_same():
    tracks = [track(f"pg-{number}", seed=number) for number in range(20)]
    priors = FleetPriors(480)
    assert priors.learn(tracks, TODAY)
    before = priors.of("pressure_gauge")
    # A certificate of this quarter counts from the next on.
    news = [track("pg-0", seed=0, years=5, last=date(2026, 11, 1)), *tracks[1:]]
    assert not priors.learn(news, TODAY + timedelta(days=30))
    anew = FleetPriors(480)
    anew.learn(tracks, TODAY + timedelta(days=30))
    assert anew.of("pressure_gauge") == before
    assert priors.learn(news, date(2027, 1, 1))
    assert priors.of("pressure_gauge").certificates == before.certificates + 1


def test_the_service_judges_a_new_instrument_by_its_kind():
    stores = MemoryStores.empty()

    def add(name, events):
        stores.registry.instrument_list.append(instrument(name, InstrumentKind("pressure_gauge")))
        stores.registry.channel_list.append(channel(name, "pressure", "MPa", 0.0001))
        stores.registry.legal[name] = legal(instrument=name)
        stores.add_events(events)

    add("pg-new", certificates("pg-new", years=1))
    service = CalibrationService(
        registry=stores.registry,
        verification=stores.verification,
        orders=stores.orders,
        readings=stores.readings,
        settings=CalibrationSettings(),
    )
    service.run_once(ns(2026, 11, 21))
    alone = stores.verification.latest_assessments()["pg-new"].estimate
    for number in range(30):
        add(f"pg-{number}", certificates(f"pg-{number}", seed=number))
    service.run_once(ns(2026, 11, 21, 1))
    among = stores.verification.latest_assessments()["pg-new"].estimate
    assert (alone.assumed.instruments, among.assumed.instruments) == (0, 30)
    assert among.assumed.rate_per_year < alone.assumed.rate_per_year
    assert among.forecast.probability[-1] < alone.forecast.probability[-1]
    assert among.observation_count == alone.observation_count == 1
