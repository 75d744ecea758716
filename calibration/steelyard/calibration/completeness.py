"""What is not known yet: instruments whose newest evidence has not been taken in or judged.

Between a reading and what follows from it lie a spool, a broker, the ledger, the readings store and the next run of the
service. Whoever shows or scores the result asks here whether all of it has arrived.
"""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.calibration.observing import DAY_NS, pair_cursor, usable_pairs
from steelyard.calibration.ports import RegistryPort, VerificationPort
from steelyard.calibration.verification.due_date import legal_date
from steelyard.contracts.identifiers import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class StillMissing:
    """Instruments, of those with legal data, whose record is not up to date.

    `unobserved`: the readings of their reference pair have not been taken in up to the last midnight (UTC);
    `unassessed`: they have no assessment of today's legal date; `instruments`: how many there are in all.
    """

    instruments: int
    unobserved: frozenset[InstrumentId]
    unassessed: frozenset[InstrumentId]

    @property
    def any(self) -> frozenset[InstrumentId]:
        """All that are not up to date."""
        return self.unobserved | self.unassessed


def still_missing(
    registry: RegistryPort, verification: VerificationPort, *, now_ns: int, utc_offset_minutes: int
) -> StillMissing:
    """Look for what is missing at `now_ns` (UTC ns); legal time is UTC plus `utc_offset_minutes`."""
    legal = {status.instrument: status for status in registry.legal_statuses()}
    midnight_ns = now_ns // DAY_NS * DAY_NS
    cursors = verification.cursors()
    unobserved = set()
    for name, pair in usable_pairs(registry.reference_pairs(), legal).items():
        cursor = cursors.get(pair_cursor(pair))
        if cursor is None or cursor.position_ns < midnight_ns:
            unobserved.add(name)
    today = legal_date(now_ns, utc_offset_minutes)
    assessed = {
        name
        for name, assessment in verification.latest_assessments().items()
        if legal_date(assessment.at_ns, utc_offset_minutes) == today
    }
    return StillMissing(
        instruments=len(legal), unobserved=frozenset(unobserved), unassessed=frozenset(legal.keys() - assessed)
    )
