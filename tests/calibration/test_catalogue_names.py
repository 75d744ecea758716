"""Kinds are found by what people call them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.calibration.catalogue import Catalogue, CatalogueError, builtin_catalogue

CATALOGUE = builtin_catalogue()

# Names as the titles of the regulations have them, and in English.
NAMES = [
    ("water_meter", "饮用冷水水表", "Cold potable water meter"),
    ("diaphragm_gas_meter", "膜式燃气表", "Diaphragm gas meter"),
    ("ultrasonic_gas_meter", "超声波燃气表", "Ultrasonic gas meter"),
    ("electricity_meter", "电子式交流电能表", "Electricity meter"),
    ("heat_meter", "热量表", "Heat meter"),
    ("fuel_dispenser", "燃油加油机", "Fuel dispenser"),
    ("digital_indicating_scale", "数字指示秤", "Digital indicating scale"),
    ("truck_scale", "电子汽车衡", "Truck scale"),
    ("taximeter", "出租汽车计价器", "Taximeter"),
    ("pressure_gauge", "弹性元件式一般压力表", "Pressure gauge"),
    ("pressure_transmitter", "压力变送器", "Pressure transmitter"),
    ("combustible_gas_detector", "可燃气体检测报警器", "Combustible gas detector"),
    ("carbon_monoxide_alarm", "一氧化碳检测报警器", "Carbon monoxide alarm"),
    ("sphygmomanometer", "血压计和血压表", "Sphygmomanometer"),
    ("automated_sphygmomanometer", "无创自动测量血压计", "Automated sphygmomanometer"),
    ("ev_ac_charger", "电动汽车交流充电桩", "AC charging station"),
    ("ev_dc_charger", "电动汽车非车载充电机", "DC charger"),
    ("breath_alcohol_analyser", "呼出气体酒精含量检测仪", "Breath alcohol analyser"),
    ("clinical_glass_thermometer", "玻璃体温计", "Clinical glass thermometer"),
    ("weights", "砝码", "Weights"),
    ("resistance_thermometer", "工业铂热电阻", "Industrial platinum resistance thermometer"),
    ("thermo_hygrometer", "温湿度计", "Thermo-hygrometer"),
]


def test_these_are_the_kinds() -> None:
    assert set(CATALOGUE.kinds) == {name for name, _, _ in NAMES}


@pytest.mark.parametrize(("kind", "chinese", "english"), NAMES)
def test_a_kind_has_both_its_names(kind: str, chinese: str, english: str) -> None:
    names = CATALOGUE.kinds[kind].names
    assert (names.zh, names.en) == (chinese, english)
    for name in (kind, chinese, english, english.upper(), f" {chinese} ", kind.replace("_", " ")):
        assert CATALOGUE.kind(name).id == kind


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("水表", "water_meter"),
        ("电表", "electricity_meter"),
        ("燃气表", "diaphragm_gas_meter"),
        ("地磅", "truck_scale"),
        ("电子秤", "digital_indicating_scale"),
        ("压力表", "pressure_gauge"),
        ("ＣＯ报警器", "carbon_monoxide_alarm"),
        ("电子血压计", "automated_sphygmomanometer"),
        ("充电桩", "ev_ac_charger"),
        ("体温计", "clinical_glass_thermometer"),
        ("pt100", "resistance_thermometer"),
        ("weighing_instrument", "digital_indicating_scale"),
        ("Weighbridge", "truck_scale"),
    ],
)
def test_what_people_write_in_spreadsheets_is_understood(written: str, kind: str) -> None:
    assert CATALOGUE.kind(written).id == kind


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("water_metre", "water_meter"),
        ("presure gauge", "pressure_gauge"),
        ("压力", "pressure_gauge"),
        ("民用膜式燃气表", "diaphragm_gas_meter"),
    ],
)
def test_an_unknown_kind_names_the_nearest(written: str, nearest: str) -> None:
    with pytest.raises(CatalogueError, match=nearest) as refused:
        CATALOGUE.kind(written)
    assert refused.value.value == written


def test_a_kind_that_resembles_none_names_all() -> None:
    with pytest.raises(CatalogueError, match=r"there are automated_sphygmomanometer, .*weights"):
        CATALOGUE.kind("sextant")


def test_the_kinds_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOGUE.kinds["sextant"] = CATALOGUE.kinds["weights"]  # type: ignore[index]


def test_a_catalogue_may_be_a_part_of_another() -> None:
    part = Catalogue({"weights": CATALOGUE.kinds["weights"]})
    assert part.kind("砝码").id == "weights"


@given(st.text())
def test_any_text_is_a_kind_or_is_refused_by_name(text: str) -> None:
    found: object
    try:
        found = CATALOGUE.kind(text).id
    except CatalogueError as refused:
        found = refused.value
    assert found in {text, *CATALOGUE.kinds}
