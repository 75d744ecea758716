"""The configuration file: strict, and its errors say what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from steelyard.contracts.errors import ContractError, KeyFormatError, ProfileError, SettingsError
from steelyard.edge.settings import load_config, parse_settings

CLOCK = "[clock]\nsimulated_from_ns = 1700000000000000000\nwall_from_ns = 1790000000000000000\nrate = 9.0"
INGEST = "ed25519:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Jsp0="
FILE = f"""
[gateway]
organization = "org"
id = "gw"
key = "gateway.pem"
ingest_key = "{INGEST}"
[broker]
client_id = "gw"
[spool]
path = "spool.db"
[poll]
period_s = 1.0
[[instrument]]
id = "em-1"
profile = "sdm630"
host = "10.0.0.7"
"""


def test_defaults_are_those_of_the_reference() -> None:
    settings = parse_settings(FILE, "edge.toml")
    assert (settings.poll.period_s, settings.poll.timeout_s, settings.poll.stagger_s) == (1.0, 0.5, 0.002)
    assert (settings.spool.max_frames, settings.spool.ballast_bytes) == (2_000_000, 16 * 2**20)
    (instrument,) = settings.instruments
    assert (instrument.port, instrument.unit, instrument.channels) == (502, 1, None)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("period_s = 1.0", "perod_s = 1.0", ("edge.toml", "poll.perod_s", "did you mean 'period_s'")),
        ('host = "10.0.0.7"', 'hots = "10.0.0.7"', ("instrument", "hots", "did you mean 'host'")),
        ("[spool]", "[spol]", ("edge.toml", "spol", "did you mean 'spool'")),
        ("period_s = 1.0", 'period_s = "1.0"', ("poll.period_s", "'1.0'")),
        ("period_s = 1.0", "period_s = 0.0001", ("poll.period_s", "0.0001", "choose 0.005")),
        ("period_s = 1.0", "timeout_s = 0", ("poll.timeout_s", "choose")),
        ("period_s = 1.0", "stagger_s = 2.0", ("poll.stagger_s", "choose")),
        ("[spool]", f"{CLOCK}\n[spool]", ("clock.step_ns", "must be positive")),
        ('id = "em-1"', 'id = "EM 1"', ("instrument[0].id", "'EM 1'", "lower-case")),
        ('id = "gw"', 'id = "g/w"', ("gateway.id", "'g/w'")),
        ('path = "spool.db"', 'path = "spool.db"\nmax_frames = 0', ("spool.max_frames", "at least 1")),
        ('profile = "sdm630"', 'profile = "sdm630"\nunit = 256', ("instrument[0].unit", "0 to 255")),
        ('profile = "sdm630"', 'profile = "sdm630"\nport = 0', ("instrument[0].port", "1 to 65535")),
        ('profile = "sdm630"', 'profile = "sdm630"\nperiod_s = -1.0', ("instrument[0].period_s", "choose")),
        ('host = "10.0.0.7"', 'host = ""', ("instrument[0].host", "address")),
        ('host = "10.0.0.7"', 'host = "plc..local"', ("instrument[0].host", "plc..local", "RFC 1035")),
        ('client_id = "gw"', 'client_id = "gw"\nport = 0', ("broker", "port")),
        (INGEST, "ed25519:short", ("gateway.ingest_key", "base64")),
        ("[gateway]", "[gateway", ("edge.toml", "not TOML")),
    ],
)
def test_a_wrong_file_gives_one_error_with_file_key_and_remedy(right: str, wrong: str, said: tuple[str, ...]) -> None:
    assert right in FILE
    with pytest.raises(SettingsError) as caught:
        parse_settings(FILE.replace(right, wrong, 1), "edge.toml")
    for part in said:
        assert part in str(caught.value)


def test_an_instrument_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"instrument\[1\]\.id: 'em-1': stands in this file twice"):
        parse_settings(FILE + '[[instrument]]\nid = "em-1"\nprofile = "sdm630"\nhost = "x"\n', "edge.toml")


def test_a_gateway_without_instruments_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"\[\[instrument\]\]"):
        parse_settings(
            FILE[: FILE.index("[[instrument]]")].replace("[gateway]", "instrument = []\n[gateway]"), "e.toml"
        )


def test_everything_is_read_relative_to_the_file(gateway_directory: Callable[..., Path], tmp_path: Path) -> None:
    path = gateway_directory(broker_port=1883, instruments=[("i1", "made.toml", 502), ("i2", "sdm630", 503)])
    config = load_config(path)
    assert config.spool_path == tmp_path / "spool.db"
    assert [instrument.profile.id for instrument in config.instruments] == ["made", "sdm630"]
    assert [channel.id for channel in config.instruments[0].channels] == ["a", "b"]
    assert (config.organization, config.gateway) == ("org", "gw")


def test_channels_can_be_chosen(gateway_directory: Callable[..., Path]) -> None:
    path = gateway_directory(broker_port=1883, instruments=[("i1", "made.toml", 502)])
    path.write_text(path.read_text() + 'channels = ["b"]\nperiod_s = 5.0\n')
    (instrument,) = load_config(path).instruments
    assert [channel.id for channel in instrument.channels] == ["b"]
    assert instrument.period_s == 5.0


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('channels = ["volts"]\n', SettingsError, ("instrument 'i1'.channels", "'volts'", "has a, b")),
        ("channels = []\n", SettingsError, ("instrument 'i1'.channels", "at least one")),
    ],
)
def test_a_channel_that_the_profile_has_not_is_named(
    gateway_directory: Callable[..., Path], text: str, error: type[Exception], said: tuple[str, ...]
) -> None:
    path = gateway_directory(broker_port=1883, instruments=[("i1", "made.toml", 502)])
    path.write_text(path.read_text() + text)
    with pytest.raises(error) as caught:
        load_config(path)
    for part in said:
        assert part in str(caught.value)


def test_files_that_are_missing_or_wrong_are_named(gateway_directory: Callable[..., Path], tmp_path: Path) -> None:
    path = gateway_directory(broker_port=1883, instruments=[("i1", "nowhere.toml", 502)])
    with pytest.raises(SettingsError, match=r"instrument 'i1'\.profile: 'nowhere\.toml': cannot read .*No such file"):
        load_config(path)
    path = gateway_directory(broker_port=1883, instruments=[("i1", "sdm631", 502)])
    with pytest.raises(ProfileError, match="sdm630"):
        load_config(path)
    (tmp_path / "gateway.pem").write_text("no key")
    with pytest.raises(KeyFormatError, match=r"gateway\.key"):
        load_config(path)
    (tmp_path / "gateway.pem").unlink()
    with pytest.raises(SettingsError, match=r"gateway\.key: 'gateway\.pem': cannot read"):
        load_config(path)
    with pytest.raises(ContractError, match="nofile"):
        load_config(tmp_path / "nofile.toml")
