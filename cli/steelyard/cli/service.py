"""What every long-running subcommand needs: a stop signal and a log that says when and who."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from types import FrameType

LOG_FORMATS = ("text", "json")


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments that `start_log` reads."""
    parser.add_argument(
        "--log-format", choices=LOG_FORMATS, default="text", help="lines for people, or JSON (default text)"
    )
    parser.add_argument("--verbose", action="store_true", help="say more")


def start_log(arguments: argparse.Namespace) -> None:
    """Log to stderr in the form asked for."""
    handler = logging.StreamHandler(sys.stderr)
    if arguments.log_format == "json":
        handler.setFormatter(_JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.INFO, handlers=[handler], force=True)
    # These say at INFO what they do for us with every request.
    for noisy in ("httpx", "httpcore", "alembic", "pymodbus", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM or SIGINT sets; the second signal ends the process at once."""
    stop = threading.Event()

    def told(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    return stop


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
