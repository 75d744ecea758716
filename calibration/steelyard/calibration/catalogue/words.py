"""The closed sets of words that the law has for an instrument: its use, its state, its regime."""

from __future__ import annotations

from enum import StrEnum


class DeviceState(StrEnum):
    """Where a device is in its life."""

    IN_USE = "in_use"
    STORED = "stored"
    """Taken out of use and announced so: nothing is demanded, and it is verified before it is used again."""
    UNDER_REPAIR = "under_repair"
    OUT_OF_SERVICE = "out_of_service"
    SCRAPPED = "scrapped"
    """The end: it stays in the ledger and is asked for nothing."""


class Regime(StrEnum):
    """How an instrument is controlled over its life (SAMR announcement 2020 No. 42, "forms of mandatory verification").

    Verification after repair, arbitration and interim verification are occasions, not regimes: see `events.EventKind`.
    """

    FIRST_SCRAP = "first_scrap"
    """First verification only; scrapped when inaccurate."""
    FIRST_LIMITED = "first_limited"
    """First verification only; rotated when its period of use ends."""
    PERIODIC = "periodic"
    """Verified again and again, at the latest after the statutory period."""
    VOLUNTARY = "voluntary"
    """Calibrated by the owner's own policy (ISO/IEC 17025)."""


MANDATORY = frozenset({Regime.FIRST_SCRAP, Regime.FIRST_LIMITED, Regime.PERIODIC})
"""Regimes in which the law sets the period: evidence may shorten it, never extend it."""


class CountsFrom(StrEnum):
    """The day from which a period runs."""

    VERIFICATION = "verification"
    """The last completed event."""
    PUT_INTO_USE = "put_into_use"
    """The day the device was put into use: shelf life does not count ("limit of use")."""


class RatioBasis(StrEnum):
    """What a required ratio compares with the maximum permissible error of the device."""

    TEST_UNCERTAINTY = "test_uncertainty"
    """The expanded uncertainty of the test."""
    STANDARD_MPE = "standard_mpe"
    """The permissible error of the standard."""


class PeriodEffect(StrEnum):
    """What a device's state does to the period that is running."""

    RUNS = "runs"
    """It goes on."""
    ENDS = "ends"
    """It is over: what was confirmed before holds no longer."""


class BeforeUse(StrEnum):
    """What a device in a state needs before it is used again."""

    NOTHING = "nothing"
    VERIFICATION = "verification"
    NEVER = "never"
    """It is not used again."""
