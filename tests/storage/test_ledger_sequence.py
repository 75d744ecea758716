"""What has arrived of a stream: a set of numbers, kept as runs."""

from hypothesis import given
from hypothesis import strategies as st

from steelyard.storage.ledger.sequence import Arrived

_numbers = st.lists(st.integers(1, 40))


def _contiguous(numbers: set[int]) -> int:
    upto = 0
    while upto + 1 in numbers:
        upto += 1
    return upto


@given(_numbers)
def test_it_is_a_set_of_numbers(numbers: list[int]) -> None:
    arrived = Arrived()
    for count, number in enumerate(numbers, 1):
        arrived.add(number)
        model = set(numbers[:count])
        assert arrived.contiguous_upto == _contiguous(model)
        assert arrived.highest == max(model)
        assert {n for n in range(-1, 45) if n in arrived} == model
        missing = {n for first, last in arrived.missing() for n in range(first, last + 1)}
        assert missing == set(range(1, max(model))) - model
        there = {n for first, last in arrived.runs(40) for n in range(first, last + 1)}
        assert there == {n for n in model if n > arrived.contiguous_upto}
        assert arrived.runs(1) == arrived.runs(40)[-1:]


@given(_numbers)
def test_it_can_be_built_from_what_was_stored(numbers: list[int]) -> None:
    model = set(numbers)
    upto = _contiguous(model)
    beyond = sorted(n for n in model if n > upto)
    starts = [n for n in beyond if n - 1 not in model]
    ends = [n for n in beyond if n + 1 not in model]

    arrived = Arrived(upto, zip(starts, ends, strict=True))

    assert {n for n in range(45) if n in arrived} == model
    assert arrived.contiguous_upto == upto


def test_a_remembered_progress_that_lags_behind_catches_up() -> None:
    """The contiguous part and the first run touch: the progress was stored before the run was."""
    assert Arrived(3, [(4, 9), (12, 12)]).contiguous_upto == 9
    assert Arrived(3, [(4, 9), (12, 12)]).missing() == [(10, 11)]


def test_a_gap_of_a_million_costs_nothing() -> None:
    arrived = Arrived()
    for number in range(1_000_000, 1_000_100):
        arrived.add(number)
    assert arrived.missing() == [(1, 999_999)]
    assert arrived.contiguous_upto == 0
