"""One batch, many failures: a finding about the lot, with its numbers, not a thousand silent ones.

A lot is what one maker delivered as one batch of a model. Those of it that were verified again or checked are its
sample, whatever became of them since. It fails when so many failures would be improbable if the reliability that
JJF 1139-2005 demands still held: P(at least so many | n, 1 - R) below 5 %, and at least three.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from steelyard.calibration.verification.devices import Device, DeviceState
from steelyard.calibration.verification.standing import Standing
from steelyard.contracts.identifiers import InstrumentId

LEAST_FAILURES = 3
SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLot:
    """A batch that failed: of `size` devices `sampled`, of these `failed`; `left` serve still and have not failed."""

    kind: str
    maker: str | None
    model: str | None
    batch: str
    size: int
    sampled: int
    failed: int
    left: tuple[InstrumentId, ...]


def carried_lots(
    devices: Iterable[tuple[Device, Standing]], reliability_target: float
) -> dict[InstrumentId, FailedLot]:
    """The failed lots by the device that carries the order of each: the first that still serves."""
    return {lot.left[0]: lot for lot in failed_lots(devices, reliability_target) if lot.left}


def failed_lots(devices: Iterable[tuple[Device, Standing]], reliability_target: float) -> list[FailedLot]:
    """The lots that failed, in order of their first device."""
    lots: dict[tuple[str, str | None, str | None, str], list[tuple[Device, Standing]]] = {}
    for device, standing in devices:
        if device.batch is not None:
            lots.setdefault((device.kind, device.maker, device.model, device.batch), []).append((device, standing))
    found = []
    for (kind, maker, model, batch), members in lots.items():
        sample = [one for one in members if one[1].sampled or one[1].failures]
        failed = [one for one in sample if one[1].failures]
        if len(failed) < LEAST_FAILURES or not _improbable(len(failed), len(sample), 1.0 - reliability_target):
            continue
        names = {device.id for device, _ in failed}
        left = [one.id for one, _ in members if one.id not in names and one.state is DeviceState.IN_USE]
        found.append(
            FailedLot(
                kind=kind, maker=maker, model=model, batch=batch, size=len(members), sampled=len(sample),
                failed=len(failed), left=tuple(left),
            )
        )  # fmt: skip
    return found


def _improbable(failures: int, sampled: int, allowed: float) -> bool:
    """Whether P(X >= failures) < SIGNIFICANCE for X binomial with `sampled` trials of probability `allowed`."""
    fewer = math.fsum(
        math.comb(sampled, k) * allowed**k * (1.0 - allowed) ** (sampled - k) for k in range(min(failures, sampled + 1))
    )
    return 1.0 - fewer < SIGNIFICANCE
