"""How property tests run: one profile for all of them.

`steady`, the default: the same examples in every run on every machine, and no deadline, since how long an example
takes is the machine's affair. `fuzz` (`make fuzz`): other examples each time and ten times as many; what it finds is
kept as an explicit example beside the property (docs/how-to/run-the-tests.md).
"""

from hypothesis import HealthCheck, settings

_STEADY_EXAMPLES = 100
_MORE_WHEN_FUZZING = 10
_TIMED = (HealthCheck.too_slow,)
"""Not asked: its verdict is one on the machine."""
FIXTURE_SHARED_BY_EXAMPLES = (*_TIMED, HealthCheck.function_scoped_fixture)
"""``suppress_health_check`` of a property whose examples may share what a fixture made for the test."""


def register() -> None:
    """Make both profiles known and take `steady`; ``--hypothesis-profile`` chooses another afterwards."""
    timeless = settings(deadline=None, suppress_health_check=_TIMED)
    settings.register_profile("steady", timeless, max_examples=_STEADY_EXAMPLES, derandomize=True, database=None)
    settings.register_profile("fuzz", timeless, max_examples=_MORE_WHEN_FUZZING * _STEADY_EXAMPLES, print_blob=True)
    settings.load_profile("steady")


def examples(steady: int) -> int:
    """How many examples a costly property tries: `steady`, and in the same proportion more when fuzzing."""
    return max(1, steady * settings.default.max_examples // _STEADY_EXAMPLES)
