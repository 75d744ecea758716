"""How fast a fleet's errors are learned, followed and forecast, and how good the forecasts are where truth is known.

    python benchmarks/fleet.py [--instruments 1000000] [--observations 24] [--workers 2] [--peers PYTHON]
                               [--only speed,peers,coverage,orders,detection]

`--peers` is the interpreter of another environment with simdkalman and statsmodels (python -m venv DIR; DIR/bin/pip
install simdkalman statsmodels); without it, or where one is missing, that is printed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steelyard.calibration.engine.fleet.detection import design_watch, first_alarms, longest_delay
from steelyard.calibration.engine.fleet.drift_learning import learn_parameters
from steelyard.calibration.engine.fleet.forecast import forecast, probability_outside, years_until_doubtful
from steelyard.calibration.engine.fleet.parameters import DriftParameters, new_instruments
from steelyard.calibration.engine.fleet.update import Observations, update

MODELS = 4
TRUTH = DriftParameters(
    noise=np.linspace(0.25, 0.5, MODELS)[:, None],
    wander=np.linspace(0.15, 0.3, MODELS)[:, None],
    rate=np.linspace(-0.1, 0.15, MODELS)[:, None],
    rate_spread=np.linspace(0.1, 0.25, MODELS)[:, None],
    scale_freedom=np.full(MODELS, 8.0),
    outlying=np.full(MODELS, 3.0),
    tail_scale=np.ones(MODELS),
    tail_freedom=np.full(MODELS, np.inf),
)
MPE = 3.0

PEERS = """
import sys, time
import numpy as np
data = np.load(sys.argv[1])
y, noise, wander, spread = data["y"], float(data["noise"]), float(data["wander"]), float(data["spread"])
try:
    import simdkalman
except ModuleNotFoundError:
    print("simdkalman: not installed there")
else:
    f = simdkalman.KalmanFilter(state_transition=np.array([[1.0, 1.0], [0.0, 1.0]]),
        process_noise=np.diag([wander**2, 1e-12]), observation_model=np.array([[1.0, 0.0]]), observation_noise=noise**2)
    best = np.inf
    for _ in range(3):
        begin = time.perf_counter()
        f.compute(y, 0, filtered=True, smoothed=False, initial_value=np.zeros(2),
            initial_covariance=np.diag([noise**2, spread**2]))
        best = min(best, time.perf_counter() - begin)
    print(f"simdkalman: {best / len(y) * 1e6:.2f} us an instrument")
try:
    from statsmodels.tsa.statespace.structural import UnobservedComponents
except ModuleNotFoundError:
    print("statsmodels: not installed there")
else:
    begin = time.perf_counter()
    for row in y[:100]:
        UnobservedComponents(row, "local linear trend").filter([noise**2, wander**2, 1e-12])
    print(f"statsmodels: {(time.perf_counter() - begin) / 100 * 1e6:.0f} us an instrument")
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """Observations of a fleet and the truth after the last of them."""

    model: np.ndarray
    start: np.ndarray
    observations: Observations
    error: np.ndarray
    rate: np.ndarray
    scale: np.ndarray


def simulate(instruments: int, events: int, seed: int, *, mistyped: float = 0.0) -> Fleet:
    """Irregular calibrations, half of which adjust; written in place, so that memory is that of the data."""
    rng = np.random.default_rng(seed)
    model = rng.integers(0, MODELS, instruments)
    scale = np.sqrt(8.0 / rng.chisquare(8.0, instruments))
    noise, wander = TRUTH.noise[model, 0] * scale, TRUTH.wander[model, 0] * scale
    rate = TRUTH.rate[model, 0] + TRUTH.rate_spread[model, 0] * scale * rng.normal(size=instruments)
    t, observed = np.empty((instruments, events)), np.empty((instruments, events, 1))
    adjusted = np.empty((instruments, events), np.bool_)
    now, error = np.zeros(instruments), noise * rng.normal(size=instruments)
    for k in range(events):
        step = rng.uniform(0.3, 1.7, instruments)
        now = now + step
        error = error + rate * step + wander * np.sqrt(step) * rng.normal(size=instruments)
        wrong = np.where(rng.random(instruments) < mistyped, 100.0 * noise, 0.0) if mistyped else 0.0
        y = error + noise * rng.normal(size=instruments) + wrong
        t[:, k], observed[:, k, 0], adjusted[:, k] = now, y, rng.random(instruments) < 0.5
        error = error - np.where(adjusted[:, k], y, 0.0)
    return Fleet(
        model=model,
        start=np.zeros(instruments),
        observations=Observations(t=t, error=observed, adjusted=adjusted),
        error=error,
        rate=rate,
        scale=scale,
    )


def speed(instruments: int, observations: int, workers: int) -> None:
    print("instruments x observations   learning  filtering  forecast  due date     sum, s  filter us/each  RSS GiB")
    for n, k in ((instruments // 4, observations), (instruments, observations // 2), (instruments, observations)):
        fleet = simulate(n, k, 1)
        begun = time.perf_counter()
        times = [begun]
        parameters = learn_parameters(fleet.model, fleet.start, fleet.observations, rng=np.random.default_rng(1))
        times.append(time.perf_counter())
        begin = new_instruments(parameters, fleet.model, fleet.start)
        state = update(parameters, begin, fleet.observations, workers=workers)
        times.append(time.perf_counter())
        probability_outside(forecast(parameters, state, 1.0), MPE)
        times.append(time.perf_counter())
        years_until_doubtful(parameters, state, MPE, probability=0.05, longest=10.0)
        times.append(time.perf_counter())
        learning, filtering, ahead, due = np.diff(times)
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{n:>12,} x {k:<11} {learning:9.2f}  {filtering:9.2f}  {ahead:8.2f}  {due:8.2f}  {times[-1] - begun:9.2f}"
            f"  {filtering / n * 1e6:14.2f}  {rss:7.2f}"
        )


def peers(python: Path | None) -> None:
    fleet = simulate(20_000, 24, 2)
    state = new_instruments(TRUTH, fleet.model, fleet.start)
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        update(TRUTH, state, fleet.observations)
        best = min(best, time.perf_counter() - begin)
    print(f"\nsteelyard, one thread, irregular times, adjustments, scale and outliers: {best / 20_000 * 1e6:.2f} us")
    if python is None:
        print("peers: give --peers PYTHON, an interpreter with simdkalman and statsmodels")
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "data.npz"
        np.savez(path, y=fleet.observations.error[:, :, 0], noise=0.3, wander=0.2, spread=0.15)
        print("the same observations, as if at regular times (neither takes others), level and trend, filter alone:")
        subprocess.run([python, "-c", PEERS, path], check=True)


def coverage(instruments: int) -> None:
    print("\ncoverage of the 95 % interval of the true error, parameters learned, by years ahead")
    for share in (0.0, 0.01):
        fleet = simulate(instruments, 6, 3, mistyped=share)
        parameters = learn_parameters(fleet.model, fleet.start, fleet.observations, rng=np.random.default_rng(1))
        state = update(parameters, new_instruments(parameters, fleet.model, fleet.start), fleet.observations)
        rng, line = np.random.default_rng(4), []
        # An instrument adjusted by a mistyped result really is off by it, until the next calibration shows that.
        sound = np.abs(fleet.error) < 50.0 * TRUTH.noise[fleet.model, 0] * fleet.scale
        for years in (0.0, 0.5, 1.0, 2.0, 5.0):
            wander = TRUTH.wander[fleet.model, 0] * fleet.scale * np.sqrt(years) * rng.normal(size=instruments)
            ahead = forecast(parameters, state, years)
            low, high = ahead.quantile(0.025)[:, 0], ahead.quantile(0.975)[:, 0]
            truth = fleet.error + fleet.rate * years + wander
            line.append(f"{years:g}: {np.mean(((truth >= low) & (truth <= high))[sound]) * 100:.2f} %")
        print(f"  {share:4.0%} mistyped   " + "   ".join(line))
    print(f"  sampling error {np.sqrt(0.95 * 0.05 / instruments) * 100:.2f} % (one standard deviation)")


def orders(instruments: int) -> None:
    longest, step = 10.0, 0.05
    fleet = simulate(instruments, 6, 5)
    state = update(TRUTH, new_instruments(TRUTH, fleet.model, fleet.start), fleet.observations)
    rng, error = np.random.default_rng(6), fleet.error.copy()
    crossing = np.where(np.abs(error) > MPE, 0.0, np.inf)
    wander = TRUTH.wander[fleet.model, 0] * fleet.scale * np.sqrt(step)
    for k in range(1, int((longest + 5.0) / step) + 1):
        error += fleet.rate * step + wander * rng.normal(size=instruments)
        crossing = np.where(np.isinf(crossing) & (np.abs(error) > MPE), k * step, crossing)
    crossed, inside = (crossing > 0.0) & (crossing <= longest), crossing > 0.0
    print(f"\nwork orders and true crossings of the MPE within {longest:g} years ({crossed.mean():.1%} of instruments)")
    print(
        "order at P(|error| > MPE) of   before the crossing   needless (no crossing in the 5 years after)   mean years"
    )
    for limit in (0.1, 0.05, 0.02, 0.01, 0.005):
        due = years_until_doubtful(TRUTH, state, MPE, probability=limit, longest=longest)
        ordered = inside & (due < longest)
        print(
            f"{limit:>29.1%}   {np.mean(due[crossed] <= crossing[crossed]):>19.1%}"
            f"   {np.mean(crossing[ordered] > due[ordered] + 5.0):>43.1%}   {due[inside].mean():10.2f}"
        )


def detection(instruments: int) -> None:
    print("\ndetection of a sudden step: mean observations until the alarm (upper bound by the integral equation)")
    print("false alarms per observation   found, no step        1 sigma          2 sigma          3 sigma")
    rng = np.random.default_rng(7)
    for rate in (1 / 100, 1 / 370, 1 / 1000, 1 / 10_000):
        watch = design_watch(rate)
        quiet = first_alarms(watch, rng.normal(size=(instruments, 500))).index
        found = np.count_nonzero(quiet >= 0) / np.where(quiet >= 0, quiet + 1, 500).sum()
        cells = []
        for step in (1.0, 2.0, 3.0):
            z = rng.normal(size=(instruments, 150))
            z[:, 50:] += step
            index = first_alarms(watch, z).index
            cells.append(f"{np.mean(index[index >= 50] - 49):6.2f} ({longest_delay(watch, step):5.2f})")
        print(f"{'1 / ' + format(1 / rate, ',.0f'):>28}   1 / {1 / max(found, 1e-12):<10,.0f}  " + "  ".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instruments", type=int, default=1_000_000)
    parser.add_argument("--observations", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peers", type=Path, default=None)
    parser.add_argument("--only", default="speed,peers,coverage,orders,detection")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if "speed" in chosen:
        speed(arguments.instruments, arguments.observations, arguments.workers)
    if "peers" in chosen:
        peers(arguments.peers)
    if "coverage" in chosen:
        coverage(40_000)
    if "orders" in chosen:
        orders(20_000)
    if "detection" in chosen:
        detection(20_000)


if __name__ == "__main__":
    main()
