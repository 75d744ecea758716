"""`steelyard calc sensor` as a program calls it."""

import json
from typing import Any

from calibration_engine.workbench import run


def sensor_answer(*arguments: str) -> dict[str, Any]:
    """The JSON answer."""
    status, out, err = run(("calc", "sensor", *arguments, "--json"))
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


def sensor_refusal(*arguments: str) -> str:
    """The one message."""
    status, out, err = run(("calc", "sensor", *arguments, "--json"))
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    return err.strip()
