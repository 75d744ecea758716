"""Schemathesis's engine, run over an application in this process: every phase and every check that it has."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import settings
from hypothesis_profile import examples
from schemathesis import engine
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events

load_all_checks()  # of themselves they are there only once a command line has run

SEED = 1


def check_names() -> set[str]:
    """The names of all checks that this schemathesis has."""
    return {check.__name__ for check in CHECKS.get_all()}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What one check found in one answer."""

    check: str
    operation: str
    message: str
    status: int
    problem: Mapping[str, Any]
    """The answer's body, empty where it is not an object of JSON."""
    request: str

    def __str__(self) -> str:
        return f"{self.check}: {self.message}\n  {self.request}\n  {self.status} {dict(self.problem)}"


@dataclass(kw_only=True)
class Findings:
    """What a run did and found."""

    sent: Counter[str] = field(default_factory=Counter)
    """Requests, by phase."""
    ran: Counter[str] = field(default_factory=Counter)
    """Answers judged, by check."""
    answers: Counter[int] = field(default_factory=Counter)
    """Answers to the account that asked, by status."""
    faults: list[Fault] = field(default_factory=list)

    def report(self) -> str:
        """The first fault of each check and operation."""
        return "\n\n".join(str(fault) for fault in {(f.check, f.operation): f for f in self.faults[::-1]}.values())


def run(
    app: Callable[..., Any],
    credentials: Mapping[str, Mapping[str, str]],
    directory: Path,
    *,
    who: str,
    peers: tuple[str, ...] = (),
    description: str = "/api/v1/openapi.json",
    only: str | None = None,
    per_operation: int = 10,
    checks: set[str] | None = None,
    judge: Callable[[Response], None] = lambda answer: None,
) -> Findings:
    """Send to every operation of a description what schemathesis thinks of, and let every check judge the answers.

    Args:
        app: the ASGI application.
        credentials: by name of an account the headers that sign it in.
        directory: an empty one for the engine's own files.
        who: the account that sends the requests.
        peers: accounts that must not see each other's objects.
        description: the path of the OpenAPI description.
        only: a regular expression for the paths that are tried; all of them if left out.
        per_operation: examples of the fuzzing and the stateful phase.
        checks: those that make sense here; all if left out.
        judge: a further check of every answer to `who`.
    """
    accounts = directory / "accounts.json"
    users = [
        {"name": name, "fixedHeaders": [{"name": key, "value": value} for key, value in headers.items()]}
        for name, headers in credentials.items()
    ]
    accounts.write_text(json.dumps({"auth": users}))
    configuration = SchemathesisConfig.from_dict(
        {
            # As Hypothesis's profile has it: the same requests in every run, or others each time.
            **({"seed": SEED} if settings.default.derandomize else {}),
            "cache": {"enabled": False},  # nothing is left behind, and no run learns from another
            "auth": {"wfc": {"path": str(accounts), "user": who} | ({"peers": list(peers)} if peers else {})},
            "checks": {name: {"enabled": checks is None or name in checks} for name in check_names()},
            "continue-on-failure": True,
            "suppress-health-check": ["all"],  # some speak of the machine's speed, the others of how much was tried
            "generation": {
                "max-examples": examples(per_operation),
                "deterministic": settings.default.derandomize,
                "database": "none",
                "no-shrink": True,
            },
        }
    )
    schema = schemathesis.openapi.from_asgi(description, app, config=configuration)
    if only is not None:
        schema = schema.include(path_regex=only)
    found = Findings()
    for event in engine.from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            _take(event, found)
            for answer in _answers_to(event, credentials[who]):
                judge(answer)
                found.answers[answer.status_code] += 1
    return found


def _take(event: events.ScenarioFinished, found: Findings) -> None:
    recorder = event.recorder
    found.sent[event.phase.value] += len(recorder.interactions)
    for case, nodes in recorder.checks.items():
        for node in nodes:
            found.ran[node.name] += 1
            if node.failure_info is None:
                continue
            sent = recorder.interactions[case]
            assert sent.response is not None
            failure = node.failure_info.failure
            found.faults.append(
                Fault(
                    check=node.name,
                    operation=recorder.cases[case].value.operation.label,
                    message=failure.message,
                    status=sent.response.status_code,
                    problem=_object(sent.response.content),
                    request=f"{sent.request.method} {sent.request.uri} {sent.request.body!r}",
                )
            )


def _answers_to(event: events.ScenarioFinished, headers: Mapping[str, str]) -> Iterator[Response]:
    for sent in event.recorder.interactions.values():
        given = {name.lower(): values for name, values in sent.request.headers.items()}
        if sent.response is not None and all(given.get(name.lower()) == [value] for name, value in headers.items()):
            yield sent.response


def _object(content: bytes | None) -> Mapping[str, Any]:
    try:
        read = json.loads(content or b"")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
