"""scikit-learn's own tests of `GaussianMixture` pass with foldstat's class in its place."""

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
MODULE = "sklearn.mixture.tests.test_gaussian_mixture"
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


def run(tmp_path, settings):
    report = tmp_path / "report.json"
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("SKLEARN_", "PYTEST_"))},
        **settings,
        "FOLDSTAT_COMPAT_REPORT": str(report),
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--maxfail=20", "-p", "swap"]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "-c", str(tmp_path / "pytest.ini")]
    command += ["--rootdir", str(Path(sklearn.__file__).parent), "--pyargs", MODULE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert report.exists(), done.stdout + done.stderr
    return done, json.loads(report.read_text())


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def suite(request, tmp_path_factory):
    done, report = run(tmp_path_factory.mktemp("compat"), CONFIGURATIONS[request.param])
    return request.param, done, report


def test_scikit_learns_own_tests(suite, record_property, capsys):
    name, done, report = suite
    outcomes = report["outcomes"]
    failed = {node: text for node, (outcome, text) in outcomes.items() if outcome == "failed"}
    assert done.returncode == 0, done.stdout[-6000:] + "\n".join(failed)
    assert not failed
    assert report["swapped"]

    passed = [node for node, (outcome, _) in outcomes.items() if outcome == "passed"]
    functions = {node.split("::")[-1].split("[")[0] for node in passed}
    record_property("passed", len(passed))
    with capsys.disabled():
        print(f"\nscikit-learn's tests ({name}): {len(passed)} passed in {len(functions)} functions")
    # All functions but the deselected ones and two that need another array library.
    assert len(functions) >= max(30, len(report["collected"]) - len(DESELECTED) - 2)
    assert len(passed) >= (800 if CONFIGURATIONS[name] else 40)


def test_nothing_is_left_out_silently(suite):
    _, _, report = suite
    assert set(report["deselected"]) == set(DESELECTED), "an entry matches no test"
    for node, (outcome, text) in report["outcomes"].items():
        if outcome == "skipped":
            assert any(reason in text for reason in SKIPPABLE), (node, text)
