"""The benches run, compare equal work, and report what they find. No test asserts a time."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHES = Path(__file__).parent.parent / "benches"


@pytest.fixture(autouse=True)
def benches_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHES))


def run_bench(*arguments):
    return subprocess.run([sys.executable, "run.py", *arguments], cwd=BENCHES, capture_output=True, text=True)


@pytest.mark.timeout(600)
def test_the_quick_bench_measures_every_row(tmp_path):
    names = run_bench("--list").stdout.split()
    done = run_bench("--quick", "--json", str(tmp_path / "bench.json"))
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    results = document["results"]
    measured = [result["key"] for result in results]
    assert len(set(measured)) == len(measured)
    assert set(names) <= set(measured)
    for result in results:
        assert result["label"] in done.stdout
        assert result["verdict"] in {
            "reached",
            "SHORT",
            "for information",
            "too short to measure",
        }
    assert document["machine"]["threads"] == 2
    assert {result["bar"] for result in results} >= {70, 35, 25, 10, 8, 6, 12, 40, 20, 64, 1.9}


def test_only_measures_what_was_asked_for(tmp_path):
    output = tmp_path / "bench.json"
    done = run_bench("--quick", "--only", "one-*", "--json", str(output))
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(output.read_text(encoding="utf-8"))["results"]
    assert result["key"] == "one-row"


def test_an_unknown_row_is_an_error():
    done = run_bench("--only", "full-7")
    assert done.returncode != 0
    assert "full-7" in done.stderr


def test_disagreement_is_not_compared():
    from results import agree

    agree("the same", [1.0, 2.0], [1.0, 2.0 + 1e-12], 1e-9)
    with pytest.raises(ArithmeticError, match="a bound: results differ"):
        agree("a bound", [1.0, 2.0], [1.0, 2.1], 1e-9)
    with pytest.raises(ArithmeticError, match="results differ by nan"):
        agree("a bound", [np.nan], [1.0], 1e-9)


def test_verdicts():
    from results import Result, ratio

    assert Result("a", "a", 71.0, "×", bar=70).verdict == "reached"
    assert Result("a", "a", 69.0, "×", bar=70).verdict == "SHORT"
    assert Result("a", "a", 65.0, "MB", bar=64, at_most=True).verdict == "SHORT"
    assert Result("a", "a", ratio(3.0, 2.0), "×").value == 1.5
    assert Result("a", "a", ratio(3.0, -1e-9), "×", bar=1).verdict == "too short to measure"


@pytest.mark.parametrize("family", ["full", "tied", "diag"])
def test_rows_are_drawn_from_the_mixture(family):
    from cases import Case, draw, true_mixture

    rng = np.random.default_rng(0)
    mixture = true_mixture(Case(family, 0, 3, 2, bar=0, data="separated"), rng)
    X = draw(mixture, 200_000, rng)
    full = {
        "full": mixture.covariances,
        "tied": [mixture.covariances] * 2,
        "diag": [np.diag(variances) for variances in mixture.covariances],
    }[family]
    mean = mixture.weights @ mixture.means
    spread = sum(
        weight * (covariance + np.outer(m - mean, m - mean))
        for weight, covariance, m in zip(mixture.weights, full, mixture.means, strict=True)
    )
    np.testing.assert_allclose(X.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(X.T), spread, atol=0.1)


def test_an_iteration_is_the_difference_of_two_fits(monkeypatch):
    import timing

    clock = [0.0]
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def fit(iterations):
        clock[0] += 5.0 + 0.25 * iterations  # a long set-up, then the iterations
        return iterations

    measured = timing.seconds_per_iteration({"a": timing.Contestant(fit, 1, 9)}, 2, 1)
    assert measured == {"a": (0.25, 9)}
