"""Run a gateway and write down every frame that has reached its spool: `edge_with_journal.py CONFIG JOURNAL RULE`.

The journal is the oracle of the kill test: what stands in it was durable, so it must end up in the ledger. A line is
written after the spool's commit and before anything is sent; a SIGKILL cannot take back what `write` has given to the
kernel. RULE is the name of an `edge.sender.ForgetOn`: RECEIPT is how gateways work, PUBACK is the control.

On SIGTERM it ends when everything is sent, however long a busy machine takes for that, and what has no receipt is sent
again after a second.
"""

import functools
import logging
import os
import signal
import sys
import threading
from hashlib import sha256
from pathlib import Path

from steelyard.edge import agent as agent_module
from steelyard.edge import sender
from steelyard.edge.agent import Agent, run_edge
from steelyard.edge.frames import SignedFrame
from steelyard.edge.sender import ForgetOn

FAREWELL_S = 300.0
RESEND_AFTER_NS = 1_000_000_000


def main() -> None:
    config, journal, rule = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    original = Agent._on_stored

    def on_stored(agent: Agent, frames: list[SignedFrame]) -> None:
        lines = [f"{frame.boot} {frame.seq} {sha256(frame.message).hexdigest()}\n" for frame in frames]
        os.write(file, "".join(lines).encode())
        original(agent, frames)

    Agent._on_stored = on_stored  # type: ignore[method-assign]
    agent_module.FAREWELL_S = FAREWELL_S
    sender.WindowLimits = functools.partial(sender.WindowLimits, resend_after_ns=RESEND_AFTER_NS)  # type: ignore[misc, assignment]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_edge(Path(config), stop, forget_on=ForgetOn[rule])


if __name__ == "__main__":
    main()
