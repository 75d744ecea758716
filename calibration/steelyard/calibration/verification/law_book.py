"""The law for a device as the catalogue states it, edition by edition, with what its register entry overrides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from steelyard.calibration.catalogue import Catalogue, Edition, RegimeChoice
from steelyard.calibration.errors import CalibrationError
from steelyard.calibration.mpe import MaximumPermissibleError
from steelyard.calibration.verification.devices import Device
from steelyard.calibration.verification.events import VerificationEvent
from steelyard.calibration.verification.law import Law, Rules
from steelyard.calibration.verification.regime import Regime

_FAR_FROM_USUAL = 20.0
"""How many times beyond what is usual for the kind an expanded uncertainty is asked back."""

_Limits = tuple[MaximumPermissibleError | None, str | None]
"""The limits, or why there are none."""


class LawBook:
    """Looks up the law of one device after the other; like name plates have like limits, worked out once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._limits: dict[tuple[object, ...], _Limits] = {}

    def law(self, device: Device, events: Sequence[VerificationEvent]) -> tuple[Law, list[str]]:
        """The law for a device, and what its entry lacks for it, a sentence each.

        `events` tell to which classes limited decisions have put it. Raises CatalogueError for an unknown kind.
        """
        kind = self._catalogue.kind(device.kind)
        classes: set[str | None] = {device.accuracy_class}
        for event in events:
            classes |= set(event.limits_named) & set(kind.classes)
        problems: dict[str, None] = {}
        *earlier, newest = kind.editions
        editions = [self._rules(device, kind.id, edition, classes, {}) for edition in earlier]
        editions.append(self._rules(device, kind.id, newest, classes, problems))  # each lack is said once
        usual = kind.editions[-1].usual_uncertainty
        law = Law(
            instrument=device.id,
            editions=(replace(editions[0], from_day=date.min), *editions[1:]),
            accuracy_class=device.accuracy_class,
            put_into_use=device.put_into_use,
            range_low=device.range_low,
            range_high=device.range_high,
            unit=device.unit or kind.unit,
            second=None if kind.second is None else kind.second.name,
        )
        if usual is not None:
            law = replace(
                law,
                least_uncertainty=usual.lowest / _FAR_FROM_USUAL,
                largest_uncertainty=usual.highest * _FAR_FROM_USUAL,
            )
        return law, list(problems)

    def _rules(
        self, device: Device, kind: str, edition: Edition, classes: set[str | None], problems: dict[str, None]
    ) -> Rules:
        """One edition for one device."""
        choice = _regime(device, edition, problems)
        regime = device.regime or choice.regime
        period = device.period_months if device.period_months is not None else choice.period_months
        if device.period_months is None:
            for name in choice.missing:
                problems[
                    f"parameters: {name} is missing: {edition.document} sets the period by it, and the shortest is "
                    f"taken; add it"
                ] = None
        if regime is Regime.FIRST_SCRAP:
            period = None
        elif period is None:
            problems[f"period_months: {edition.document} sets none for {regime.value}; add it"] = None
        return Rules(
            from_day=edition.in_force,
            document=edition.document,
            regime=regime,
            period_months=period,
            mpe=self._limits_by_class(device, kind, edition, classes, problems),
            counts_from_use=choice.counts_from == "put_into_use",
        )

    def _limits_by_class(
        self, device: Device, kind: str, edition: Edition, classes: set[str | None], problems: dict[str, None]
    ) -> dict[str | None, MaximumPermissibleError]:
        """The limits for each class that the device has or was left with; none where they cannot be told."""
        found: dict[str | None, MaximumPermissibleError] = {}
        for name in sorted(classes, key=str):
            if name == device.accuracy_class and device.mpe is not None:
                found[name] = device.mpe
                continue
            mpe, problem = self._limits_of(device, kind, edition, name)
            if problem is not None:
                problems[problem] = None
            if mpe is not None:
                found[name] = mpe
        return found

    def _limits_of(self, device: Device, kind: str, edition: Edition, accuracy_class: str | None) -> _Limits:
        plate = (device.unit, device.range_low, device.range_high, device.scale_interval)
        key = (kind, edition.document, accuracy_class, *plate, tuple(sorted(device.parameters.items())))
        known = self._limits.get(key)
        if known is None:
            try:
                mpe = edition.mpe_for(
                    accuracy_class=accuracy_class,
                    parameters=device.parameters,
                    unit=device.unit,
                    range_low=device.range_low,
                    range_high=device.range_high,
                    scale_interval=device.scale_interval,
                )
            except CalibrationError as error:
                known = (None, f"{error}; its values are not judged against limits")
            else:
                known = (mpe, None)
            self._limits[key] = known
        return known


def _regime(device: Device, edition: Edition, problems: dict[str, None]) -> RegimeChoice:
    """The regime of a device; of a class that the kind does not have, what holds whatever its class.

    What its entry says of regime, period and limits needs no class, and then nothing is asked.
    """
    try:
        return edition.regime_for(use=device.use, accuracy_class=device.accuracy_class, parameters=device.parameters)
    except CalibrationError as error:
        if device.accuracy_class is None:
            raise
        choice = edition.regime_for(use=device.use, accuracy_class=None, parameters=device.parameters)
        if device.regime is None or device.mpe is None:
            problems[f"{error}; it is judged without a class"] = None
        return choice
