"""Imports run one way: which room of the package and of the crate may know which, imports for types included."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import foldstat

PACKAGE = Path(foldstat.__file__).parent
CRATE = Path(__file__).parents[1] / "src"

# Each knows those before it, and itself.
PYTHON_ROOMS = [
    "_common",
    "sources",
    "summary",
    "distributed",
    "mixture",
    "plot",
    "diagnostics",
    "walkers.densities",
    "walkers.density",
    "walkers._moves",
    "walkers.run",
    "walkers",
    "cells",
    "",
    "_demo",
    "__main__",
]
RUST_ROOMS = [
    "error",
    "memory",
    "bytes",
    "fold",
    "rows",
    "simd",
    "rng",
    "lapack",
    "linalg",
    "mixture",
    "pairwise",
    "summary",
    "diagnostics",
    "walkers",
    "python",
    "lib",
]


def module_of(path):
    """The name of a module below foldstat."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module):
    """The room that a module is in."""
    return max((room for room in PYTHON_ROOMS if f"{module}.".startswith(f"{room}.") or not room), key=len)


def known_by(module):
    """Modules that one imports, wherever in it and whatever for."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name == "foldstat":
                yield ""
            below = name.removeprefix("foldstat.")
            if below != name and not below.startswith("_core"):
                # A name in a package is a module of it, or something that it defines.
                yield below if below in MODULES else below.rpartition(".")[0]


def graph():
    return {module: set(known_by(module)) - {module} for module in MODULES}


def test_no_module_imports_itself_by_way_of_others():
    """Not even for types, nor inside of functions."""
    graphlib.TopologicalSorter(graph()).prepare()


def test_a_cycle_is_noticed():
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph() | {"_common.arrays": {"mixture._plot"}}).prepare()


def test_rooms_of_the_package_know_those_before_them_only():
    rank = {room: i for i, room in enumerate(PYTHON_ROOMS)}
    upwards = [
        (module, known)
        for module, others in graph().items()
        for known in others
        if rank[room_of(known)] > rank[room_of(module)]
    ]
    assert upwards == []
    assert {room_of(module) for module in MODULES} == set(PYTHON_ROOMS)


def test_public_modules_show_their_public_names():
    for module in (
        "cells",
        "diagnostics",
        "distributed",
        "mixture",
        "plot",
        "sources",
        "summary",
        "walkers",
        "walkers.densities",
    ):
        found = foldstat
        for name in module.split("."):
            found = getattr(found, name)
        assert dir(found) == sorted(found.__all__), module


IMPORTS = ["import foldstat", "import foldstat.mixture", "import foldstat.walkers", "from foldstat import Summary"]


@pytest.mark.parametrize("together", [(0, 1), (1, 2), (1, 3), (2, 3), (1, 2, 3)])
def test_threads_import_rooms_at_the_same_time(together):
    program = f"""
import threading
statements, errors = {[IMPORTS[i] for i in together]}, []
barrier = threading.Barrier(len(statements))
def run(statement):
    barrier.wait()
    try:
        exec(statement, {{}})
    except BaseException as error:
        errors.append((statement, repr(error)))
threads = [threading.Thread(target=run, args=(statement,)) for statement in statements]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert errors == [], errors
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], check=True)


def rust_room_of(path):
    return path.relative_to(CRATE).parts[0].removesuffix(".rs")


def rust_files():
    """Every source of the crate, but the one that only gives names to the linker."""
    return [path for path in sorted(CRATE.rglob("*.rs")) if rust_room_of(path) != "glibc"]


def test_rooms_of_the_crate_know_those_before_them_only():
    rank = {room: i for i, room in enumerate(RUST_ROOMS)}
    upwards = [
        (str(path.relative_to(CRATE)), known)
        for path in rust_files()
        for known in re.findall(r"crate::(\w+)", path.read_text())
        if rank.get(known, -1) > rank[rust_room_of(path)]
    ]
    assert upwards == []
    assert {rust_room_of(path) for path in rust_files()} == set(RUST_ROOMS)
    assert [path for path in rust_files() if "crate::{" in path.read_text()] == [], "each import names its room"


def test_only_the_boundary_knows_python():
    knows = {rust_room_of(path) for path in rust_files() if re.search(r"\b(pyo3|numpy)::", path.read_text())}
    assert knows == {"lapack", "lib", "python"}
