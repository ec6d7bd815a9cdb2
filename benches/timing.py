"""How time is taken: interleaved, several times, the best counts."""

import gc
import time
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

# Thread pools of OpenMP and BLAS spin for a while after their work is done. A
# pause keeps one contestant's idle threads out of the other's time.
PAUSE = 0.1


def timed(function):
    """Seconds one call takes, and its result."""
    time.sleep(PAUSE)
    gc.collect()
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def best_of(functions, repeats, threads):
    """Best time of each named function; they take turns, so that all see the same machine."""
    best, results = {}, {}
    with threadpool_limits(threads):
        for _ in range(repeats):
            for name, function in functions.items():
                seconds, results[name] = timed(function)
                best[name] = min(seconds, best.get(name, seconds))
    return best, results


@dataclass(frozen=True)
class Contestant:
    """A fit that runs a given number of EM iterations, and two such numbers."""

    fit: object
    few: int
    many: int


def seconds_per_iteration(contestants, repeats, threads):
    """Seconds of one EM iteration of each contestant, and its longer fit.

    A fit of `few` and one of `many` iterations share all set-up: validation, the
    start, the last E-step that labels the rows. Their difference is `many - few`
    iterations and nothing else, on every side.
    """
    functions = {
        (name, m): (lambda fit=contestant.fit, m=m: fit(m))
        for name, contestant in contestants.items()
        for m in (contestant.few, contestant.many)
    }
    best, results = best_of(functions, repeats, threads)
    return {
        name: (
            (best[name, c.many] - best[name, c.few]) / (c.many - c.few),
            results[name, c.many],
        )
        for name, c in contestants.items()
    }
