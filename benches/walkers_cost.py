"""What walkers gain from a second thread, and the memory they need besides their draws."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from cases import SEED
from foldstat import walkers as w
from memory import MEGABYTE, _status
from results import Result, ratio
from timing import best_of
from walkers import HALF_WIDTH, our_walk, quick
from walkers_targets import log_density_of_coordinates, schools, starts, three


def _two_threads(key, density, target, move, n_steps, settings):
    """How many times faster two threads are than one; draws are the same to the bit."""
    functions, n_steps = {}, quick(settings, n_steps, 100) // 10 * 10
    for name, threads in (("2 threads", 2), ("1 thread", 1)):
        of = replace(settings, threads=threads)
        functions[name], _ = our_walk(density, starts(target, 64), n_steps, of, thin=10, move=move)
    best, results = best_of(functions, settings.repeats, settings.threads)
    if not np.array_equal(results["2 threads"].draws, results["1 thread"].draws):
        raise ArithmeticError(f"{key}: draws depend on the number of threads")
    return [
        Result(
            key=f"walkers-threads-{key}",
            label=f"2 threads against 1, walkers, {key}",
            value=ratio(best["1 thread"], best["2 threads"]),
            unit="×",
            bar=1.9,
            times=best,
        )
    ]


def threads_built_in(settings):
    return _two_threads("built-in", three(), three(), None, 8_000_000, settings)


def threads_function(settings):
    return _two_threads("function", log_density_of_coordinates, three(), None, 1_500_000, settings)


def threads_schools(settings):
    move = w.NormalStep(0.1)
    return _two_threads("schools", schools, w.densities.EightSchools(), move, 500_000, settings)


def memory(settings):
    """Peak of the resident memory while walking, minus what was there before it and the draws."""
    n_steps = quick(settings, 400_000, 100)
    command = [sys.executable, __file__, str(n_steps), str(settings.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"memory of walkers:\n{done.stderr}")
    extra, draws = json.loads(done.stdout)
    return [
        Result(
            key="walkers-memory",
            label=f"memory above the draws, 64 walkers, {n_steps:,} draws of each",
            value=extra,
            unit="MB",
            bar=16,
            at_most=True,
            note=f"draws and their log-densities: {draws:.0f} MB",
        )
    ]


def _measure(n_steps, threads):
    start = starts(three(), 64)

    def walk(n):
        return w.sample(
            log_density_of_coordinates,
            start,
            n,
            100,
            move=w.UniformStep(HALF_WIDTH),
            rng=SEED,
            n_jobs=threads,
        )

    walk(100)  # compiles the function, imports what is imported
    before = _status("VmRSS")
    # Writing 5 lowers the recorded peak, VmHWM, to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    run = walk(n_steps)
    kept = run.draws.nbytes + run.log_density.nbytes
    extra = _status("VmHWM") - before - kept
    print(json.dumps([max(0, extra) / MEGABYTE, kept / MEGABYTE]))


ROWS = {
    "walkers-threads-built-in": threads_built_in,
    "walkers-threads-function": threads_function,
    "walkers-threads-schools": threads_schools,
    "walkers-memory": memory,
}

if __name__ == "__main__":
    _measure(*map(int, sys.argv[1:]))
