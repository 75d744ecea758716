"""A kind is a file: operators' files change kinds by key and add new ones; what is wrong in them is named."""

from datetime import date

import pytest

from steelyard.calibration.catalogue import (
    Catalogue,
    CatalogueError,
    CountsFrom,
    DeviceState,
    Regime,
    Use,
    builtin_catalogue,
    load_catalogue,
)
from steelyard.calibration.catalogue.check import faults
from steelyard.calibration.catalogue.products import names_in, product
from steelyard.calibration.mpe import limits_at

SOUND_LEVEL_METER = """
id = "sound_level_meter"
names = { zh = "声级计", en = "Sound level meter" }
aliases = ["噪声计"]
quantity = "sound level"
unit = "1"
classes = ["1", "2"]

[[edition]]
document = "JJG 188-2017"
in_force = 2018-05-20
source = "title page"
confidence = "M"

[[edition.regime]]
use = ["environment"]
regime = "periodic"
period_months = 12
source = "JJG 188-2017, verification period"
confidence = "M"

[[edition.regime]]
regime = "voluntary"
period_months = 24
source = "house rule"
confidence = "H"

[[edition.mpe]]
classes = ["1"]
rule = { type = "absolute", limit = 0.7 }
source = "house rule"
confidence = "L"

[[edition.mpe]]
classes = ["2"]
rule = { type = "absolute", limit = "2 tolerance" }
in_use_factor = 2.0
source = "house rule"
confidence = "L"

[[edition.test_points]]
values = [94.0]
source = "house rule"
confidence = "L"

[parameters.tolerance]
meaning = "half the tolerance"
default = "0.5"
source = "house rule"

[[example]]
unit = "1"
"""


def with_file(text: str) -> Catalogue:
    return load_catalogue([(text, "own.toml")])


def test_a_new_kind_is_one_file() -> None:
    catalogue = with_file(SOUND_LEVEL_METER)
    kind = catalogue.kind("噪声计")
    assert kind.id == "sound_level_meter"
    edition = kind.edition_on(date(2026, 1, 1))
    found = edition.regime_for(use=Use.ENVIRONMENT, accuracy_class="1", parameters={})
    assert (found.regime, found.period_months) == (Regime.PERIODIC, 12)
    found = edition.regime_for(use=Use.TRADE, accuracy_class="1", parameters={})
    assert (found.regime, found.period_months) == (Regime.VOLUNTARY, 24)
    mpe = edition.mpe_for(accuracy_class="2级", parameters={})
    assert mpe is not None
    assert limits_at(mpe, 94.0) == (-1.0, 1.0)
    assert edition.states[DeviceState.STORED].orders is False
    assert faults(catalogue) == ()
    assert len(catalogue.kinds) == len(builtin_catalogue().kinds) + 1


def test_a_file_changes_a_kind_by_key() -> None:
    # A province that rotates its meters: fixed periods of use instead of verification.
    changed = with_file("""
id = "electricity_meter"
aliases = ["预付费电能表"]
names = { en = "Energy meter" }
[[edition]]
document = "JJG 596-2012"
ratio = { at_most = 0.2 }
[[edition.regime]]
regime = "first_limited"
period_months = 96
counts_from = "put_into_use"
source = "provincial notice"
confidence = "H"
""")
    before, after = builtin_catalogue().kind("electricity_meter"), changed.kind("预付费电能表")
    assert (after.names.zh, after.names.en) == (before.names.zh, "Energy meter")
    assert after.aliases == ("预付费电能表",)
    assert after.classes == before.classes
    old, new = before.editions[-1], after.editions[-1]
    assert (new.document, new.in_force, new.limits) == (old.document, old.in_force, old.limits)
    assert old.ratio is not None
    assert new.ratio is not None
    assert (new.ratio.at_most, new.ratio.basis) == (0.2, old.ratio.basis)
    choice = new.regime_for(use=Use.TRADE, accuracy_class="1", parameters={})
    assert (choice.regime, choice.counts_from) == (Regime.FIRST_LIMITED, CountsFrom.PUT_INTO_USE)
    assert builtin_catalogue().kind("electricity_meter").editions[-1] == old


def test_a_file_adds_an_edition_that_counts_from_its_day() -> None:
    changed = with_file("""
id = "fuel_dispenser"
[[edition]]
document = "JJG 443-2030"
in_force = 2030-01-01
source = "gazette"
confidence = "H"
regime = [{ regime = "periodic", period_months = 3, source = "gazette", confidence = "H" }]
""")
    kind = changed.kind("加油机")
    months = [
        kind.edition_on(day).regime_for(use=Use.TRADE, accuracy_class=None, parameters={}).period_months
        for day in (date(2029, 12, 31), date(2030, 1, 1))
    ]
    assert months == [6, 3]


def test_a_later_file_has_the_last_word() -> None:
    texts = [
        (f'id = "weights"\n[[edition]]\ndocument = "JJG 99-2022"\nnote = "{note}"\n', f"{note}.toml")
        for note in ("one", "two")
    ]
    assert load_catalogue(texts).kind("weights").editions[-1].note == "two"


def test_an_edition_without_a_date_is_refused_by_name() -> None:
    text = SOUND_LEVEL_METER.replace("in_force = 2018-05-20\n", "")
    with pytest.raises(CatalogueError, match=r"own\.toml: edition 'JJG 188-2017': in_force: is missing"):
        with_file(text)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("quantity =", "quantitty =", "did you mean 'quantity'"),
        ('confidence = "M"', 'confidence = "X"', r"own\.toml: edition\[0\]"),
        ('id = "sound_level_meter"', 'id = "Sound level"', "give the kind's name in lower case"),
        ('unit = "1"\nclasses', 'unit = "dB"\nclasses', "no such UCUM code"),
        ('classes = ["1"]\nrule', 'classes = ["3"]\nrule', "classes: '3': there are 1, 2"),
        ('aliases = ["噪声计"]', 'aliases = ["水表"]', "'水表': means"),
        ("period_months = 12", "period_months = 0", "give 1 to 1200 calendar months"),
        ("period_months = 12\n", "", "every other regime needs it"),
        ('regime = "periodic"\nperiod_months = 12', 'regime = "first_scrap"', "recommended_months: is missing"),
        ('use = ["environment"]', 'use = ["none"]', "nothing is mandatory"),
        ('limit = "2 tolerance"', 'limit = "2 width"', "'width': is no parameter"),
        ('rule = { type = "absolute", limit = 0.7 }', 'table = "oiml-r67"', "did you mean 'oiml-r76'"),
        ('rule = { type = "absolute", limit = 0.7 }', "", "give either a class table or a rule"),
        ("values = [94.0]", "values = [94.0]\nof_range = [0.5]", "give one of of_range, products, values"),
        ("values = [94.0]", "of_range = [1.5]", "parts of the range from 0 to 1"),
        ('default = "0.5"\nsource = "house rule"', 'default = "0.5"', "say where the default is from"),
        ("[parameters.tolerance]", "[parameters.span]", "give another name"),
        ('use = ["environment"]', "when = { span = { above = 1.0 } }", "'span': is no parameter of the kind"),
        ('use = ["environment"]', 'when = { tolerance = { is = ["wide"] } }', "give bounds: it is a number"),
        ("names = {", "names = [", r"own\.toml"),
        ("in_force = 2018-05-20", 'in_force = "spring"', r"own\.toml.*in_force: 'spring': give the day alone"),
        ("in_force = 2018-05-20", "in_force = 2018-05-20T08:00:00", "give the day alone"),
        ("values = [94.0]", 'products = ["1 / 0"]', r"own\.toml.*'1 / 0': divides by 0"),
        ('limit = "2 tolerance"', 'limit = "2 / "', "must be a number or a product"),
        ('default = "0.5"', 'default = "1 / 0"', "divides by 0"),
        ("[[example]]", '[edition.repetitions]\ncount = 0\nsource = "x"\nconfidence = "L"\n[[example]]', "1 or more"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(old: str, new: str, told: str) -> None:
    assert old in SOUND_LEVEL_METER
    with pytest.raises(CatalogueError, match=told):
        with_file(SOUND_LEVEL_METER.replace(old, new, 1))


def test_a_misspelt_kind_is_not_taken_for_a_new_one() -> None:
    with pytest.raises(CatalogueError, match="did you mean the kind 'water_meter'"):
        with_file('id = "water_metre"\naliases = ["x"]\n')


def test_a_change_must_name_the_edition_that_it_means() -> None:
    with pytest.raises(CatalogueError, match="name the edition that is meant"):
        with_file('id = "weights"\n[[edition]]\nin_force = 2024-01-01\n')


def test_a_file_that_changes_one_edition_twice_is_refused() -> None:
    change = '[[edition]]\ndocument = "JJG 99-2022"\n'
    with pytest.raises(CatalogueError, match=r"own\.toml: edition\.document: 'JJG 99-2022': stands in two"):
        with_file(f'id = "weights"\n{change}note = "a"\n{change}note = "b"\n')


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('aliases = ["砝码组", " "]', "weights.toml and own.toml: aliases[1]: ' ' says nothing; take it out"),
        (
            'units = ["kg", "MPa"]',
            "weights.toml and own.toml: units[1]: 'MPa' measures pressure, g mass; give some of kg",
        ),
        ('classes = ["E1", "E2", "F1", "F2", "M1", "M1-2", "M2", "M2-3", "M3", "E1"]', "classes[9]: 'E1' stands there"),
    ],
)
def test_the_check_names_the_file_the_entry_and_the_choices(line: str, told: str) -> None:
    (fault,) = [each for each in faults(with_file(f'id = "weights"\n{line}\n')) if told in each]
    assert fault.startswith("weights.toml and own.toml: ")


def test_two_editions_of_one_day_are_refused() -> None:
    edition = SOUND_LEVEL_METER[SOUND_LEVEL_METER.index("[[edition]]") : SOUND_LEVEL_METER.index("[[edition.mpe]]")]
    text = SOUND_LEVEL_METER + edition
    with pytest.raises(CatalogueError, match=r"'JJG 188-2017' is in force from 2018-05-20; keep one"):
        with_file(text)


def test_a_kind_without_examples_or_names_fails_the_check() -> None:
    text = SOUND_LEVEL_METER.replace('zh = "声级计"', 'zh = "Sound"').split("[[example]]", maxsplit=1)[0]
    assert faults(with_file(text)) == (
        "sound_level_meter: names.zh: 'Sound' is no Chinese name.",
        "sound_level_meter: there is no [[example]], so nothing was tried.",
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("limit = 0.7", "limit = -0.7", "example 1 of class 1: sound_level_meter: JJG 188-2017: mpe"),
        ("values = [94.0]", "products = ['range_low']", "example 1 of class 1: there are limits, but no test point"),
        ('source = "title page"', 'source = ""', "sound_level_meter, JJG 188-2017: the edition has no source"),
        ("in_force = 2018-05-20", "in_force = 1018-05-20", "in_force 1018-05-20 is not plausible"),
        (
            'type = "absolute", limit = 0.7',
            'type = "piecewise", zones = [{ up_to = 50.0, rule = { type = "absolute", limit = 1.0 } }]',
            "of class 1: at value 94, first: ",
        ),
    ],
)
def test_the_check_tries_what_a_file_says(old: str, new: str, told: str) -> None:
    found = faults(with_file(SOUND_LEVEL_METER.replace(old, new, 1)))
    assert any(told in sentence for sentence in found), found


def test_the_catalogue_that_comes_with_steelyard_is_in_order() -> None:
    assert faults(builtin_catalogue()) == ()


@pytest.mark.parametrize(
    ("text", "value"), [("q3 / r", 0.025), ("1.6 q3 / r", 0.04), ("2", 2.0), ("q3", 2.5), ("8 / 2 / 2", 2.0)]
)
def test_a_product_multiplies_and_divides(text: str, value: float) -> None:
    assert product(text, {"q3": 2.5, "r": 100.0}, "field") == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "/ r", "q3 /", "q3 / / r", "q4", "q3 / zero"])
def test_a_product_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(CatalogueError, match="field"):
        product(text, {"q3": 2.5, "r": 100.0, "zero": 0.0}, "field")


def test_a_product_names_what_it_asks_for() -> None:
    assert names_in("1.6 q3 / r q3") == ("q3", "r")
