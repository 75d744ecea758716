"""R1: SIGKILL in the middle of transactions loses nothing that was acknowledged and leaves no half of a batch.

(What only a power cut can lose, kill -9 never shows: that WAL and FULL are set is tested beside this.)
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steelyard.contracts.identifiers import BootId, GatewayId
from steelyard.storage.ledger import Ledger, verify_ledger

GW, BOOT = GatewayId("gw-1"), BootId("00000001-0a0b0c0d")
BATCH = 17

# Appends batches for ever, one story a number, and says after each commit how far it has come.
_WRITER = f"""
import sys
from steelyard.storage.ledger import FrameEntry, Ledger
ledger = Ledger(sys.argv[1], min_free_bytes=0)
seq = ledger.size
while True:
    batch = range(seq + 1, seq + {BATCH} + 1)
    ledger.append([
        FrameEntry(gateway="{GW}", boot="{BOOT}", seq=n, received_ns=n, message=b"frame %d " % n * 40) for n in batch
    ])
    seq += {BATCH}
    ledger.advance_view("readings", seq)
    print(seq, flush=True)
"""


@pytest.mark.slow
def test_r1_every_acknowledged_frame_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    dice = random.Random(9)
    acknowledged = 0
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(dice.randint(2, 20))]
            time.sleep(dice.uniform(0.0, 0.01))  # into another moment of a transaction each time
            writer.kill()
            acknowledged = max(acknowledged, *(int(line) for line in [*told, *writer.stdout] if line.endswith("\n")))

        with Ledger(path, min_free_bytes=0) as ledger:
            frames = ledger.frames(0, 1_000_000)
            assert ledger.size >= acknowledged
            assert ledger.size % BATCH == 0  # no half of a batch
            assert [frame.seq for frame in frames] == list(range(1, ledger.size + 1))  # none lost, none twice
            assert all(frame.message == b"frame %d " % frame.seq * 40 for frame in frames)  # none altered
            assert ledger.contiguous_upto(GW, BOOT) == ledger.size
            assert ledger.view_position("readings") <= ledger.size
            assert verify_ledger(path).head == ledger.head()
    assert acknowledged > 8 * BATCH
