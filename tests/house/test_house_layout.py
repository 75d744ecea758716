"""The shape of the checkout: one namespace package from many roots, short modules, names that say something."""

import re
from pathlib import Path

import pytest
from house.source_tree import PARTS, ROOT, committed_files, python_files, text_files


@pytest.mark.parametrize("part", PARTS)
def test_no_init_file_hides_the_other_roots(part: str) -> None:
    assert not (ROOT / part / "steelyard" / "__init__.py").exists()
    assert not (ROOT / part / "__init__.py").exists()


@pytest.mark.parametrize("part", PARTS)
def test_part_says_that_it_is_typed(part: str) -> None:
    assert (ROOT / part / "steelyard" / part / "py.typed").is_file()


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {
        path: len((ROOT / path).read_text().splitlines()) for path in python_files(*PARTS, "tests", "benchmarks")
    }
    assert {str(path): length for path, length in lengths.items() if length > 500} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty_names = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
    found = [str(path) for path in committed_files() if path.suffix == ".py" and empty_names & {path.stem, *path.parts}]
    assert found == []


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in python_files("tests") if path.name.startswith("test_")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_lock_file_pins_hashes_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(index-url|extra-index-url|find-links|trusted-host))\b", text, re.MULTILINE)
    requirements = re.findall(r"^[A-Za-z0-9].*$", text, re.MULTILINE)
    assert requirements
    for requirement in requirements:
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+( ; .*)? \\", requirement), requirement
    hashes = re.findall(r"^ {4}--hash=sha256:[0-9a-f]{64}( \\)?$", text, re.MULTILINE)
    assert len(hashes) >= len(requirements)


def test_no_file_names_a_directory_of_somebodys_machine() -> None:
    # In brackets, so that this file does not find itself.
    machine_path = re.compile(r"(?<![\w$}])/(?:[r]oot|[h]ome/\w+|[U]sers/\w+)/")
    found = [f"{path}: {match.group()}" for path, text in text_files() for match in machine_path.finditer(text)]
    assert found == []


def test_no_third_party_script_is_committed() -> None:
    minified = [str(path) for path in committed_files() if re.search(r"\.min\.(js|css)$|\.map$", path.name)]
    assert minified == []
    for path, text in text_files():
        if path.suffix in {".js", ".css"}:
            longest = max(map(len, text.splitlines()), default=0)
            assert longest < 500, f"{path} looks packed: a line of {longest} characters"
            assert not re.search(r"copyright|@license|sourceMappingURL", text, re.IGNORECASE), f"{path} is another's"


def test_no_page_loads_anything_from_elsewhere() -> None:
    foreign = re.compile(
        r"""(?:<(?:script|img|iframe|source|embed)\b[^>]*\bsrc|<link\b[^>]*\bhref)\s*=\s*["']?(?:https?:)?//"""
        r"""|@import\s+(?:url\()?["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|\bfrom\s+["']https?://""",
        re.IGNORECASE,
    )
    pages = {".html", ".css", ".js", ".jinja", ".j2", ".svg"}
    found = [f"{p}: {m.group()}" for p, text in text_files() if p.suffix in pages for m in foreign.finditer(text)]
    assert found == []


def test_readme_and_docs_link_only_to_files_that_exist() -> None:
    link = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(?:#[^)\s]*)?\)")
    code = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
    broken = [
        f"{path}: {target}"
        for path, text in text_files()
        if path.suffix == ".md"
        for target in link.findall(code.sub("", text))
        if not (ROOT / path).parent.joinpath(target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("index", ["docs/README.md", "docs/adr/README.md"])
def test_index_names_every_page_beside_and_below_it(index: str) -> None:
    folder = Path(index).parent
    pages = {
        path.relative_to(folder).as_posix()
        for path in committed_files()
        if path.suffix == ".md" and path.is_relative_to(folder) and path.name != "README.md"
    }
    if folder.name == "docs":  # decisions have an index of their own
        pages = {page for page in pages if not page.startswith("adr/")}
    text = (ROOT / index).read_text()
    assert sorted(page for page in pages if f"]({page})" not in text) == []
