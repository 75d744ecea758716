"""A round is complete when everyone has been read in it or has missed it; rounds leave in order."""

from hypothesis import given
from hypothesis import strategies as st

from steelyard.contracts.frame import Block
from steelyard.edge.rounds import CompletedRound, Rounds


def block(instrument: str, number: int) -> Block:
    return Block(instrument=instrument, channels=("a",), t=(number,), span_us=(0,), values=((1.0,),), status=((0,),))


def numbers(completed: list[CompletedRound]) -> list[tuple[int, list[str], list[str]]]:
    return [(each.number, [b.instrument for b in each.blocks], list(each.missed)) for each in completed]


def test_a_round_waits_for_its_last_instrument_and_keeps_their_order() -> None:
    rounds = Rounds(["x", "y", "z"])
    assert rounds.report("z", 0, block("z", 0)) == []
    assert rounds.report("x", 0, block("x", 0)) == []
    assert numbers(rounds.report("y", 0, block("y", 0))) == [(0, ["x", "y", "z"], [])]


def test_an_instrument_that_comes_back_closes_the_rounds_that_it_missed() -> None:
    rounds = Rounds(["x", "y"])
    for number in range(4):
        assert rounds.report("x", number, block("x", number)) == []
    completed = rounds.report("y", 3, block("y", 3))
    assert numbers(completed) == [(0, ["x"], ["y"]), (1, ["x"], ["y"]), (2, ["x"], ["y"]), (3, ["x", "y"], [])]


def test_rounds_that_all_missed_are_not_handed_on() -> None:
    rounds = Rounds(["x", "y"])
    rounds.report("x", 0, block("x", 0))
    rounds.report("y", 0, block("y", 0))
    rounds.report("x", 50, block("x", 50))
    assert numbers(rounds.report("y", 50, block("y", 50))) == [(50, ["x", "y"], [])]


def test_at_the_end_what_is_there_is_handed_on() -> None:
    rounds = Rounds(["x", "y"])
    rounds.report("x", 4, block("x", 4))
    rounds.report("x", 5, block("x", 5))
    assert numbers(rounds.flush()) == [(4, ["x"], []), (5, ["x"], [])]
    assert rounds.flush() == []


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 3)), max_size=120))
def test_every_report_leaves_in_exactly_one_round_in_order(steps: list[tuple[str, int]]) -> None:
    rounds = Rounds(list("xyz"))
    reached = dict.fromkeys("xyz", -1)
    reported, left = set(), []
    for instrument, advance in steps:
        reached[instrument] += advance
        number = reached[instrument]
        reported.add((instrument, number))
        completed = rounds.report(instrument, number, block(instrument, number))
        # Not handed on before everyone has reached it, nor later.
        assert all(each.number <= min(reached.values()) for each in completed)
        left += completed
        assert all(each.number <= min(reached.values()) for each in left)
    waiting = {pair for pair in reported if pair[1] > min(reached.values())}
    left += rounds.flush()
    assert [each.number for each in left] == sorted({each.number for each in left})
    assert {(b.instrument, each.number) for each in left for b in each.blocks} == reported
    assert all({b.instrument for b in each.blocks}.isdisjoint(each.missed) for each in left)
    assert waiting <= reported
