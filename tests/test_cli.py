"""The command line, run as people run it: in a process of its own."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import scipy
from threadpoolctl import threadpool_info

import foldstat

DATA = Path(__file__).parents[1] / "notebooks" / "data" / "faithful.csv"


def command(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "foldstat", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=280,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    result = command("demo", "--rows", 20_000, "--output", "pictures/fit.png", cwd=folder, PYTHONIOENCODING="utf-8")
    assert result.returncode == 0, result.stderr
    return folder, result


def test_info_says_what_is_installed(tmp_path):
    result = command("info", cwd=tmp_path, FOLDSTAT_NUM_THREADS="3")
    assert result.returncode == 0, result.stderr
    report = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert report["foldstat"] == foldstat.__version__
    assert report["python"] == platform.python_version()
    assert report["numpy"] == np.__version__
    assert report["scipy"] == scipy.__version__
    assert report["threads"] == "3"
    assert report["simd"] in {"avx512", "avx2", "neon", "scalar"}
    assert "cython_lapack" in report["lapack"]


def test_info_as_json_is_the_same_report(tmp_path):
    result = command("info", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = command("info", cwd=tmp_path).stdout.splitlines()
    assert {name: str(value) for name, value in json.loads(result.stdout).items()} == dict(
        line.split(maxsplit=1) for line in lines
    )


def test_info_shows_a_lowered_simd_level(tmp_path):
    result = command("info", "--json", cwd=tmp_path, FOLDSTAT_SIMD="scalar")
    assert json.loads(result.stdout)["simd"] == "scalar"


def test_no_command_is_a_usage_error(tmp_path):
    result = command(cwd=tmp_path)
    assert result.returncode == 2
    assert "usage: python -m foldstat" in result.stderr


def test_demo_finds_the_four_clouds(demo):
    _, result = demo
    part = result.stdout.split("2. Old Faithful")[0]
    assert "80,000 points" in part
    number = r"(-?\d[\d.e+-]*)"
    rows = re.findall(rf"^   {number}   \({number}, {number}\) +\[{number}, ", part, flags=re.MULTILINE)
    found = np.array(rows, dtype=float)
    assert found.shape == (4, 4)
    np.testing.assert_allclose(found[:, 0], 0.25, atol=0.01)
    np.testing.assert_allclose(found[:, 1], [0, 5, 10, 15], atol=0.05)
    np.testing.assert_allclose(found[:, 2], [0, 5, 10, 15], atol=0.05)
    np.testing.assert_allclose(found[:, 3], 1.0, atol=0.05)


def test_demo_agrees_with_scikit_learn_and_says_how_fast_it_was(demo):
    _, result = demo
    difference = re.search(r"from the same start the two differ by (\S+) at most", result.stdout)
    assert float(difference[1]) < 1e-9
    assert (
        len(re.findall(r"best of several: .*scikit-learn \S+ (?:s|ms|µs): \d+\.\d times as fast", result.stdout)) == 2
    )


def test_demo_times_warm_fits_and_spares_scikit_learn_threads_that_wait(monkeypatch, capsys):
    """A clock that only fits move: a first fit takes 1000 s and one on several threads 500 s; foldstat's take 1 s."""
    from foldstat import GaussianMixture, _demo

    clock, fits = [0.0], []

    def fit(estimator, choice, geyser):
        peer = estimator is _demo.SklearnMixture
        threads = max(library["num_threads"] for library in threadpool_info())
        clock[0] += (1000 if peer not in fits else 500 if threads > 1 else 9 - fits.count(True)) if peer else 1
        fits.append(peer)
        return fitted[choice] if not peer else GaussianMixture(1).fit(geyser)

    geyser = _demo.load_geyser(None)
    fitted = {
        (family, k): _demo._fit_geyser(GaussianMixture, (family, k), geyser)
        for family in _demo.FAMILIES
        for k in _demo.COMPONENTS
    }
    monkeypatch.setattr(_demo, "_fit_geyser", fit)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    _demo.select_geyser(geyser)
    assert fits.count(True) == 1 + _demo.FITS
    assert f"{9 - _demo.FITS}.0 times as fast" in capsys.readouterr().out


def test_demo_does_not_count_scikit_learns_first_iteration(monkeypatch):
    from foldstat import _demo

    class Clock(_demo.IterationClock):
        def write(self, text):
            result = super().write(text)
            self.ticks = [0.0, 1.0, 11.0, 21.0, 31.0][: len(self.ticks)]
            return result

    monkeypatch.setattr(_demo, "IterationClock", Clock)
    assert _demo._sklearn_em(_demo.clouds(50, seed=0), _demo.Parameters.truth())[1] == 10.0


def test_demo_says_what_it_ran_on(demo):
    _, result = demo
    assert re.search(r"foldstat \S+ with (avx512|avx2|neon|scalar) instructions and \d+ threads", result.stdout)


@pytest.mark.parametrize(("load", "said"), [(100.0 * (os.cpu_count() or 1), True), (0.0, False)])
def test_demo_says_when_the_machine_is_too_busy_to_compare(monkeypatch, capsys, load, said):
    from foldstat import _demo

    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    _demo._warn_if_busy()
    assert ("busy with other work" in capsys.readouterr().out) is said


def test_demo_chooses_the_mixture_mclust_chooses(demo):
    """R's mclust selects one ellipsoid for all of three components (EEE, 3), BIC -2314.316 in its sign."""
    _, result = demo
    chosen = re.search(r"chosen: (.*), BIC (\S+)$", result.stdout, flags=re.MULTILINE)
    assert chosen[1] == "3 components, tied covariance"
    assert float(chosen[2]) == pytest.approx(2314.316, abs=0.05)
    assert float(re.search(r"\(its BIC: (\S+)\)", result.stdout)[1]) == pytest.approx(2314.316, abs=0.05)
    assert len(re.findall(r"^   \d components? .*\d+\.\d.*$", result.stdout, flags=re.MULTILINE)) == 6


def test_demo_writes_the_picture_it_names(demo):
    folder, result = demo
    named = Path(re.search(r"^Picture: (.*)$", result.stdout, flags=re.MULTILINE)[1])
    assert named == folder / "pictures" / "fit.png"
    picture = matplotlib.image.imread(named)
    assert picture.shape[0] > 500
    assert picture.shape[1] > 1000
    assert len(np.unique(picture[::4, ::4, :3].reshape(-1, 3), axis=0)) > 50  # not an empty canvas


def test_demo_shows_progress(demo):
    _, result = demo
    assert "scikit-learn" in result.stderr
    assert "model selection" in result.stderr


def test_demo_reads_the_data_it_is_given(tmp_path):
    rows = DATA.read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join(rows[:101]))
    result = command("demo", "--rows", 500, "--data", "fewer.csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Old Faithful: 100 eruptions" in result.stdout
    assert (tmp_path / "foldstat-demo.png").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--data notebooks/data/faithful.csv"),
        ("a,b\n1,2\n3,4\n", "columns eruptions and waiting"),
        ("eruptions,waiting\n1,2\n3,many\n", "not a number"),
    ],
)
def test_demo_explains_data_it_cannot_use(tmp_path, content, message):
    if content is not None:
        (tmp_path / "odd.csv").write_text(content)
    result = command("demo", "--rows", 500, "--data", "odd.csv", cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_demo_refuses_no_rows(tmp_path):
    result = command("demo", "--rows", 0, cwd=tmp_path)
    assert result.returncode == 2
    assert "at least 1" in result.stderr


def test_the_packaged_data_are_those_of_the_notebooks():
    packaged = Path(foldstat.__file__).parent / "_data" / "faithful.csv"
    assert packaged.read_bytes() == DATA.read_bytes()
