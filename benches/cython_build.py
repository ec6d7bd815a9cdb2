"""Compile the Cython cells, in a directory of its own, with two sets of compiler options."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("cython_cells.pyx")

# -ffast-math is for the compiler only: linked in, it would switch off subnormal
# numbers for the whole process and so for everything measured later.
OPTIONS = {
    "plain": ["-O3"],
    "native": ["-O3", "-march=native", "-ffast-math"],
}

_SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    script_args=["build_ext", "--inplace"],
    ext_modules=cythonize([
        Extension(
            name,
            [name + ".pyx"],
            extra_compile_args=["-fopenmp", *options],
            extra_link_args=["-fopenmp"],
        )
        for name, options in {options!r}.items()
    ], quiet=True),
)
"""


def compile_cells():
    """One imported module for each set of compiler options."""
    directory = Path(tempfile.mkdtemp(prefix="cython_cells_"))
    try:
        options = {f"cython_cells_{name}": flags for name, flags in OPTIONS.items()}
        for name in options:
            shutil.copy(SOURCE, directory / f"{name}.pyx")
        (directory / "setup.py").write_text(_SETUP.replace("{options!r}", repr(options)))
        done = subprocess.run([sys.executable, "setup.py"], cwd=directory, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"The Cython cells did not compile:\n{done.stdout}\n{done.stderr}")
        return {name: _load(directory, f"cython_cells_{name}") for name in OPTIONS}
    finally:
        # Loaded modules stay mapped after their files are gone.
        shutil.rmtree(directory)


def _load(directory, name):
    (path,) = directory.glob(f"{name}.*.so")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
