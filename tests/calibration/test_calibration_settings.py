"""The [calibration] table: defaults, ranges, misspelt keys."""

import pytest

from steelyard.calibration.errors import CalibrationSettingsError
from steelyard.calibration.settings import _RANGES, CalibrationSettings, parse_calibration_settings
from steelyard.contracts.errors import SettingsError


def test_an_empty_table_gives_the_defaults():
    assert parse_calibration_settings({}) == CalibrationSettings()
    assert CalibrationSettings().out_of_tolerance_limit == pytest.approx(0.1)


def test_values_are_taken():
    assert parse_calibration_settings({"lead_days": 60, "reliability_target": 0.95}).lead_days == 60


def test_a_misspelt_key_names_the_right_one():
    with pytest.raises(SettingsError, match="lead_days"):
        parse_calibration_settings({"lead_day": 60}, "server.toml: [calibration]")


def test_a_value_of_the_wrong_type_is_refused_by_name():
    with pytest.raises(SettingsError, match="lead_days"):
        parse_calibration_settings({"lead_days": "soon"})


@pytest.mark.parametrize("name", sorted(_RANGES))
def test_every_setting_has_a_range_that_its_default_lies_in(name):
    low, high = _RANGES[name]
    for value in (low - 1, high + 1):
        with pytest.raises(CalibrationSettingsError, match=name):
            CalibrationSettings(**{name: value})


def test_no_setting_is_without_a_range():
    assert set(CalibrationSettings.__struct_fields__) == set(_RANGES)


def test_a_value_out_of_range_in_the_file_is_refused_with_the_range():
    with pytest.raises(SettingsError, match=r"0\.5 to 0\.9999"):
        parse_calibration_settings({"reliability_target": 1.0})
