"""The wheel works where it lands: in a fresh environment of each other Python on this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

OLDEST = (3, 11)
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


def wheel():
    """The wheel `make pytest` names, or the one `make wheel` built."""
    if "FOLDSTAT_WHEEL" in os.environ:
        return Path(os.environ["FOLDSTAT_WHEEL"])
    built = sorted((Path(__file__).parents[1] / "target" / "wheels").glob("foldstat-*.whl"))
    assert len(built) == 1, f"expected one wheel in target/wheels, found {len(built)}: run make wheel"
    return built[0]


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
