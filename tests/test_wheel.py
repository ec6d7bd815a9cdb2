"""What is published: the wheel and the sdist hold what they should, and the wheel works the same under each Python."""

import functools
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import golden
import third_party

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The versions of Python that the classifiers promise.
PROMISED = sorted(
    (int(major), int(minor))
    for name in PROJECT["classifiers"]
    for major, minor in re.findall(r"^Programming Language :: Python :: (\d+)\.(\d+)$", name)
)
PROBE = """
import sys, sysconfig, venv, ensurepip
assert sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(sys.executable, *sys.version_info[:2], sep="\\n")
"""
SMOKE = """
import sys
from pathlib import Path
import numpy as np
from sklearn.datasets import load_iris
import foldstat
assert Path(foldstat.__file__).is_relative_to(sys.prefix), foldstat.__file__
X = load_iris().data
model = foldstat.GaussianMixture(3, random_state=0).fit(X)
print(sys.version_info.major, sys.version_info.minor, model.converged_, len(X), model.score(X), *sorted(model.weights_))
"""


def candidates():
    """Paths that may be a Python: this one, python3.x on the PATH, and what pyenv and uv have."""
    yield Path(sys.executable)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for path in sorted(Path(folder).glob("python3*")) if folder else []:
            if re.fullmatch(r"python3(\.\d+)?", path.name):
                yield path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.*/bin/python"))
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local/share/uv/python"))
    yield from sorted(uv.glob("cpython-3.*/bin/python3"))


@functools.cache
def pythons():
    """One CPython for each minor version that can make a virtual environment."""
    found = {}
    for path in candidates():
        # A shim on the PATH may name a version that is not installed: it then fails here.
        result = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
        if result.returncode == 0:
            executable, *version = result.stdout.split("\n")[:3]
            found.setdefault(tuple(map(int, version)), executable)
    return found


def built(variable, pattern, command):
    """The file `make pytest` names, or the one that the command built."""
    if variable in os.environ:
        return Path(os.environ[variable])
    found = sorted((ROOT / "target").glob(pattern))
    assert len(found) == 1, f"expected one target/{pattern}, found {len(found)}: run {command}"
    return found[0]


def wheel():
    return built("FOLDSTAT_WHEEL", "wheels/foldstat-*.whl", "make wheel")


def sdist():
    return built("FOLDSTAT_SDIST", "sdist/foldstat-*.tar.gz", "make sdist")


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """The compiled module, taken out of the wheel."""
    with zipfile.ZipFile(wheel()) as archive:
        (name,) = (name for name in archive.namelist() if re.search(r"/_core\.(.*\.)?(so|pyd)$", name))
        return Path(archive.extract(name, tmp_path_factory.mktemp("wheel")))


def test_the_licences_of_what_is_linked_in_are_listed():
    assert third_party.listed() == third_party.linked()


def test_the_wheel_has_the_licences():
    with zipfile.ZipFile(wheel()) as archive:
        names = {Path(name).name: name for name in archive.namelist() if "/licenses/" in name}
        assert sorted(names) == ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY.txt"]
        assert archive.read(names["THIRD-PARTY.txt"]) == (ROOT / "THIRD-PARTY.txt").read_bytes()


def test_the_wheel_tells_nothing_of_the_machine_that_built_it(module):
    strings = re.findall(rb"[\x20-\x7e]{6,}", module.read_bytes())
    private = [os.fsencode(path) for path in (ROOT, Path.home())]
    assert [text for text in strings if any(path + b"/" in text for path in private)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="manylinux is a promise about Linux")
def test_the_wheel_loads_on_systems_with_an_older_glibc():
    show = [sys.executable, "-m", "auditwheel", "show", "--json", wheel()]
    report = json.loads(subprocess.run(show, check=True, capture_output=True, text=True, timeout=120).stdout)
    oldest = f"manylinux_2_28_{platform.machine()}"
    # A version above 2.28 here is a function that src/glibc.rs should name.
    assert report["overall_tag"] == oldest, report["versioned_symbols"]
    assert wheel().name.endswith(f"-cp311-abi3-{oldest}.whl")
    assert report["external_libs"] == {}


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
def test_the_module_has_no_debug_sections_and_no_executable_stack(module):
    from elftools.elf.elffile import ELFFile

    with module.open("rb") as stream:
        elf = ELFFile(stream)
        assert [section.name for section in elf.iter_sections() if section.name.startswith(".debug")] == []
        (stack,) = (segment for segment in elf.iter_segments() if segment["p_type"] == "PT_GNU_STACK")
        assert stack["p_flags"] & 1 == 0


def test_the_sdist_has_what_the_build_needs():
    with tarfile.open(sdist()) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files", "src", "python"], cwd=ROOT, check=True, capture_output=True, text=True)
    needed = {*tracked.stdout.split(), "pyproject.toml", "Cargo.toml", "Cargo.lock", "README.md", "THIRD-PARTY.txt"}
    assert needed - inside == set()


def run(python, *arguments, **settings):
    """What a program prints, run away from the source tree so that only the wheel can be imported."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, *arguments], env=clean, capture_output=True, text=True, timeout=600, check=False, **settings
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=PROMISED, ids="{0[0]}.{0[1]}".format)
def installed(request, tmp_path_factory):
    """The Python of a new environment with the wheel in it, and its version."""
    version, found = request.param, pythons()
    if version not in found:
        have = ", ".join("{}.{}".format(*each) for each in sorted(found))
        pytest.skip("no CPython {}.{} on the PATH, in pyenv or uv; there are {}".format(*version, have))
    folder = tmp_path_factory.mktemp("python")
    run(found[version], "-m", "venv", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel())
    return python, version


@pytest.mark.timeout(900)  # an environment installs NumPy, SciPy and scikit-learn
def test_the_wheel_fits_iris_under_each_python(installed, tmp_path):
    python, version = installed
    major, minor, converged, n, score, *weights = run(python, "-c", SMOKE, cwd=tmp_path).split()
    assert (int(major), int(minor)) == version
    assert (converged, n) == ("True", "150")
    # scikit-learn's fit of the same model, which has one good optimum here.
    assert float(score) == pytest.approx(-1.20131, abs=1e-4)
    assert [float(weight) for weight in weights] == pytest.approx([0.30127, 0.33333, 0.36540], abs=1e-3)


@pytest.mark.timeout(900)
def test_the_wheel_gives_the_same_bits_under_each_python(installed, tmp_path, remark):
    python, version = installed
    *_, found = run(python, golden.__file__, cwd=tmp_path).split()
    remark("wheel under CPython {}.{}: digest of all results {}".format(*version, found))
    assert found == golden.digest_of_all()


def test_the_oldest_promised_python_is_the_one_the_wheel_asks_for():
    assert PROJECT["requires-python"] == ">={}.{}".format(*PROMISED[0])
    assert "-cp{}{}-abi3-".format(*PROMISED[0]) in wheel().name
    assert [(3, minor) for minor in range(PROMISED[0][1], PROMISED[-1][1] + 1)] == PROMISED
