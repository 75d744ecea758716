"""What is still missing is named: pairs not taken in up to midnight, instruments not assessed today."""

from datetime import date, timedelta

from calibration.cases import DAY_NS, legal, ns
from calibration.fleet import NOW
from calibration.memory_ports import MemoryStores
from calibration.test_calibration_service import story

from steelyard.calibration.completeness import StillMissing, still_missing
from steelyard.calibration.observing import pair_cursor
from steelyard.calibration.ports import Cursor

CHINA = 480


def missing(stores: MemoryStores, now_ns: int = NOW) -> StillMissing:
    return still_missing(stores.registry, stores.verification, now_ns=now_ns, utc_offset_minutes=CHINA)


def test_before_the_first_run_everything_is_missing_and_after_it_nothing() -> None:
    fleet = story()
    before = missing(fleet.stores)
    assert before.instruments == len(fleet.stores.registry.legal) == 15
    assert before.unassessed == set(fleet.stores.registry.legal)
    assert before.unobserved == {pair.instrument for pair in fleet.stores.registry.pairs}
    fleet.service().run_once(NOW)
    assert missing(fleet.stores).any == set()


def test_a_pair_whose_readings_end_yesterday_is_missing_although_it_was_assessed() -> None:
    fleet = story()
    fleet.service().run_once(NOW)
    (pair,) = [pair for pair in fleet.stores.registry.pairs if pair.instrument == "pt-h-02"]
    name = pair_cursor(pair)
    fleet.stores.verification.cursor_map[name] = Cursor(name=name, position_ns=NOW // DAY_NS * DAY_NS - DAY_NS)
    found = missing(fleet.stores)
    assert found.unassessed == set()
    assert found.any == {"pt-h-02"}


def test_the_day_of_an_assessment_is_the_legal_one() -> None:
    fleet = story()
    fleet.service().run_once(NOW)  # 12:00 UTC, 20:00 in China
    last = ns(2026, 11, 21, hour=15) + 59 * 60 * 10**9
    assert missing(fleet.stores, last).unassessed == set()
    assert missing(fleet.stores, last + 2 * 60 * 10**9).unassessed == set(fleet.stores.registry.legal)


def test_without_instruments_under_law_nothing_is_missing() -> None:
    found = missing(MemoryStores.empty())
    assert (found.instruments, found.any) == (0, set())


def test_an_instrument_without_readings_or_pair_counts_by_its_assessment_alone() -> None:
    stores = MemoryStores.empty()
    stores.registry.legal["ws-1"] = legal(instrument="ws-1", service_date=date(2026, 1, 1) - timedelta(days=1))
    assert missing(stores).unobserved == set()
    assert missing(stores).unassessed == {"ws-1"}
