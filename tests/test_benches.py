"""The benches run, compare equal work, and report what they find. No test asserts a time."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import foldstat

BENCHES = Path(__file__).parent.parent / "benches"

SUMMARY_BARS = {
    "summary-polars": ("at least", 1),
    "summary-numpy": ("at least", 4),
    "summary-pandas": ("at least", 20),
    "summary-bitrep": ("at least", 100),
    "summary-fsum": ("at least", 30),
    "summary-wide": ("at most", 4),
    "summary-times": ("at most", 2),
    "summary-weights": ("at most", 2),
    "summary-best": ("at most", 1.3),
    "summary-quantiles": ("at most", 4),
    "summary-columns": ("at most", 1),
    "summary-groups": ("at most", 5),
    "summary-merge-all": ("at most", 2),
    "summary-sum": ("at most", 2),
    "summary-bytes": ("at most", 600),
}

STREAMING_BARS = {
    "streaming-npy": ("at least", 0.95),
    "streaming-memory-map": ("at least", 0.95),
    "streaming-parquet": ("at least", 0.6),
    "streaming-dask": ("at most", 10),
    "describe-pandas": ("at least", 3),
    "describe-polars": ("at least", 1),
    "streaming-memory-npy": ("at most", 256),
    "streaming-memory-parquet": ("at most", 256),
}

WALKERS_BARS = {
    "walkers-function": ("at least", 250),
    "walkers-function-emcee": ("at least", 40),
    "walkers-built-in": ("at least", 4000),
    "walkers-built-in-emcee": ("at least", 600),
    "walkers-vectorised": ("at least", 8),
    "walkers-ess-built-in": ("at least", 100),
    "walkers-ess-function": ("at least", 100),
    "walkers-ess-schools": ("at least", 30),
    "walkers-threads-built-in": ("at least", 1.9),
    "walkers-threads-function": ("at least", 1.9),
    "walkers-threads-schools": ("at least", 1.9),
    "walkers-memory": ("at most", 16),
    "diagnostics-arviz": ("at least", 20),
}

SELECTION_BARS = {"select-iris": ("at most", 0.5), "select-rows": ("at most", 15)}


@pytest.fixture(autouse=True)
def benches_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHES))


def run_bench(*arguments, program="run.py"):
    return subprocess.run([sys.executable, program, *arguments], cwd=BENCHES, capture_output=True, text=True)


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
    bars = {result["key"]: (result["bar_is"], result["bar"]) for result in results}
    assert SUMMARY_BARS.items() <= bars.items()
    assert WALKERS_BARS.items() <= bars.items()
    assert STREAMING_BARS.items() <= bars.items()
    assert SELECTION_BARS.items() <= bars.items()


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


def test_published_posteriors_are_walked_over_by_all_who_are_there(tmp_path):
    output = tmp_path / "posteriors.json"
    names = ["Rate_5_data-Rate_5_model", "wells_data-wells_dist"]
    only = [argument for name in names for argument in ("--only", name)]
    done = run_bench("--quick", *only, "--json", str(output), program="walkers_posteriors.py")
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text(encoding="utf-8"))["results"]
    assert sorted(result["name"] for result in results) == sorted(names)
    for result in results:
        assert result["name"] in done.stdout
        assert set(result["emcee"]) == {"Stretch", "DE + Snooker"}
        assert result["foldstat"]["ess_per_1000_evaluations"] > 0
    assert "emcee's best on each of 2 posteriors" in done.stdout
    assert "nutpie" in done.stdout


def test_draws_of_another_posterior_count_for_nothing():
    from walkers_posteriors import Compared, Lengths, Walked

    draws = np.random.default_rng(0).normal(size=(4, 500, 2))
    sd = np.ones(2)
    good, narrow = (Walked.of(scale * draws, sd, Lengths()) for scale in (1.0, 0.85))
    draws[0] += 1.0
    none = Walked.of(draws, sd, Lengths())
    assert good.ess > 1500
    assert (none.ess, none.per_evaluation) == (0.0, 0.0)
    assert none.r_hat > 1.05
    assert (narrow.ess, narrow.r_hat) == (0.0, good.r_hat)

    def verdict(ours, *theirs):
        emcee = dict(zip("ab", theirs, strict=True))
        return Compared("a", 2, "", ours, emcee, {}).verdict

    assert verdict(good, none, good) == "reached"
    assert verdict(none, none, good) == "SHORT"
    assert verdict(none, none, none) == "found by neither"


def test_an_unknown_posterior_is_an_error():
    done = run_bench("--only", "kidney", program="walkers_posteriors.py")
    assert done.returncode != 0
    assert "kidney" in done.stderr


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


def quick():
    from run import Settings

    return Settings(threads=2, repeats=1, factor=500, seconds=0.01)


def test_numbers_to_summarise():
    from summary_data import keys, narrow, wide

    x = narrow(100_000)
    np.testing.assert_allclose([x.mean(), x.std()], [8.342, 1.0], atol=0.02)
    exponents = np.frexp(wide(100_000))[1]
    # The binade of a normal number itself spreads by a few.
    assert -330 < exponents.min() < -295
    assert 295 < exponents.max() < 310
    assert (wide(100_000) < 0).any()
    assert set(keys(100_000)) == set(range(1000))
    for values in (x, wide(100_000)):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0.0


@pytest.mark.parametrize("wrong", range(7), ids=["count", "min", "max", "sum", "mean", "var", "std"])
def test_no_statistic_may_differ_from_a_peer(wrong, monkeypatch):
    import summary

    def nearly(value):
        statistics = [*right(value)]
        statistics[wrong] += 1e-6 * (1 + abs(statistics[wrong]))
        return statistics

    right = summary.statistics
    monkeypatch.setattr(summary, "statistics", nearly)
    with pytest.raises(ArithmeticError, match="statistics by NumPy: results differ"):
        summary.against_numpy(quick())


def test_a_sum_that_is_off_by_one_bit_is_not_compared_to_fsum(monkeypatch):
    import summary

    def nearly(value):
        statistics = [*right(value)]
        statistics[3] = np.nextafter(statistics[3], np.inf)
        return statistics

    right = summary.statistics
    monkeypatch.setattr(summary, "statistics", nearly)
    with pytest.raises(ArithmeticError, match="the correctly rounded sum: results differ"):
        summary.against_fsum(quick())


def test_one_value_astray_among_groups_is_found(monkeypatch):
    import summary_cost

    summarize = foldstat.summarize

    def astray(x, by, n_jobs):
        by = by.copy()
        by[np.flatnonzero(by == 7)[0]] = 8
        return summarize(x, by=by, n_jobs=n_jobs)

    monkeypatch.setattr(foldstat, "summarize", astray)
    with pytest.raises(ArithmeticError, match="a group: the summaries differ"):
        summary_cost.groups(quick())


def test_every_contestant_has_the_same_three_gaussians():
    import walkers_targets as targets

    points = targets.starts(targets.three(), 50)
    targets.same_density("NumPy", targets.three(), targets.log_density, points)
    logarithms = [targets.log_density_of_coordinates(x, y) for x, y in points]
    np.testing.assert_allclose(np.exp(logarithms), [targets.density(x, y) for x, y in points], rtol=1e-13)
    np.testing.assert_allclose(targets.log_density(points), logarithms, rtol=1e-12, atol=1e-13)
    with pytest.raises(ArithmeticError, match="wider: results differ"):
        targets.same_density("wider", targets.three(), lambda x: 0.99 * targets.log_density(x), points)


def test_eight_schools_are_the_same_for_emcee():
    import walkers_targets as targets

    schools = foldstat.walkers.densities.EightSchools()
    points = targets.starts(schools, 50)
    together = targets.compiled_schools()
    targets.same_density("eight schools", schools, together, points)
    np.testing.assert_allclose(together(points), [targets.schools(point) for point in points], rtol=1e-13)


def test_the_loop_of_the_notebook_walks_to_the_target():
    import walkers_targets as targets

    uniform = np.random.default_rng(0).uniform
    points = targets.python_loop(targets.density, 0.0, 0.0, 50_000, 2.5, uniform)
    targets.same_modes("the loop", points, targets.three(), 0.2)
    with pytest.raises(ArithmeticError, match="means of half the loop: results differ"):
        targets.same_modes("half the loop", [p for p in points if p[0] < 1.5], targets.three(), 0.2)


def test_walks_that_disagree_are_worth_nothing():
    from dataclasses import replace

    import walkers_ess

    full = replace(quick(), factor=1)
    draws = np.random.default_rng(0).normal(size=(4, 500, 2))
    assert walkers_ess.effective(draws, full) > 1000
    draws[0] += 1.0
    assert walkers_ess.effective(draws, full) == 0.0
    with pytest.raises(ArithmeticError, match="R-hat is too large"):
        walkers_ess.best({"astray": None}, {"astray": 1.0}, {"astray": draws}, full)


def test_walks_of_another_target_are_not_compared():
    import walkers_ess

    a, b = np.random.default_rng(0).normal(size=(2, 4, 500, 2))
    walkers_ess.same_moments("a target", a, b)
    with pytest.raises(ArithmeticError, match="mean of a target: results differ"):
        walkers_ess.same_moments("a target", a + 0.5, b)
    with pytest.raises(ArithmeticError, match="std of a target: results differ"):
        walkers_ess.same_moments("a target", 2 * a, b)


def test_threads_must_not_change_a_draw(monkeypatch):
    import walkers_cost

    our_walk = walkers_cost.our_walk

    def astray(density, start, n_steps, settings, **options):
        return our_walk(density, start + (settings.threads == 1) * 1e-9, n_steps, settings, **options)

    monkeypatch.setattr(walkers_cost, "our_walk", astray)
    with pytest.raises(ArithmeticError, match="draws depend on the number of threads"):
        walkers_cost.threads_built_in(quick())
