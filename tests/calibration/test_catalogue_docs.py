"""What the pages about the catalogue show can be loaded, and names every key."""

import re
from pathlib import Path

import msgspec
import pytest

from steelyard.calibration.catalogue import (
    BeforeUse,
    CountsFrom,
    DeviceState,
    PeriodEffect,
    RatioBasis,
    Regime,
    builtin_catalogue,
    facts,
    load_catalogue,
)
from steelyard.calibration.catalogue.check import faults
from steelyard.calibration.catalogue.plate import FIELDS

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference/catalogue.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/change-the-catalogue.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
STRUCTS = [
    facts.KindText, facts.Parameter, facts.EditionText, facts.RegimeRule, facts.LimitsFact, facts.RegulatedPoints,
    facts.Repetitions, facts.Environment, facts.RequiredRatio, facts.Procedure, facts.UsualUncertainty,
    facts.StateEffect, facts.Example, facts.Condition,
]  # fmt: skip


def test_the_file_on_the_reference_page_is_a_kind_in_order() -> None:
    (text,) = BLOCK.findall(REFERENCE)
    catalogue = load_catalogue([(text, "page.toml")])
    assert faults(catalogue) == ()
    assert catalogue.kind("噪声计").id == "sound_level_meter"


@pytest.mark.parametrize("text", BLOCK.findall(HOW_TO))
def test_each_file_of_the_how_to_page_is_in_order(text: str) -> None:
    assert faults(load_catalogue([(text, "page.toml")])) == ()


@pytest.mark.parametrize("struct", STRUCTS)
def test_the_page_names_every_key(struct: type[msgspec.Struct]) -> None:
    tables = "".join(line for line in REFERENCE.splitlines() if line.startswith("| "))
    prose = REFERENCE.rsplit("\n\n", 1)[1]
    for field in msgspec.structs.fields(struct):
        named = f"`{field.encode_name}`" in tables + prose or f"edition.{field.encode_name}" in tables
        assert named, f"{struct.__name__}: {field.encode_name}"


def test_the_page_names_every_word_of_the_closed_sets() -> None:
    for words in (Regime, CountsFrom, RatioBasis, PeriodEffect, BeforeUse, DeviceState):
        for word in words:
            assert f"`{word.value}`" in REFERENCE or f'"{word.value}"' in REFERENCE
    for field in FIELDS:
        assert f"`{field}`" in REFERENCE


def test_the_changelog_counts_the_kinds() -> None:
    changes = (DOCS.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"A catalogue of {len(builtin_catalogue().kinds)} kinds" in changes
