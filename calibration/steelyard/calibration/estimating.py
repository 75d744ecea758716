"""From tracks to error estimates: the engine run over a whole fleet, its results back in the law's units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from steelyard.calibration.engine.tracking.change import ChangeDesign, decision_interval
from steelyard.calibration.engine.tracking.drift import NOISE_UNCERTAINTY, SuddenChange, filter_fleet
from steelyard.calibration.engine.tracking.forecast import (
    COVERAGE_FACTOR_95,
    DAYS_PER_YEAR,
    ErrorForecast,
    forecast,
    rate_significance,
)
from steelyard.calibration.engine.tracking.priors import OBSERVED_RATE_FACTOR, DriftPrior
from steelyard.calibration.engine.tracking.state import DriftParameters, ErrorState, Floats
from steelyard.calibration.fleet_priors import FleetPriors, KindPrior
from steelyard.calibration.mpe import Limits, Phase
from steelyard.calibration.settings import CalibrationSettings
from steelyard.calibration.tracks import YEAR_NS, Scale, Track, limits_of, padded, scale_of
from steelyard.calibration.verification.assessment import Assumed, ErrorEstimate, Forecast, Jump
from steelyard.calibration.verification.observations import ObservationStage
from steelyard.calibration.verification.regime import LegalStatus

CUSUM_REFERENCE_VALUE = 0.5
"""Sigma; makes the chart most sensitive to a lasting shift by one sigma of the daily means."""
_FORECAST_STEP_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """What the engine found about one instrument: state and parameters (arrays of length 1), sudden changes.

    `assumed` is what its kind was taken to be like before anything was seen of it.
    """

    legal: LegalStatus
    track: Track
    assumed: KindPrior
    state: ErrorState
    parameters: DriftParameters
    changes: tuple[SuddenChange, ...]


def change_design(settings: CalibrationSettings) -> ChangeDesign:
    """The jump detector that daily data and the stated rate of false alarms ask for."""
    return ChangeDesign(k=CUSUM_REFERENCE_VALUE, h=_decision_interval(settings.false_jump_years))


@lru_cache(maxsize=16)
def _decision_interval(false_jump_years: float) -> float:
    """Kept: it takes a quarter of a second."""
    days = false_jump_years * DAYS_PER_YEAR
    return decision_interval(CUSUM_REFERENCE_VALUE, days, sigma_uncertainty=NOISE_UNCERTAINTY)


def estimate_fleet(
    tracks: Sequence[tuple[LegalStatus, Track]], priors: FleetPriors, design: ChangeDesign
) -> list[Estimated]:
    """Filter all tracks at once."""
    if not tracks:
        return []
    assumed = [priors.of(track.kind) for _, track in tracks]
    parameters = _parameters([track for _, track in tracks], [one.prior for one in assumed])
    fleet = filter_fleet(padded([track for _, track in tracks]), parameters, design)
    changes: dict[int, list[SuddenChange]] = {}
    for change in fleet.changes:
        changes.setdefault(change.row, []).append(change)
    found = []
    for row, (legal, track) in enumerate(tracks):
        this = np.array([row], dtype=np.intp)
        found.append(
            Estimated(
                legal=legal,
                track=track,
                assumed=assumed[row],
                state=fleet.state.take(this),
                parameters=parameters.take(this),
                changes=tuple(changes.get(row, ())),
            )
        )
    return found


def estimates_at(
    found: Sequence[Estimated], jumps_since_ns: Sequence[int], *, now_ns: int, settings: CalibrationSettings
) -> list[ErrorEstimate]:
    """Carry the states to `now_ns` and forecast from there, all instruments at once; results in the MPE's units.

    `jumps_since_ns` is from when on each instrument's jumps count. An instrument observed later than `now_ns` is
    carried to that observation's time.
    """
    if not found:
        return []
    state = ErrorState(
        **{f.name: np.concatenate([getattr(one.state, f.name) for one in found]) for f in fields(ErrorState)}
    )
    parameters = DriftParameters(
        **{f.name: np.concatenate([getattr(one.parameters, f.name) for one in found]) for f in fields(DriftParameters)}
    )
    scales = [scale_of(one.legal.mpe, one.track.last) for one in found]
    limits = [limits_of(one.legal.mpe, one.track.last, phase=Phase.IN_USE) for one in found]
    pairs = list(zip(limits, scales, strict=True))
    days = np.append(np.arange(0.0, settings.horizon_days, _FORECAST_STEP_DAYS), float(settings.horizon_days))
    lower = np.array([(limit.lower - scale.centre) / scale.half_width for limit, scale in pairs])
    upper = np.array([(limit.upper - scale.centre) / scale.half_width for limit, scale in pairs])
    now = np.maximum(now_ns / YEAR_NS, state.t)
    ahead = forecast(state, parameters, now=now, days=days, lower=lower, upper=upper)
    then = forecast(state, parameters, now=state.t, days=np.zeros(1), lower=lower, upper=upper)
    significant = rate_significance(state) >= settings.drift_significance
    return [
        replace(
            _estimate(one, ahead, row, pairs[row], drifting=bool(significant[row]), since_ns=jumps_since_ns[row]),
            probability_when_observed=float(then.probability[0, row]),
        )
        for row, one in enumerate(found)
    ]


def _estimate(
    found: Estimated, ahead: ErrorForecast, row: int, pair: tuple[Limits, Scale], *, drifting: bool, since_ns: int
) -> ErrorEstimate:
    limits, scale = pair
    last, width = found.track.last, scale.half_width
    mean = ahead.mean[:, row] * width + scale.centre
    u = ahead.standard_uncertainty[:, row] * width
    return ErrorEstimate(
        channel=found.legal.channel,
        test_point=last.test_point,
        test_point_unit=found.legal.mpe.unit,
        unit=last.unit,
        error=float(mean[0]),
        standard_uncertainty=float(u[0]),
        mpe_lower=limits.lower,
        mpe_upper=limits.upper,
        rate_per_year=float(found.state.rate[0]) * width,
        rate_standard_uncertainty=float(np.sqrt(found.state.v_rr[0])) * width,
        drift_significant=drifting,
        probability_out_of_tolerance=float(ahead.probability[0, row]),
        observation_count=len(found.track.t),
        last_observation_ns=last.t_ns,
        forecast=Forecast(
            days=tuple(ahead.days.tolist()),
            mean=tuple(mean.tolist()),
            lower=tuple((mean - COVERAGE_FACTOR_95 * u).tolist()),
            upper=tuple((mean + COVERAGE_FACTOR_95 * u).tolist()),
            probability=tuple(ahead.probability[:, row].tolist()),
        ),
        jump=_largest_jump(found.changes, width, since_ns),
        in_service=last.stage is ObservationStage.IN_SERVICE,
        assumed=Assumed(
            error=float(found.parameters.level[0]) * width,
            rate_per_year=float(found.parameters.rate[0]) * width,
            wander=float(found.parameters.wander[0]) * width,
            instruments=found.assumed.instruments,
            certificates=found.assumed.certificates,
        ),
    )


def _largest_jump(changes: Sequence[SuddenChange], width: float, since_ns: int) -> Jump | None:
    counted = [change for change in changes if change.t * YEAR_NS >= since_ns]
    if not counted:
        return None
    largest = max(counted, key=lambda change: abs(change.size))
    return Jump(
        t_ns=round(largest.t * YEAR_NS),
        detected_ns=round(largest.detected_t * YEAR_NS),
        size=largest.size * width,
        standard_uncertainty=largest.standard_uncertainty * width,
    )


def _parameters(tracks: Sequence[Track], priors: Sequence[DriftPrior]) -> DriftParameters:
    def array(values: Iterable[float]) -> Floats:
        return np.array(list(values), dtype=np.float64)

    observed = array(OBSERVED_RATE_FACTOR if any(track.pair) else 1.0 for track in tracks)
    return DriftParameters(
        level_mean=array(track.expected for track in tracks),
        level=array(prior.level for prior in priors),
        rate=array(prior.rate for prior in priors) * observed,
        wander=array(prior.wander for prior in priors),
        rate_wander=array(prior.rate_wander for prior in priors),
        noise=array(prior.noise for prior in priors),
        reference=array(track.reference for track in tracks),
    )
