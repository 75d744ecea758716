"""What the machine could give while a test ran: how much longer a plain loop took than the processor time it needed."""

import threading
import time

_PIECE_S = 0.01
_PAUSE_S = 0.5


class Slowdown:
    """Measures beside a test, as a context manager; `factor` is 1.0 on a machine that is free.

    Twice a second a loop counts for a hundredth of a second of processor time; how long that takes by the wall clock is
    what any other program had to put up with.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slowdown", daemon=True)
        self._wall_s = 0.0
        self._processor_s = 0.0

    @property
    def factor(self) -> float:
        """Wall time over processor time of all loops so far."""
        return max(1.0, self._wall_s / self._processor_s) if self._processor_s else 1.0

    def __enter__(self) -> "Slowdown":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_S):
            began, used = time.perf_counter(), time.thread_time()
            while time.thread_time() - used < _PIECE_S:
                pass
            self._processor_s += time.thread_time() - used
            self._wall_s += time.perf_counter() - began
