"""The files the simulator leaves: the truth for scoring, and what it served."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from steelyard.contracts.identifiers import ChannelId, InstrumentId
from steelyard.firmware_sim.demo import demo_scenario
from steelyard.firmware_sim.device import Served
from steelyard.firmware_sim.durations import NS_PER_DAY
from steelyard.firmware_sim.errors import TruthFileError
from steelyard.firmware_sim.served import BATCH, ServedLog, read_served
from steelyard.firmware_sim.truth import Truth
from steelyard.firmware_sim.truth_file import judge, read_truth, write_truth

NOW_NS = 1_795_248_000 * 10**9


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(demo_scenario(NOW_NS - 730 * NS_PER_DAY, NOW_NS))


def test_truth_file_read_back_is_the_one_written(truth: Truth, tmp_path: Path) -> None:
    judged = judge(truth, NOW_NS)
    write_truth(tmp_path / "truth.json", judged)
    assert read_truth(tmp_path / "truth.json") == judged
    assert [path.name for path in tmp_path.iterdir()] == ["truth.json"]


def test_scenario_in_the_truth_file_gives_the_same_truth(truth: Truth, tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.json", judge(truth, NOW_NS))
    again = Truth(read_truth(tmp_path / "truth.json").load_scenario())
    for instrument, channel in (("em-h-03", "energy_import"), ("pt-h-02", "pressure"), ("ws-l-01", "gross")):
        question = (InstrumentId(instrument), ChannelId(channel), NOW_NS - 99 * NS_PER_DAY)
        assert again.true_value(*question) == truth.true_value(*question)
        assert again.true_error(*question) == truth.true_error(*question)


def test_truth_file_can_be_scored_by_a_program_that_knows_nothing_of_steelyard(truth: Truth, tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.json", judge(truth, NOW_NS))
    content = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert content["judged_at"] == "2026-11-21T08:00:00Z"
    by_label = {label: [i for i in content["instruments"] if i["label"] == label] for label in ("drift", "jump", "due")}
    (drift,) = by_label["drift"]
    assert drift["instrument"] == "pt-h-02"
    assert drift["unit"] == "MPa"
    assert abs(drift["error_over_mpe"]) < 1
    assert drift["crosses"].startswith("2027-01")
    assert drift["out_since"] is None
    (jump,) = by_label["jump"]
    assert jump["error_over_mpe"] > 1
    assert jump["out_since"] == "2026-10-12T08:00:00Z"
    assert by_label["due"][0]["instrument"] == "ws-l-02"
    assert {"instrument": "pt-h-02", "reference": "pg-h-02", "channels": ["pressure"]} in content["pairs"]


@pytest.mark.parametrize("content", ["", "{}", "[1]", "\xff", '{"format": "steelyard-truth-1"}'])
def test_file_that_holds_no_truth_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "truth.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(TruthFileError, match=r"truth.json: is no truth file"):
        read_truth(path)


def test_truth_of_another_format_is_refused_with_both_names(truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    write_truth(path, judge(truth, NOW_NS))
    path.write_text(
        path.read_text(encoding="utf-8").replace("steelyard-truth-1", "steelyard-truth-9"), encoding="utf-8"
    )
    with pytest.raises(TruthFileError, match=r"'steelyard-truth-9', this program reads 'steelyard-truth-1'"):
        read_truth(path)


def test_truth_that_is_not_there_or_cannot_be_written_is_refused(truth: Truth, tmp_path: Path) -> None:
    with pytest.raises(TruthFileError, match="cannot be read"):
        read_truth(tmp_path / "truth.json")
    with pytest.raises(TruthFileError, match="cannot be written"):
        write_truth(tmp_path / "missing" / "truth.json", judge(truth, NOW_NS))


def _served(number: int, value: float | None = 1.5) -> Served:
    return Served(InstrumentId("pt-1"), ChannelId("pressure"), NOW_NS + number, value)


def test_served_values_come_back_in_order(tmp_path: Path) -> None:
    served = [_served(1), _served(2, None), _served(2, 1e-300)]
    log = ServedLog(tmp_path / "served.sqlite")
    log.add(served[:2])
    log.add(served[2:])
    log.close()
    assert list(read_served(tmp_path / "served.sqlite")) == served


def test_served_values_can_be_read_while_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "served.sqlite"
    log = ServedLog(path)
    log.add([_served(number) for number in range(BATCH - 1)])
    assert list(read_served(path)) == []
    log.add([_served(BATCH)])
    assert len(list(read_served(path))) == BATCH
    log.add([_served(BATCH + 1)])
    log.flush()
    log.flush()
    assert len(list(read_served(path))) == BATCH + 1
    log.close()


def test_record_goes_on_after_a_restart(tmp_path: Path) -> None:
    for number in (1, 2):
        log = ServedLog(tmp_path / "served.sqlite")
        log.add([_served(number)])
        log.close()
    assert [served.t_ns - NOW_NS for served in read_served(tmp_path / "served.sqlite")] == [1, 2]


def test_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "served.sqlite"
    with pytest.raises(TruthFileError, match="cannot be read"):
        list(read_served(path))
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (x)")
    with pytest.raises(TruthFileError, match="no such table: served"):
        list(read_served(path))
    with pytest.raises(TruthFileError, match="cannot be written"):
        ServedLog(tmp_path / "missing" / "served.sqlite")
