"""What is published: the wheel and the sdist hold what they should, and the wheel works under each other Python."""

import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import third_party

OLDEST = (3, 11)
ROOT = Path(__file__).parents[1]
PROBE = "import sys, venv, ensurepip; print(sys.executable, *sys.version_info[:2], sep='\\n')"
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
    """Paths that may be a Python: python3.x on the PATH, and every version pyenv has."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for path in sorted(Path(folder).glob("python3*")) if folder else []:
            if re.fullmatch(r"python3(\.\d+)?", path.name):
                yield path
    if "PYENV_ROOT" in os.environ:
        yield from sorted(Path(os.environ["PYENV_ROOT"]).glob("versions/3.*/bin/python"))


def other_pythons():
    """One executable for each minor version from 3.11 on, except the one running."""
    found = {}
    for path in candidates():
        # A shim on the PATH may name a version that is not installed: it then fails here.
        result = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=60)
        if result.returncode == 0:
            executable, *version = result.stdout.split("\n")[:3]
            found.setdefault(tuple(map(int, version)), executable)
    found.pop(sys.version_info[:2], None)
    return {version: path for version, path in sorted(found.items()) if version >= OLDEST}


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


@pytest.mark.timeout(900)  # each environment installs NumPy, SciPy and scikit-learn
def test_the_wheel_fits_iris_under_each_other_python(tmp_path, capsys):
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python >= 3.11 on the PATH or under PYENV_ROOT")
    assert "abi3" in wheel().name
    for version, executable in pythons.items():
        folder = tmp_path / "python{}.{}".format(*version)
        subprocess.run([executable, "-m", "venv", folder], check=True, timeout=120)
        python = folder / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel()]
        subprocess.run(install, check=True, timeout=600)
        # Away from the source tree, so that only the wheel can be imported.
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        result = subprocess.run(
            [python, "-c", SMOKE], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, result.stderr
        major, minor, converged, n, score, *weights = result.stdout.split()
        with capsys.disabled():
            print(f"\nwheel under Python {major}.{minor}: iris, mean log-likelihood {float(score):.6f}")
        assert (int(major), int(minor)) == version
        assert (converged, n) == ("True", "150")
        # scikit-learn's fit of the same model, which has one good optimum here.
        assert float(score) == pytest.approx(-1.20131, abs=1e-4)
        assert [float(weight) for weight in weights] == pytest.approx([0.30127, 0.33333, 0.36540], abs=1e-3)
