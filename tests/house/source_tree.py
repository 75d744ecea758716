"""What the house tests look at: the files of the checkout, by part."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("contracts", "edge", "broker_config", "ingest", "storage", "calibration", "api", "firmware_sim", "cli")


@cache
def committed_files() -> tuple[Path, ...]:
    """All files that belong to the project: tracked ones, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = {Path(name) for name in listed.stdout.decode().split("\0") if name}
    else:  # an unpacked archive: everything but what tools leave behind
        skipped = {".venv", "__pycache__", ".git", ".hypothesis"}
        names = {
            path.relative_to(ROOT)
            for path in ROOT.rglob("*")
            if not skipped & set(path.parts) and not any(part.endswith("_cache") for part in path.parts)
        }
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def python_files(*folders: str) -> list[Path]:
    """Python files under the given top-level folders (relative paths)."""
    return [path for path in committed_files() if path.suffix == ".py" and path.parts[0] in folders]


def text_files() -> Iterator[tuple[Path, str]]:
    """Every committed file that is text, with its content."""
    for path in committed_files():
        try:
            yield path, (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a committed Python file."""
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything the file imports, at any depth; relative imports resolved.

    ``from package import name`` gives ``package.name``: whether `name` is a module is for the caller to judge.
    """
    package = path.parts[1:-1]  # the first part of the path is the source root
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [] if not node.level else list(package[: len(package) - node.level + 1])
            base += node.module.split(".") if node.module else []
            yield from ((node.lineno, ".".join([*base, alias.name])) for alias in node.names)
