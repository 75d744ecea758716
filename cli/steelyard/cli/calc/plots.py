"""Drawing what was calculated, into PNG or SVG. Matplotlib is imported only when something is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.cli.errors import CommandError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = (".png", ".svg")


@contextmanager
def drawing(path: Path, *, width: float = 7.0, height: float = 4.5) -> Iterator[Figure]:
    """A figure of `width` x `height` inches to draw on; it is written to `path` at the end.

    The same data give the same bytes. Raises CommandError for another ending than .png or .svg, for a path that cannot
    be written, and where Matplotlib is not installed.
    """
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise CommandError(f"--plot: {path}: must end in {' or '.join(_FORMATS)}")
    try:
        import matplotlib as mpl  # noqa: PLC0415 - half a second that only a drawing may cost
        from matplotlib.figure import Figure  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise CommandError(f"--plot: needs Matplotlib ({error.name}): pip install 'steelyard[plot]'") from error
    with mpl.rc_context({"svg.hashsalt": "steelyard", "axes.grid": True, "grid.alpha": 0.3, "font.size": 9.0}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        try:
            figure.savefig(path, format=ending[1:], dpi=150, metadata={"Date": None} if ending == ".svg" else None)
        except OSError as error:
            raise CommandError(f"--plot: cannot write {path}: {error.strerror}") from error
