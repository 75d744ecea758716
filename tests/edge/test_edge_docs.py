"""The pages about the edge say what the code does."""

import re
from pathlib import Path

import msgspec
import pytest

from steelyard.contracts.profile import parse_profile
from steelyard.contracts.reading import Quality
from steelyard.edge.settings import (
    EdgeSettings,
    InstrumentSettings,
    PollSettings,
    SpoolSettings,
    load_config,
    parse_settings,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "edge.md").read_text("utf-8")
HOW_TO = (DOCS / "how-to" / "add-a-device.md").read_text("utf-8")
KEY = "ed25519:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Jsp0="


def blocks(text: str) -> list[str]:
    """The indented examples of a page."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, flags=re.MULTILINE)
    return ["\n".join(line[4:] for line in block.splitlines()) for block in found]


def test_the_example_configuration_is_one() -> None:
    (example,) = (block for block in blocks(REFERENCE) if "[gateway]" in block)
    settings = parse_settings(example.replace("ed25519:…", KEY), "edge.toml")
    assert settings.instruments[0].profile == "sdm630"
    assert settings.broker.tls is not None


def test_the_example_profile_is_one_and_can_be_used(tmp_path: Path, gateway_directory: object) -> None:
    (example,) = (block for block in blocks(HOW_TO) if "[probe]" in block)
    profile = parse_profile(example, "my-transmitter.toml")
    assert [channel.id for channel in profile.channels] == ["pressure", "sensor_temperature"]
    (instrument,) = (block for block in blocks(HOW_TO) if "[[instrument]]" in block)
    path = gateway_directory(broker_port=1883, instruments=[])
    path.write_text(path.read_text() + instrument)
    (tmp_path / "my-transmitter.toml").write_text(example)
    assert load_config(path).instruments[0].profile == profile


@pytest.mark.parametrize(("table", "kind"), [("spool", SpoolSettings), ("poll", PollSettings)])
def test_every_setting_stands_in_the_table_with_its_default(table: str, kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        (row,) = re.findall(rf"^\| `{table}\.{field.name}` \|(.*?)\|", REFERENCE, flags=re.MULTILINE)
        if isinstance(field.default, float):
            assert str(field.default) in row
        elif isinstance(field.default, int):
            assert any(text in row for text in number_texts(field.default)), (row, field.default)


def number_texts(number: int) -> list[str]:
    return [f"{number:,}".replace(",", " "), f"{number // 2**20} MiB", f"{number // 2**30} GiB"]


def test_every_instrument_key_is_described() -> None:
    for field in msgspec.structs.fields(InstrumentSettings):
        assert f"`instrument.{field.name}`" in REFERENCE or f"`{field.name}`" in REFERENCE
    assert {field.encode_name for field in msgspec.structs.fields(EdgeSettings)} == {
        "gateway",
        "broker",
        "spool",
        "instrument",
        "poll",
        "clock",
    }


def test_every_status_that_the_edge_gives_is_described() -> None:
    for quality in Quality:
        if quality is not Quality.INSTRUMENT_FAULT:  # profiles name no fault registers yet
            assert f"| {quality.name} ({quality.value}) |" in REFERENCE
