"""Which file of `foldstat.walkers.run` may know which, imports for types included."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import foldstat

FOLDER = Path(foldstat.__file__).parent / "walkers" / "run"
PACKAGE = "foldstat.walkers.run"
LAYERS = [
    {"_converged", "_histogram", "_file"},
    {"_moments_bytes"},
    {"_moments"},
    {"_settings", "_table"},
    {"_walked"},
    {"_labelled", "_save", "_plot", "_html"},
    {"_arviz", "_xarray", "_frame"},
    {"_run"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = sorted(path.stem for path in FOLDER.glob("_*.py") if path.stem != "__init__")


def imported(source):
    """Files of the package that are imported anywhere in a source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            yield node.module.split(".")[3]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[3] for alias in node.names if alias.name.startswith(f"{PACKAGE}."))


def test_every_file_has_a_layer():
    assert sorted(RANK) == FILES


@pytest.mark.parametrize("name", FILES)
def test_imports_run_one_way(name):
    found = set(imported((FOLDER / f"{name}.py").read_text()))
    assert {other for other in found if RANK[other] >= RANK[name]} == set()


def test_the_package_itself_imports_nothing():
    """So that what walks may take settings without taking what looks at the result."""
    assert list(imported((FOLDER / "__init__.py").read_text())) == []
