"""The backtest: its contract, what it must not see, and that it is worth having."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibration_engine.fleet_histories import HEADER, history_rows, write_history

from steelyard.calibration.engine.fleet.backtest import OURS, Backtest, backtest, score_backtest
from steelyard.calibration.engine.fleet.baselines import RULES
from steelyard.calibration.engine.fleet.errors import FleetError, HistoryError
from steelyard.calibration.engine.fleet.panels import Records
from steelyard.cli.commands import backtest as command
from steelyard.cli.errors import CommandError
from steelyard.cli.history_file import read_history


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    arguments = parser.parse_args([str(word) for word in words])
    return int(arguments.run(arguments))


def predictions(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return read_history(write_history(tmp_path_factory.mktemp("history") / "h.csv", instruments=24)).records


@pytest.fixture(scope="module")
def in_thirds(records: Records) -> Backtest:
    return backtest(records, None, 3)


@pytest.fixture(scope="module")
def in_quarters(records: Records) -> Backtest:
    return backtest(records, None, 4)


def test_writes_the_rows_with_their_predictions_in_the_order_they_came(tmp_path, capsys):
    history = write_history(tmp_path / "h.csv", instruments=12, quantities=("temperature", "pressure"))
    assert run(history, "--folds", "3", "--out", tmp_path / "p.csv") == 0
    rows, given = predictions(tmp_path / "p.csv"), predictions(history)
    assert [{name: row[name] for name in given[0]} for row in rows] == given
    levels = [f"q{i / 100:.2f}" for i in range(1, 100)]
    assert {"earlier_events", "mean", "standard_deviation", "q0.025", "q0.975", *levels} <= set(rows[0])
    for row in rows:
        values = np.array([float(row[name]) for name in levels])
        assert np.all(np.diff(values) >= 0.0)
        assert values[1] <= float(row["q0.025"]) <= values[2]
        assert values[96] <= float(row["q0.975"]) <= values[97]
        assert row["q0.10"] == row["q0.1"]
        assert float(row["standard_deviation"]) > 0.0
    out = capsys.readouterr()
    assert "temperature" in out.out
    assert all(name in out.out for name in (OURS, *RULES))
    assert "part 3 of 3" in out.err


def test_counts_the_calibrations_that_came_before(records, in_quarters):
    for name in np.unique(records.instrument):
        own = records.instrument == name
        ends = records.end[own]
        assert [int(np.unique(ends[ends < end]).size) for end in ends] == in_quarters.earlier_events[own].tolist()


def test_no_prediction_sees_its_own_value_or_its_instruments_future(records, in_quarters):
    before = in_quarters
    name = records.instrument[np.argmax(before.earlier_events)]
    own = np.flatnonzero(records.instrument == name)
    middle = np.unique(records.end[own])[2]
    changed = records.error.copy()
    changed[own[records.end[own] >= middle]] = 17.0
    after = backtest(replace(records, error=changed), None, 4)
    not_later = own[records.end[own] <= middle]
    later = own[records.end[own] > middle]
    assert after.quantiles[not_later].tobytes() == before.quantiles[not_later].tobytes()
    assert after.mean[not_later].tobytes() == before.mean[not_later].tobytes()
    # The control: what may use the value does.
    assert not np.array_equal(after.quantiles[later], before.quantiles[later])


def test_learns_only_from_the_fleet_that_is_given(records, tmp_path):
    fleet = read_history(write_history(tmp_path / "f.csv", seed=5, prefix="f")).records
    alone = records.instrument == records.instrument[0]
    one = Records(**{name: getattr(records, name)[alone] for name in Records.__dataclass_fields__})
    together, single = backtest(records, fleet, 2), backtest(one, fleet, 2)
    np.testing.assert_allclose(together.quantiles[alone], single.quantiles, rtol=1e-12)


def test_an_instrument_that_is_also_in_the_fleet_does_not_learn_from_itself(records, in_quarters):
    np.testing.assert_array_equal(backtest(records, records, 4).quantiles, in_quarters.quantiles)


def test_scaling_the_unit_scales_the_predictions(records, in_thirds):
    plain = in_thirds
    scaled = backtest(replace(records, error=records.error * 1000.0), None, 3)
    np.testing.assert_allclose(scaled.quantiles, plain.quantiles * 1000.0, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(scaled.standard_deviation, plain.standard_deviation * 1000.0, rtol=1e-6)


def test_the_order_of_the_rows_does_not_matter(records, in_thirds):
    order = np.random.default_rng(0).permutation(records.error.size)
    shuffled = Records(**{name: getattr(records, name)[order] for name in Records.__dataclass_fields__})
    np.testing.assert_allclose(backtest(shuffled, None, 3).quantiles, in_thirds.quantiles[order], rtol=1e-9)


@pytest.mark.slow
def test_beats_every_baseline_and_covers_on_a_history_like_real_ones(tmp_path):
    records = read_history(write_history(tmp_path / "h.csv", seed=3, instruments=150)).records
    (scores,) = score_backtest(records, backtest(records, None, 4))
    ours = scores.by_rule[OURS]
    assert 0.93 <= ours.coverage <= 0.97
    assert all(ours.crps < 0.97 * scores.by_rule[rule].crps for rule in RULES)


def test_a_fleet_with_other_test_points_still_teaches(tmp_path):
    history = write_history(tmp_path / "h.csv", instruments=6)
    fleet = tmp_path / "f.csv"
    rows = [row.split(",") for row in history_rows(7, 20, "f", ("temperature",))]
    for row in rows:
        row[6] = f"{float(row[6]) * 0.8 + 8.0:g}"
    fleet.write_text("\n".join([HEADER, *(",".join(row) for row in rows)]) + "\n")
    assert run(history, "--learn-from", fleet, "--out", tmp_path / "p.csv", "--quiet") == 0
    assert all(np.isfinite(float(row["mean"])) for row in predictions(tmp_path / "p.csv"))


def test_an_event_without_some_test_points_is_predicted_and_used(tmp_path):
    history = write_history(tmp_path / "h.csv", instruments=12)
    lines = history.read_text().splitlines()
    history.write_text("\n".join(lines[:4] + lines[5:20] + lines[22:]) + "\n")
    assert run(history, "--out", tmp_path / "p.csv", "--quiet") == 0
    assert len(predictions(tmp_path / "p.csv")) == len(lines) - 4


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda text: text.replace("as_found_error", "error"), "column as_found_error is missing"),
        (lambda text: text.replace("class,instrument", "class,class"), "column class appears more than once"),
        (lambda text: text.splitlines()[0], "no rows"),
        (lambda text: "", "is empty"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20200101,20210101,1,nan", "line 2: as_found_error: 'nan'"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20200101,20210101,1,much", "line 2: as_found_error: 'much'"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20200101,20210101,one,1", "line 2: test_point: 'one'"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20200101,1.1.2021,1,1", "line 2: calibration: '1.1.2021'"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20210101,20210101,1,1", "not after previous_calibration"),
        (lambda text: text.splitlines()[0] + "\nA,,t,u,20200101,20210101,1,1", "line 2: instrument: is empty"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20200101,20210101,1", "line 2: 7 fields"),
        (lambda text: text + text.splitlines()[1] + "\n", "test_point: 20.0: i000 has it twice"),
        (lambda text: text.splitlines()[0] + "\nA,i,t,u,20200101,20210101,1,1", "no other instrument"),
    ],
)
def test_bad_input_is_refused_by_name(tmp_path, edit, named):
    history = write_history(tmp_path / "h.csv", instruments=4)
    history.write_text(edit(history.read_text()))
    with pytest.raises(CommandError) as caught:
        run(history, "--out", tmp_path / "p.csv", "--quiet")
    assert named in str(caught.value)
    assert not (tmp_path / "p.csv").exists()


def test_an_instrument_of_two_classes_is_refused(records):
    model = records.model.copy()
    model[0] = "other"
    with pytest.raises(HistoryError, match="several classes"):
        backtest(replace(records, model=model), None, 2)


def test_a_missing_file_and_a_single_fold_are_refused(tmp_path):
    with pytest.raises(CommandError, match=r"none\.csv"):
        run(tmp_path / "none.csv", "--out", tmp_path / "p.csv")
    history = write_history(tmp_path / "h.csv", instruments=4)
    with pytest.raises(CommandError, match="--folds 1"):
        run(history, "--folds", "1", "--out", tmp_path / "p.csv")
    with pytest.raises(CommandError, match=r"p\.csv: cannot be written"):
        run(history, "--out", tmp_path / "missing" / "p.csv", "--quiet")


def test_not_finite_records_and_no_records_are_refused(records):
    error = records.error.copy()
    error[3] = np.nan
    with pytest.raises(FleetError, match="error: nan"):
        backtest(replace(records, error=error), None, 2)
    empty = Records(**{name: getattr(records, name)[:0] for name in Records.__dataclass_fields__})
    with pytest.raises(HistoryError, match="no rows"):
        backtest(empty, None, 2)


def test_two_calibrations_on_one_day_do_not_see_each_other_and_too_few_rows_have_no_score(tmp_path, capsys):
    fleet = write_history(tmp_path / "f.csv", prefix="f")
    rows = [
        "narrow,z,temperature,u,20150101,20160101,40,0.001",
        "narrow,z,temperature,u,20150601,20160101,40,0.002",
        "narrow,z,temperature,u,20160101,20170101,40,0.001",
    ]
    history = tmp_path / "h.csv"
    history.write_text("\n".join([HEADER, *rows]) + "\n")
    assert run(history, "--learn-from", fleet, "--out", tmp_path / "p.csv") == 0
    assert [row["earlier_events"] for row in predictions(tmp_path / "p.csv")] == ["0", "0", "2"]
    assert "– (100.0 %)" in capsys.readouterr().out
    history.write_text("\n".join([HEADER, rows[0]]) + "\n")
    assert run(history, "--learn-from", fleet, "--out", tmp_path / "p.csv") == 0
    assert "nothing to score" in capsys.readouterr().out
