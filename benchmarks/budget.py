"""How fast uncertainty budgets are: Monte Carlo beside bare NumPy, live uncertainty of many instruments at once.

    OMP_NUM_THREADS=1 python benchmarks/budget.py [--trials 1000000] [--repeat 7] [--peers PYTHON]

`--peers` names the Python of another environment that has suncal and metrolopy (GPL; they stay out of ours); each then
evaluates the same model once. Bare NumPy draws the same distributions, evaluates the same formula on whole arrays and
takes mean, standard deviation and the symmetric interval from them; both run in turn, and the fastest of each counts.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from steelyard.calibration.engine.budget.model import parse_model
from steelyard.calibration.engine.budget.propagation import propagate
from steelyard.calibration.engine.budget.quantities import Quantity, distributed, known
from steelyard.calibration.engine.distributions.bounded import Arcsine, Rectangular
from steelyard.calibration.engine.montecarlo.simulation import simulate

# JCGM 100:2008, H.1, in nm; the GUM's standard uncertainties.
MODEL = "l = ls + d - ls*(d_alpha*theta + alpha_s*d_theta); d = d0 + d1 + d2; theta = theta_bar + Delta"
LS, D0, ALPHA, THETA = 50000623.0, 215.0, 11.5e-6, -0.1


def quantities() -> dict[str, Quantity]:
    return {
        "ls": known(LS, 25.0, 18.0),
        "d0": known(D0, 5.8, 24.0),
        "d1": known(0.0, 3.9, 5.0),
        "d2": known(0.0, 6.7, 8.0),
        "alpha_s": distributed(Rectangular(lower=9.5e-6, upper=13.5e-6)),
        "d_alpha": distributed(Rectangular(lower=-1e-6, upper=1e-6)),
        "theta_bar": known(THETA, 0.2),
        "Delta": distributed(Arcsine(lower=-0.5, upper=0.5)),
        "d_theta": distributed(Rectangular(lower=-0.05, upper=0.05)),
    }


def bare_numpy(trials: int, seed: int) -> tuple[float, ...]:
    draw = np.random.default_rng(seed)
    ls = LS + 25.0 * draw.standard_t(18.0, trials)
    d0 = D0 + 5.8 * draw.standard_t(24.0, trials)
    d1 = 3.9 * draw.standard_t(5.0, trials)
    d2 = 6.7 * draw.standard_t(8.0, trials)
    alpha_s = draw.uniform(9.5e-6, 13.5e-6, trials)
    d_alpha = draw.uniform(-1e-6, 1e-6, trials)
    theta_bar = draw.normal(THETA, 0.2, trials)
    delta = 0.5 * np.sin(draw.uniform(0.0, 2.0 * np.pi, trials))
    d_theta = draw.uniform(-0.05, 0.05, trials)
    length = ls + (d0 + d1 + d2) - ls * (d_alpha * (theta_bar + delta) + alpha_s * d_theta)
    low, high = np.quantile(length, [0.005, 0.995])
    return float(length.mean()), float(length.std(ddof=1)), float(low), float(high)


def monte_carlo(trials: int, seed: int) -> tuple[float, ...]:
    given = quantities()
    model = parse_model(MODEL, quantities=list(given))
    found = simulate(model, given, trials=trials, coverage_probability=0.99, seed=seed).outputs[0]
    return found.value, found.standard_uncertainty, *found.intervals.symmetric


def fastest(jobs: dict[str, Callable[[int], object]], repeat: int) -> dict[str, float]:
    """Seconds of the fastest of `repeat` runs of each, in turn."""
    best = dict.fromkeys(jobs, float("inf"))
    for seed in range(repeat):
        for name, job in jobs.items():
            start = time.perf_counter()
            job(seed)
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def live(instruments: int, repeat: int) -> tuple[float, float]:
    """Seconds for that many budgets of ten inputs at once, and for one of them alone."""
    draw = np.random.default_rng(1)
    text = "y = (x + c0 + c1*(t - t_ref) + drift*age)*(1 + gain)*span + zero - hysteresis"
    names = ("x", "c0", "c1", "t", "t_ref", "drift", "age", "gain", "span", "zero", "hysteresis")
    model = parse_model(text, quantities=names)
    values = {name: draw.normal(1.0, 0.1, instruments) for name in names}
    uncertain = {name: draw.uniform(0.001, 0.01, instruments) for name in names if name != "t_ref"}
    nu = {"zero": np.full(instruments, 9.0)}

    def many(_: int) -> object:
        return propagate(model, values, uncertain, degrees_of_freedom=nu)

    one = {name: each[0] for name, each in values.items()}
    one_u = {name: each[0] for name, each in uncertain.items()}

    def single(_: int) -> object:
        return propagate(model, one, one_u, degrees_of_freedom={"zero": 9.0})

    best = fastest({"many": many, "single": single}, repeat)
    return best["many"], best["single"]


PEER_PROGRAM = """
import sys, time, warnings
warnings.filterwarnings("ignore")
trials = int(sys.argv[1])
try:
    from importlib.metadata import version
    import suncal
    def by_suncal():
        model = suncal.Model("l = ls + d0 + d1 + d2 - ls*(d_alpha*(theta_bar + Delta) + alpha_s*d_theta)")
        var = model.var
        var("ls").measure(50000623).typeb(std=25, degf=18)
        var("d0").measure(215).typeb(std=5.8, degf=24)
        var("d1").measure(0).typeb(std=3.9, degf=5)
        var("d2").measure(0).typeb(std=6.7, degf=8)
        var("alpha_s").measure(11.5e-6).typeb(dist="uniform", a=2e-6)
        var("d_alpha").measure(0).typeb(dist="uniform", a=1e-6)
        var("theta_bar").measure(-0.1).typeb(std=0.2)
        var("Delta").measure(0).typeb(dist="arcsine", a=0.5)
        var("d_theta").measure(0).typeb(dist="uniform", a=0.05)
        result = model.monte_carlo(samples=trials)
        return result.uncertainty
    start = time.perf_counter(); found = by_suncal()
    print("suncal", version("suncal"), time.perf_counter() - start, found, sep="|")
except Exception as error:
    print("suncal", "-", "nan", repr(error)[:200], sep="|")
try:
    from importlib.metadata import version
    import metrolopy as uc
    def by_metrolopy():
        ls = uc.gummy(50000623, 25, dof=18); d0 = uc.gummy(215, 5.8, dof=24)
        d1 = uc.gummy(0, 3.9, dof=5); d2 = uc.gummy(0, 6.7, dof=8)
        alpha_s = uc.gummy(uc.UniformDist(center=11.5e-6, half_width=2e-6))
        d_alpha = uc.gummy(uc.UniformDist(center=0, half_width=1e-6))
        theta_bar = uc.gummy(-0.1, 0.2); delta = uc.gummy(uc.ArcSinDist(center=0, half_width=0.5))
        d_theta = uc.gummy(uc.UniformDist(center=0, half_width=0.05))
        length = ls + d0 + d1 + d2 - ls*(d_alpha*(theta_bar + delta) + alpha_s*d_theta)
        length.sim(n=trials)
        return length.usim
    start = time.perf_counter(); found = by_metrolopy()
    print("metrolopy", version("metrolopy"), time.perf_counter() - start, found, sep="|")
except Exception as error:
    print("metrolopy", "-", "nan", repr(error)[:200], sep="|")
"""


def peers(python: Path, trials: int) -> None:
    done = subprocess.run(
        [str(python), "-c", PEER_PROGRAM, str(trials)], capture_output=True, text=True, check=False, timeout=600
    )
    for line in done.stdout.splitlines():
        if line.count("|") == 3:
            name, version, seconds, found = line.split("|")
            print(f"  {name + ' ' + version:<28}{1e3 * float(seconds):>10.0f} ms   {found}")
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--instruments", type=int, default=10_000)
    parser.add_argument("--peers", type=Path, help="a Python that has suncal and metrolopy")
    arguments = parser.parse_args()
    trials = arguments.trials

    print(f"GUM H.1, {trials} Monte Carlo trials, p = 0.99 (fastest of {arguments.repeat})")
    best = fastest(
        {"bare NumPy": lambda seed: bare_numpy(trials, seed), "Steelyard": lambda seed: monte_carlo(trials, seed)},
        arguments.repeat,
    )
    for name, result in (("bare NumPy", bare_numpy(trials, 0)), ("Steelyard", monte_carlo(trials, 0))):
        y, u, low, high = result
        print(f"  {name:<28}{1e3 * best[name]:>10.0f} ms   y = {y:.2f}, u = {u:.3f}, [{low:.1f}, {high:.1f}]")
    print(f"  {'ratio':<28}{best['Steelyard'] / best['bare NumPy']:>10.2f}")
    if arguments.peers is not None:
        peers(arguments.peers, trials)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    monte_carlo(20 * trials, 1)
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"  {f'Steelyard, {20 * trials} trials':<28}{1e3 * seconds:>10.0f} ms   {grown:.0f} MiB more than before")

    many, single = live(arguments.instruments, arguments.repeat)
    print(f"live uncertainty, {arguments.instruments} budgets of ten inputs in one call")
    print(f"  {'one call for all':<28}{1e3 * many:>10.2f} ms   {arguments.instruments / many:,.0f} readings/s")
    print(f"  {'one call for each':<28}{1e6 * single:>10.0f} us   {1.0 / single:,.0f} readings/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
