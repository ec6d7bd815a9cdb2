"""Whole calls, as a user makes them: fit, score_samples, predict_proba."""

import numpy as np
import sklearn.mixture
from sklearn.datasets import load_iris

import foldstat
from cases import Case, make
from results import Result, agree, ratio
from timing import best_of

CLASSES = {"foldstat": foldstat.GaussianMixture, "scikit-learn": sklearn.mixture.GaussianMixture}

# Two fits with tol=1e-3 that end at the same optimum differ by a few times that.
SAME_OPTIMUM = 1e-2


def options(name, settings):
    return {"n_jobs": settings.threads} if name == "foldstat" else {}


def default_fits(X, n_components, calls, settings):
    """So many fits with default arguments by each class, k-means start included."""

    def fit(name, cls):
        for _ in range(calls):
            model = cls(n_components, random_state=0, **options(name, settings)).fit(X)
        return model

    return {name: lambda name=name, cls=cls: fit(name, cls) for name, cls in CLASSES.items()}


def _fit_result(key, label, X, n_components, settings, calls=1):
    fits = default_fits(X, n_components, calls, settings)
    totals, models = best_of(fits, settings.repeats, settings.threads)
    best = {name: total / calls for name, total in totals.items()}
    ours, theirs = (models[name] for name in CLASSES)
    # Each class draws its own k-means start, so the number of iterations and even
    # the optimum may differ. Both are told: the ratio is one of equal calls.
    same = abs(ours.lower_bound_ - theirs.lower_bound_) < SAME_OPTIMUM
    return Result(
        key=key,
        label=label,
        value=ratio(best["scikit-learn"], best["foldstat"]),
        unit="×",
        bar=10,
        times=best,
        note=f"{'the same optimum' if same else 'different optima'}, "
        f"{ours.n_iter_} and {theirs.n_iter_} iterations, "
        f"lower bounds {ours.lower_bound_:.4f} and {theirs.lower_bound_:.4f}",
    )


def fit_large(settings):
    case = settings.reduced(Case("full", 1_000_000, 8, 8, bar=10, data="separated"))
    X, _ = make(case)
    label = f"default fit, {case.label}"
    repeats = min(2, settings.repeats)
    return [_fit_result("fit-large", label, X, case.k, settings, repeats)]


def fit_iris(settings):
    X = load_iris().data
    return [_fit_result("fit-iris", "default fit, iris, k=3", X, 3, settings, calls=20 if settings.repeats > 1 else 1)]


def fitted_pair(case, settings):
    """The same mixture in both classes."""
    X, mixture = make(case)
    models = {}
    for name, cls in CLASSES.items():
        model = cls(**mixture.start(), max_iter=1, tol=1e9, **options(name, settings))
        models[name] = model.fit(X)
    return X, models


def one_row(settings):
    """Time of `score_samples` on a single row, the least work there is."""
    X, models = fitted_pair(settings.reduced(Case("full", 100_000, 2, 4, bar=0)), settings)
    row, calls = X[:1], 1000 if settings.repeats > 1 else 50

    def many(model):
        for _ in range(calls):
            scores = model.score_samples(row)
        return scores

    functions = {name: lambda model=model: many(model) for name, model in models.items()}
    best, scores = best_of(functions, settings.repeats, settings.threads)
    agree("score of one row", scores["foldstat"], scores["scikit-learn"], 1e-9)
    seconds = {name: total / calls for name, total in best.items()}
    return [
        Result(
            key="one-row",
            label="score_samples of one row",
            value=seconds["foldstat"] * 1e6,
            unit="µs",
            bar=25,
            at_most=True,
            times=seconds,
        )
    ]


def predict_proba(settings):
    case = settings.reduced(Case("full", 1_000_000, 8, 8, bar=20))
    X, models = fitted_pair(case, settings)
    functions = {name: lambda model=model: model.predict_proba(X) for name, model in models.items()}
    best, probabilities = best_of(functions, settings.repeats, settings.threads)
    difference = np.abs(probabilities["foldstat"] - probabilities["scikit-learn"]).max()
    agree("predict_proba", difference, 0.0, 1e-9)
    return [
        Result(
            key="predict-proba",
            label=f"predict_proba, {case.label}",
            value=ratio(best["scikit-learn"], best["foldstat"]),
            unit="×",
            bar=20,
            times=best,
        )
    ]
