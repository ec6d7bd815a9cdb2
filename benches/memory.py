"""Memory a fit needs above its input, in a fresh process for each measurement."""

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import sklearn.mixture
from threadpoolctl import threadpool_limits

import foldstat
from cases import CASES, make
from results import Result

MEGABYTE = 2**20


def memory(case, settings):
    """Peak of the resident memory during a fit, minus what was there before it."""
    command = [sys.executable, __file__, case.key, str(case.n), str(settings.threads)]
    # Side by side: neither sees the other's memory.
    processes = {
        who: subprocess.Popen([*command, who], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for who in ("foldstat", "scikit-learn")
    }
    peaks = {}
    for who, process in processes.items():
        output, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"memory of {case.label}, {who}:\n{errors}")
        peaks[who] = json.loads(output)
    return [
        Result(
            key=f"memory-{case.key}",
            label=f"memory above the input during fit, {case.label}",
            value=peaks["foldstat"],
            unit="MB",
            bar=64,
            at_most=True,
            note=f"scikit-learn, without its k-means start: {peaks['scikit-learn']:.0f} MB",
        )
    ]


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


def peak_during(function):
    """Megabytes that a call needs above what is resident before it."""
    before = _status("VmRSS")
    # Writing 5 lowers the recorded peak, VmHWM, to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    function()
    return max(0, _status("VmHWM") - before) / MEGABYTE


def _fits(case, threads, who):
    """The fit to measure, and a small one that imports what it imports."""
    X, mixture = make(case)
    small = X[: 20 * case.k].copy()
    if who == "foldstat":
        # From scratch, with the k-means start that a default fit has.
        model = foldstat.GaussianMixture(
            case.k, covariance_type=case.family, max_iter=3, n_jobs=threads, random_state=0
        )
    else:
        model = sklearn.mixture.GaussianMixture(**mixture.start(), max_iter=1)
    return (lambda: model.fit(X)), (lambda: model.fit(small))


def _main(key, n, threads, who):
    (case,) = (case for case in CASES if case.key == key)
    fit, small_fit = _fits(replace(case, n=int(n)), int(threads), who)
    with threadpool_limits(int(threads)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two or three iterations converge to nothing
        small_fit()
        peak = peak_during(fit)
    print(json.dumps(peak))


if __name__ == "__main__":
    _main(*sys.argv[1:])
