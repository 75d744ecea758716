"""The state of a device on a day, from what was entered."""

from datetime import date

from steelyard.calibration.verification.device_states import IN_USE, StateEntry, StateNow, state_on
from steelyard.calibration.verification.devices import DeviceState

BEGINNING = date(1970, 1, 1)
STORED, BACK = date(2025, 9, 1), date(2026, 5, 4)


def entered(state, since):
    return StateEntry(instrument="ws-1", state=state, since=since)


def test_a_device_without_entries_is_in_use():
    assert state_on([], BACK) is IN_USE


def test_a_state_holds_from_its_day_until_the_next_one():
    entries = [
        entered(DeviceState.IN_USE, BEGINNING),
        entered(DeviceState.STORED, STORED),
        entered(DeviceState.IN_USE, BACK),
    ]
    assert state_on(entries, date(2025, 8, 31)) == StateNow(state=DeviceState.IN_USE, since=BEGINNING)
    assert state_on(entries, STORED) == StateNow(state=DeviceState.STORED, since=STORED)
    assert state_on(entries, date(2026, 5, 3)).state is DeviceState.STORED
    assert state_on(entries, BACK) == StateNow(state=DeviceState.IN_USE, since=BACK, came_back=BACK)


def test_being_in_use_all_along_is_no_coming_back():
    entries = [entered(DeviceState.IN_USE, BEGINNING), entered(DeviceState.IN_USE, BACK)]
    assert state_on(entries, BACK) == StateNow(state=DeviceState.IN_USE, since=BEGINNING)


def test_of_one_day_the_last_entry_counts():
    entries = [entered(DeviceState.SCRAPPED, STORED), entered(DeviceState.STORED, STORED)]
    assert state_on(entries, BACK).state is DeviceState.STORED


def test_an_entry_of_an_earlier_day_takes_its_place_before_the_later_one():
    entries = [entered(DeviceState.IN_USE, BACK), entered(DeviceState.STORED, STORED)]
    assert state_on(entries, BACK).came_back == BACK
