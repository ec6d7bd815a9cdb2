"""What a pass of EM needs and what it takes, in cycles for a row and component.

    python benches/roofline.py                      at the level of this machine
    FOLDSTAT_SIMD=avx2 python benches/roofline.py   at another

Operations are the additions, multiplications and fused multiply-adds of the formulas, counted for one row and
component; two of them can begin in a cycle, on as many lanes as a register has. The frequency is measured by a
chain of dependent multiplications and exclusive ors, four cycles each, in the same run.
"""

import time

import numba
import numpy as np

from cases import CASES, make
from foldstat import _core, mixture

LANES = {"avx512": 8, "avx2": 4, "scalar": 2}
# Two roundings, seven multiply-adds of a polynomial and the scaling; maximum, sum and quotient around it.
SOFTMAX = 22


def operations(family, d, k):
    """Of the E-step, the exponential and the M-step, for one row and component."""
    triangle = d * (d + 1) / 2
    if family == "full":  # x − μ, (x − μ)U, its square; x − μ, r(x − μ), the sums of these and of their products
        return d + triangle + d + SOFTMAX + 3 * d + triangle
    if family == "tied":  # the matrix products once for a row; |y − μU|² and x̂ for each component
        products = (d + triangle + d + d + triangle + k * (k + 1) / 2) / k
        return products + 2 * d + SOFTMAX + d
    return 3 * d + SOFTMAX + 4 * d


@numba.njit
def chain(n, factor):
    value = 1
    for i in range(n):
        value = (value * factor) ^ i
    return value


def frequency():
    """Cycles a second."""
    chain(10, 3)
    n = 50_000_000
    start = time.perf_counter()
    chain(n, 6364136223846793005)
    return 4 * n / (time.perf_counter() - start)


def seconds(case):
    X, model = make(case)
    parameters = model.weights, model.means, model.covariances
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        mixture.statistics(X, *parameters, covariance_type=case.family, n_jobs=1)
        best = min(best, time.perf_counter() - begin)
    return best


def main():
    level = _core.system()["simd"]
    print(f"Level {level}, one thread, float64.\n")
    print("| pass | operations | cycles needed | cycles taken | share |\n|---|---|---|---|---|")
    for case in CASES:
        hertz = frequency()
        taken = seconds(case) * hertz / (case.n * case.k)
        needed = operations(case.family, case.d, case.k) / (2 * LANES[level])
        count = operations(case.family, case.d, case.k)
        print(f"| {case.label} | {count:.0f} | {needed:.1f} | {taken:.1f} | {needed / taken:.0%} |", flush=True)


if __name__ == "__main__":
    main()
