"""Synthetic histories with the features of real ones, for the tests of the fleet engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEADER = "class,instrument,quantity,unit,previous_calibration,calibration,test_point,as_found_error"


def write_history(
    path: Path,
    *,
    seed: int = 1,
    instruments: int = 30,
    prefix: str = "i",
    quantities: tuple[str, ...] = ("temperature",),
) -> Path:
    """Write a history: noise that alternates in sign, instruments of different spread, a laboratory, gross errors."""
    path.write_text("\n".join([HEADER, *history_rows(seed, instruments, prefix, quantities)]) + "\n")
    return path


def history_rows(seed: int, instruments: int, prefix: str, quantities: tuple[str, ...]) -> list[str]:
    rng = np.random.default_rng(seed)
    lines = []
    for quantity in quantities:
        fractions = np.array([0.25, 0.5, 1.0])
        for i in range(instruments):
            model, full_scale = ("narrow", 40.0) if i % 3 else ("wide", 80.0)
            spread = (1.0 if i % 3 else 3.0) * rng.lognormal(0.0, 0.3)
            day = int(rng.integers(0, 900))
            noise = spread * rng.normal(size=3)
            for _ in range(int(rng.integers(2, 7))):
                after = day + int(rng.integers(200, 800))
                new_noise = spread * rng.normal(size=3) * (30.0 if rng.random() < 0.02 else 1.0)
                wander = 0.4 * spread * np.sqrt((after - day) / 365.25) * rng.standard_t(4)
                errors = (wander + noise - new_noise) * full_scale * 1e-5
                dates = [str(np.datetime64("2012-01-01") + d).replace("-", "") for d in (day, after)]
                lines += [
                    f"{model},{prefix}{i:03d},{quantity},u,{dates[0]},{dates[1]},{f * full_scale:g},{e:.9g}"
                    for f, e in zip(fractions, errors, strict=True)
                ]
                day, noise = after, new_noise
    return lines
