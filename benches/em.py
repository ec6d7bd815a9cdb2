"""One EM iteration: against scikit-learn, and against Cython cells."""

import math

import numpy as np
import sklearn.mixture

import foldstat
from cases import Case, active_components, make
from cython_build import compile_cells
from foldstat import cells
from results import Result, agree, ratio
from timing import Contestant, best_of, seconds_per_iteration, timed

SKLEARN_ITERATIONS = 3  # of its longer fit; the shorter one has 1


def fitter(estimator, X, start, **options):
    """A fit from `start` by a given number of iterations, all of them run."""

    def fit(iterations):
        return estimator(**start, tol=0.0, max_iter=iterations, **options).fit(X)

    return fit


def foldstat_contestant(X, start, settings):
    """Our fit, and a number of iterations that take long enough to be timed."""
    fit = fitter(foldstat.GaussianMixture, X, start, n_jobs=settings.threads)
    fit(1)  # starts the threads
    one_iteration = timed(lambda: fit(1))[0] / 2  # an iteration and the last E-step
    return Contestant(fit, 1, 1 + math.ceil(np.clip(settings.seconds / one_iteration, 4, 400)))


def against_sklearn(case, settings):
    """Ratio of scikit-learn's time for one iteration to ours, from the same start."""
    X, mixture = make(case)
    start = mixture.start()
    contestants = {
        "foldstat": foldstat_contestant(X, start, settings),
        "scikit-learn": Contestant(fitter(sklearn.mixture.GaussianMixture, X, start), 1, SKLEARN_ITERATIONS),
    }
    measured = seconds_per_iteration(contestants, settings.repeats, settings.threads)
    (ours, our_model), (theirs, their_model) = measured["foldstat"], measured["scikit-learn"]
    agree(
        f"lower bounds of {case.label}",
        our_model.lower_bounds_[:SKLEARN_ITERATIONS],
        their_model.lower_bounds_,
        1e-9,
    )
    first, last = active_components(X, their_model), active_components(X, our_model)
    note = f"{first:.1f} to {last:.1f} components share a row"
    if case.d >= 32:
        note += "; the headline of this shape" if case.headline else "; not the headline"
    return [
        Result(
            key=case.key,
            label=f"EM iteration, {case.label}",
            value=ratio(theirs, ours),
            unit="×",
            bar=case.bar,
            times={"foldstat": ours, "scikit-learn": theirs},
            note=note,
        )
    ]


class CythonEM:
    """The arrays the Cython cells of one compilation work on."""

    def __init__(self, module, X, mu, cov, r, threads):
        self.module, self.X, self.mu, self.r, self.threads = module, X, mu, r, threads
        self.precision = np.linalg.inv(cov)
        self.norm = 1.0 / np.sqrt(np.linalg.det(2 * np.pi * cov))
        self.new_mu, self.new_cov = np.empty_like(mu), np.empty_like(cov)

    def expectation(self, parallel_over):
        step = getattr(self.module, f"expectation_over_{parallel_over}")
        step(self.X, self.mu, self.precision, self.norm, self.r, self.threads)

    def maximization(self, parallel_over):
        step = getattr(self.module, f"maximization_over_{parallel_over}")
        step(self.X, self.r, self.new_mu, self.new_cov, self.threads)


def against_cython(settings):
    """Ratio to the best iteration that can be put together from the Cython cells."""
    case = settings.reduced(Case("full", 4_000_000, 2, 4, bar=35, data="notebook"))
    X, mixture = make(case)
    mu, cov, r = mixture.means, mixture.covariances, np.empty((case.n, case.k))
    many = max(5, 100_000_000 // (case.n * case.k))

    def fold(iterations):
        with foldstat.threads(settings.threads):
            return cells.EM(X, mu, cov, n_iter=iterations)[:2]

    functions = {("foldstat", m): (lambda m=m: fold(m)) for m in (1, 1 + many)}
    for options, module in compile_cells().items():
        peer = CythonEM(module, X, mu, cov, r, settings.threads)
        for over in ("rows", "components"):
            functions[options, "expectation", over] = lambda p=peer, o=over: p.expectation(o)
            functions[options, "maximization", over] = lambda p=peer, o=over: p.maximization(o)
            peer.expectation(over)
            peer.maximization(over)
            for ours, theirs in zip(fold(1), (peer.new_mu, peer.new_cov), strict=True):
                agree(f"Cython cells, {options}, over {over}", ours, theirs, 1e-9)
    best, _ = best_of(functions, settings.repeats, settings.threads)
    ours = (best.pop(("foldstat", 1 + many)) - best.pop(("foldstat", 1))) / many
    return _against_cells(case, ours, best)


def _against_cells(case, ours, best):
    """Compare with each pair of cells that belong together, and with the best two steps."""
    steps = ("expectation", "maximization")
    whole = {(options, over): sum(best[options, step, over] for step in steps) for options, step, over in best}
    mixed = {
        options: sum(min(best[options, step, over] for over in ("rows", "components")) for step in steps)
        for options, _ in whole
    }
    best_options = min(mixed, key=mixed.get)
    peers = {"best Cython steps": mixed[best_options]}
    peers |= {f"Cython over {over}, {options}": time for (options, over), time in whole.items()}
    return [
        Result(
            key="cython" if bar else f"cython-{peer.split()[-2].strip(',')}-{peer.split()[-1]}",
            label=f"EM iteration, {case.label}",
            value=ratio(seconds, ours),
            unit="×",
            bar=bar,
            times={"foldstat": ours, peer: seconds},
            note=f"{best_options} build" if bar else "",
        )
        for (peer, seconds), bar in zip(peers.items(), [case.bar, *[None] * len(whole)], strict=True)
    ]
