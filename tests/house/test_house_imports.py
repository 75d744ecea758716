"""What each part may import, where that is a short list. Forbidden directions are in .importlinter."""

import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from house.source_tree import imported_modules, python_files


def _strangers(files: Collection[Path], allowed: Collection[str]) -> list[str]:
    """Imports that are neither the standard library's nor below one of the allowed names."""
    return [
        f"{path}:{line} imports {module}"
        for path in files
        for line, module in imported_modules(path)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not any(module == name or module.startswith(f"{name}.") for name in allowed)
    ]


def test_contracts_import_the_standard_library_and_what_a_frame_needs() -> None:
    allowed = ("steelyard.contracts", "cbor2", "cryptography", "msgspec")
    assert _strangers(python_files("contracts"), allowed) == []


def test_contracts_do_no_input_or_output() -> None:
    doors = ("socket", "subprocess", "sqlite3", "http", "urllib", "asyncio", "ssl", "shutil", "tempfile", "mmap")
    through = [
        f"{path}:{line} imports {module}"
        for path in python_files("contracts")
        if path.name != "pace.py"  # with clock.py the adapter that tells the time: docs/adr/0007
        for line, module in imported_modules(path)
        if module.split(".")[0] in doors
    ]
    assert through == []


def test_edge_imports_contracts_and_the_broker_client_alone() -> None:
    allowed = (
        "steelyard.edge",
        "steelyard.contracts",
        "steelyard.broker_config.client",
        "steelyard.broker_config.settings",
        "steelyard.broker_config.errors",
        "msgspec",
        "pymodbus",
    )
    assert _strangers(python_files("edge"), allowed) == []


def test_simulator_imports_contracts_alone() -> None:
    allowed = ("steelyard.firmware_sim", "steelyard.contracts", "msgspec", "tomli_w")
    assert _strangers(python_files("firmware_sim"), allowed) == []


def test_engine_imports_no_other_part_of_the_project() -> None:
    engine = [path for path in python_files("calibration") if "engine" in path.parts]
    assert _strangers(engine, ("steelyard.calibration.engine", "numpy", "scipy")) == []


def test_law_holds_no_arrays() -> None:
    verification = [path for path in python_files("calibration") if "verification" in path.parts]
    allowed = (
        "steelyard.calibration.verification",
        "steelyard.calibration.catalogue",
        "steelyard.calibration.errors",
        "steelyard.calibration.mpe",
        "steelyard.calibration.settings",
        "steelyard.contracts",
        "msgspec",
    )
    assert _strangers(verification, allowed) == []


def test_the_catalogue_stands_below_the_law() -> None:
    catalogue = [path for path in python_files("calibration") if "catalogue" in path.parts]
    allowed = (
        "steelyard.calibration.catalogue",
        "steelyard.calibration.errors",
        "steelyard.calibration.mpe",
        "steelyard.contracts",
        "msgspec",
    )
    assert _strangers(catalogue, allowed) == []


def test_pymodbus_is_imported_by_one_module() -> None:
    users = {path for path in python_files("edge") for _, module in imported_modules(path) if "pymodbus" in module}
    assert len(users) <= 1


def test_paho_is_imported_by_one_module() -> None:
    parts = ("contracts", "edge", "broker_config", "ingest", "storage", "calibration", "api", "cli", "firmware_sim")
    users = {path for path in python_files(*parts) for _, module in imported_modules(path) if module.startswith("paho")}
    assert len(users) <= 1


@pytest.mark.parametrize("part", ["edge", "contracts", "firmware_sim"])
def test_part_has_modules_to_check(part: str) -> None:
    assert python_files(part)
