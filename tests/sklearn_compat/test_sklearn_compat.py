"""scikit-learn's own tests of its mixtures pass with foldstat's classes in their places."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

HERE = Path(__file__).parent
DESELECTED = json.loads((HERE / "deselected.json").read_text())
# How many functions and tests a module has at least that run, and how many with all settings.
LEAST = {"test_gaussian_mixture": (30, 40, 800), "test_bayesian_mixture": (12, 15, 15)}
CONFIGURATIONS = {
    "default": {},
    "float32 and all seeds": {
        "SKLEARN_RUN_FLOAT32_TESTS": "1",
        "SKLEARN_TESTS_GLOBAL_RANDOM_SEED": "all",
    },
}
# What may be skipped: other array libraries, and float32 where it is not asked for.
SKIPPABLE = (
    "SCIPY_ARRAY_API",
    "SKLEARN_RUN_FLOAT32_TESTS",
    *(f"{library} is not installed" for library in ("array_api_strict", "cupy", "dpnp", "torch")),
)


def run(tmp_path, module, settings):
    report = tmp_path / "report.json"
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("SKLEARN_", "PYTEST_"))},
        **settings,
        "FOLDSTAT_COMPAT_REPORT": str(report),
        "FOLDSTAT_COMPAT_MODULE": module,
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--maxfail=20", "-p", "swap"]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "-c", str(tmp_path / "pytest.ini")]
    command += ["--rootdir", str(Path(sklearn.__file__).parent), "--pyargs", f"sklearn.mixture.tests.{module}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert report.exists(), done.stdout + done.stderr
    return done, json.loads(report.read_text())


@pytest.fixture(scope="module", params=[(module, name) for module in LEAST for name in CONFIGURATIONS], ids=" ".join)
def suite(request, tmp_path_factory):
    module, name = request.param
    done, report = run(tmp_path_factory.mktemp("compat"), module, CONFIGURATIONS[name])
    return module, name, done, report


def test_scikit_learns_own_tests(suite, record_property, capsys):
    module, name, done, report = suite
    outcomes = report["outcomes"]
    failed = {node: text for node, (outcome, text) in outcomes.items() if outcome == "failed"}
    assert done.returncode == 0, done.stdout[-6000:] + "\n".join(failed)
    assert not failed
    assert report["swapped"]

    passed = [node for node, (outcome, _) in outcomes.items() if outcome == "passed"]
    functions = {node.split("::")[-1].split("[")[0] for node in passed}
    record_property("passed", len(passed))
    with capsys.disabled():
        print(f"\nscikit-learn's {module} ({name}): {len(passed)} passed in {len(functions)} functions")
    # All functions but the deselected ones and two that need another array library.
    n_functions, n_default, n_all = LEAST[module]
    assert len(functions) >= max(n_functions, len(report["collected"]) - len(DESELECTED[module]) - 2)
    assert len(passed) >= (n_all if CONFIGURATIONS[name] else n_default)


def test_nothing_is_left_out_silently(suite):
    module, _, _, report = suite
    assert set(report["deselected"]) == set(DESELECTED[module]), "an entry matches no test"
    for node, (outcome, text) in report["outcomes"].items():
        if outcome == "skipped":
            assert any(reason in text for reason in SKIPPABLE), (node, text)
