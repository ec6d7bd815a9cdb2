"""The public entries, as a table: what each one reads, what it works on, how it is called, what it gives.

Every hostility of this folder goes through the whole table or through the part it is about; a new public
function belongs here, and all of them come with it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.base import clone

import foldstat
from foldstat import (
    BayesianGaussianMixture,
    GaussianMixture,
    JointSummary,
    MixtureStatistics,
    Summary,
    diagnostics,
    mixture,
    plot,
    sources,
    summarize,
)
from foldstat import cells as notebook
from foldstat import walkers as w

mpl.use("agg")
warnings.simplefilter("ignore")

FAMILIES = ("full", "tied", "diag", "spherical")
DTYPES = ("float64", "float32")
MOMENTS = {
    "moments": 4,
    "best": 50,
    "quantiles": True,
    "relative_error": 0.01,
    "histogram": np.linspace(-4, 4, 500),
    "distinct": True,
}


@dataclass(frozen=True)
class Entry:
    """One public entry.

    ``arrays(n)`` are the user's arrays of about n rows, ``subject(arrays)`` is the object that the entry is a
    method of (or None), made without any hostility, and ``call(subject, arrays)`` is what is tried. With
    ``reads=False`` the call looks at the subject alone.
    """

    arrays: Callable[[int], dict[str, np.ndarray]]
    call: Callable[[Any, dict[str, np.ndarray]], Any]
    subject: Callable[[dict[str, np.ndarray]], Any] = field(default=lambda arrays: None)
    rows: int = 20_000
    reads: bool = True


ENTRIES: dict[str, Entry] = {}


def entry(name: str, arrays: Any, subject: Any = None, rows: int = 20_000) -> Callable[[Any], Any]:
    """Put a call into the table; one that reads arrays names its second parameter ``a``, others ``_``."""

    def keep(call: Any) -> Any:
        reads = call.__code__.co_varnames[1] != "_"
        ENTRIES[name] = Entry(arrays, call, subject or (lambda arrays: None), rows, reads)
        return call

    return keep


# ---------------------------------------------------------------- what results are


def told(value: Any) -> Any:
    """A result as text, bits and all: equal texts are equal results."""
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return told(value.tolist())
        return f"{value.dtype}{value.shape}{hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    if isinstance(value, dict):
        return {str(name): told(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(part) for part in value]
    if isinstance(value, (BayesianGaussianMixture, GaussianMixture)):
        return {name: told(part) for name, part in vars(value).items() if name.endswith("_")}
    if isinstance(value, w.Run):
        try:
            kept = [value.draws, value.log_density]
        except w.NotKeptError:
            kept = value.moments
        return [value.n_steps, told(kept)]
    if isinstance(value, w.Histogram):
        return told(value.counts)
    if hasattr(value, "to_bytes") and not isinstance(value, int):
        return value.to_bytes().hex()
    if isinstance(value, foldstat.Summaries):
        return [told(part) for part in value]
    if isinstance(value, (mixture.MixtureParameters, mixture.MixtureFit)):
        return told(value._asdict() if hasattr(value, "_asdict") else vars(value))
    if isinstance(value, mixture.Selection):
        return told([[*value.table], [*value.models.values()]])
    return repr(value)


# ---------------------------------------------------------------- mixtures


def blobs(n: int, d: int = 6, dtype: str = "float64", k: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, d)) + 4.0 * rng.integers(k, size=(n, 1))
    return {"X": X.astype(dtype)}


def weighted(n: int) -> dict[str, np.ndarray]:
    return blobs(n) | {"sample_weight": np.random.default_rng(6).integers(1, 4, size=n).astype(float)}


def fitted(family: str, k: int = 3) -> Callable[[dict[str, np.ndarray]], GaussianMixture]:
    def make(arrays: dict[str, np.ndarray]) -> GaussianMixture:
        model = GaussianMixture(k, covariance_type=family, random_state=0, max_iter=4, init_params="random_from_data")
        return model.fit(np.ascontiguousarray(arrays["X"][:400]))

    return make


def bayesian(arrays: dict[str, np.ndarray]) -> BayesianGaussianMixture:
    model = BayesianGaussianMixture(3, random_state=0, max_iter=4, init_params="random_from_data")
    return model.fit(np.ascontiguousarray(arrays["X"][:400]))


for family in FAMILIES:
    for dtype in DTYPES:
        data = functools.partial(blobs, dtype=dtype)
        for method in ("fit", "fit_predict", "predict", "predict_proba", "score_samples", "bic"):
            entry(f"{method} {family} {dtype}", data, fitted(family))(
                lambda model, a, method=method: getattr(model, method)(a["X"])
            )
    entry(f"fit 300 features {family}", lambda n: blobs(n, 300), fitted(family), rows=800)(
        lambda model, a: model.fit(a["X"])
    )
    entry(f"sample {family}", blobs, fitted(family))(lambda model, _: model.sample(200_000))
    entry(f"from_parameters {family}", lambda n: blobs(n, 200), fitted(family), rows=500)(
        lambda model, _: (
            GaussianMixture.from_parameters(
                model.weights_, model.means_, model.covariances_, covariance_type=model.covariance_type
            ).precisions_
        )
    )
    entry(f"log_prob {family}", blobs, fitted(family))(
        lambda m, a: mixture.log_prob(a["X"], m.means_, m.covariances_, covariance_type=m.covariance_type)
    )
    entry(f"expectation {family}", blobs, fitted(family))(
        lambda m, a: mixture.expectation(
            a["X"], m.weights_, m.means_, m.covariances_, covariance_type=m.covariance_type
        )
    )
    entry(f"statistics {family}", weighted, fitted(family))(
        lambda m, a: mixture.statistics(
            a["X"],
            m.weights_,
            m.means_,
            m.covariances_,
            covariance_type=m.covariance_type,
            sample_weight=a["sample_weight"],
        )
    )
    entry(
        f"maximization {family}",
        lambda n: weighted(n) | {"resp": np.random.default_rng(7).dirichlet(np.ones(20), size=n)},
        fitted(family),
    )(
        lambda m, a: mixture.maximization(
            a["X"], a["resp"], covariance_type=m.covariance_type, sample_weight=a["sample_weight"]
        )
    )
    entry(f"em {family}", blobs, fitted(family))(
        lambda m, a: mixture.em(
            a["X"], m.weights_, m.means_, m.covariances_, covariance_type=m.covariance_type, max_iter=3
        )
    )

    entry(f"predict_given {family}", blobs, fitted(family))(
        lambda m, a: m.predict_given(a["X"][:, :4], given=range(4), return_cov=True)
    )
    entry(f"sample of a generator {family}", blobs, fitted(family))(lambda m, _: m.sample(200_000, rng=0))
    entry(f"parts {family}", blobs, fitted(family))(
        lambda m, _: [m.marginal([4, 1]), m.condition({0: 1.0, 5: 2.0}), m.ellipses(0.5, (0, 1), n_points=20_000)]
    )


def gaps(n: int) -> dict[str, np.ndarray]:
    X = blobs(n)["X"]
    return {"X": np.where(np.random.default_rng(14).random(X.shape) < 0.2, np.nan, X)}


def full_model(arrays: dict[str, np.ndarray]) -> GaussianMixture:
    return fitted("full")(blobs(400))


entry("impute", gaps, full_model, rows=5000)(lambda m, a: [m.impute(a["X"]), m.impute(a["X"], rng=0)])
entry("fit with gaps", gaps, full_model, rows=5000)(lambda m, a: clone(m).set_params(missing="em").fit(a["X"]))
entry("predict_given gaps", gaps, full_model, rows=5000)(lambda m, a: m.predict_given(a["X"], return_std=True))
entry("pdf", blobs, fitted("full"))(lambda m, a: m.pdf(a["X"]))
entry("cdf", blobs, fitted("full"))(lambda m, a: m.cdf(a["X"][:, 0], 0))
entry("quantile", lambda n: {"p": np.random.default_rng(15).uniform(size=n)}, full_model, rows=5000)(
    lambda m, a: m.quantile(a["p"], 0, upper=True)
)
entry("uncertainty", blobs, fitted("full"))(lambda m, a: [m.uncertainty(a["X"]), m.posterior_entropy(a["X"])])
entry("merge_components", blobs, fitted("full"), rows=5000)(
    lambda m, a: [(found := m.merge_components(a["X"])).merges, found.entropy, found.predict_proba(a["X"], 2)]
)
entry("information", blobs, fitted("full"))(lambda m, _: [m.entropy(20_000, rng=0), m.kl_divergence(m, 20_000, rng=0)])
entry("modes", blobs, fitted("full", 12))(lambda m, _: [(found := m.modes()).points, found.labels])
entry("contours", lambda n: blobs(n, 2), fitted("full"))(lambda m, _: m.contours(n_grid=100))
entry("plain dictionary", lambda n: blobs(n, 200), fitted("diag"), rows=500)(
    lambda m, _: GaussianMixture.from_dict(m.to_dict())
)

for weights in ("dirichlet_process", "dirichlet_distribution"):
    entry(f"bayesian fit {weights}", weighted)(
        lambda none, a, weights=weights: BayesianGaussianMixture(
            4, weight_concentration_prior_type=weights, init_params="random_from_data", random_state=0, max_iter=3
        ).fit(a["X"], sample_weight=a["sample_weight"])
    )
entry("bayesian fit 300 features", lambda n: blobs(n, 300), rows=800)(
    lambda none, a: BayesianGaussianMixture(3, init_params="random_from_data", random_state=0, max_iter=3).fit(a["X"])
)
entry("fit with a prior", weighted)(
    lambda none, a: GaussianMixture(
        4, prior="mclust", init_params="random_from_data", random_state=0, max_iter=3, n_init=2
    ).fit(a["X"], sample_weight=a["sample_weight"])
)
entry("bayesian predict", blobs, bayesian)(lambda model, a: model.predict(a["X"]))

# Its last pass, the labels, takes as long as all before.
entry("fit_predict one iteration", blobs, lambda arrays: fitted("full")(arrays).set_params(max_iter=1), rows=100_000)(
    lambda model, a: model.fit_predict(a["X"])
)

for init in ("kmeans", "k-means++", "random", "whitened", "short-em"):
    entry(f"fit {init}", weighted)(
        lambda none, a, init=init: GaussianMixture(4, init_params=init, random_state=0, max_iter=2, n_init=2).fit(
            a["X"], sample_weight=a["sample_weight"]
        )
    )

entry("fit in stages", weighted)(
    lambda none, a: GaussianMixture(4, init_size=500, stages=3, random_state=0, max_iter=2).fit(
        a["X"], sample_weight=a["sample_weight"]
    )
)
entry("fit squarem", blobs)(
    lambda none, a: GaussianMixture(4, accelerate="squarem", stop="aitken", random_state=0, max_iter=9).fit(a["X"])
)


# Families whose M-step searches, and select, which runs all of them.
for family in ("VEE", "VEV", "EVE", "VVE"):
    entry(f"fit {family}", blobs, fitted(family))(lambda model, a: model.fit(a["X"]))
    entry(f"fit 60 features {family}", lambda n: blobs(n, 60), fitted(family), rows=800)(
        lambda model, a: model.fit(a["X"])
    )
entry("select", weighted, rows=2000)(
    lambda none, a: foldstat.select(
        a["X"], [1, 3], ["EII", "EVI", "VVE", "VVV"], sample_weight=a["sample_weight"], random_state=0, progress=False
    )
)


def wide_statistics(arrays: dict[str, np.ndarray]) -> MixtureStatistics:
    d = arrays["X"].shape[1]
    return mixture.statistics(arrays["X"], [0.5, 0.5], np.eye(2, d), np.stack([np.eye(d)] * 2))


def placed_statistics(arrays: dict[str, np.ndarray]) -> MixtureStatistics:
    d = arrays["X"].shape[1]
    return mixture.statistics(arrays["X"], [0.5, 0.5], np.eye(2, d), np.stack([np.eye(d)] * 2), first_row=2048)


entry("statistics add", lambda n: blobs(n, 300), wide_statistics, rows=400)(lambda s, _: s + s)
entry("statistics bytes", lambda n: blobs(n, 300), wide_statistics, rows=400)(
    lambda s, _: MixtureStatistics.from_bytes(s.to_bytes())
)
entry("statistics pickle", lambda n: blobs(n, 300), wide_statistics, rows=400)(
    lambda s, _: pickle.loads(pickle.dumps(s))
)
entry("statistics reads", lambda n: blobs(n, 300), wide_statistics, rows=400)(
    lambda s, _: [s.means, s.scatter, s.responsibility_sums]
)

# ---------------------------------------------------------------- summaries


def numbers(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    return {
        "x": rng.normal(size=n * 5),
        "ids": np.arange(n * 5),
        "sample_weight": rng.integers(0, 3, size=n * 5),
    }


def table(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(9)
    return {"X": rng.normal(size=(n, 5)), "by": rng.integers(500, size=n)}


def summary_of(arrays: dict[str, np.ndarray]) -> Summary:
    return Summary(arrays["x"][:5000].copy(), **MOMENTS)


def joint_of(arrays: dict[str, np.ndarray]) -> JointSummary:
    return summarize(np.hstack([arrays["X"]] * 20)[:200], cov=True)


def grouped_of(arrays: dict[str, np.ndarray]) -> Any:
    return summarize(arrays["X"].copy(), by=arrays["by"].copy(), best=2)


LARGE = {"best": 60_000, "largest": True, "histogram": np.linspace(-4, 4, 200_001)}


def large_of(arrays: dict[str, np.ndarray]) -> Summary:
    return Summary(arrays["x"][::2].copy(), **LARGE)


def added_in_place(summary: Summary, arrays: dict[str, np.ndarray]) -> Summary:
    summary += Summary(arrays["x"], **LARGE)
    return summary


def many_groups(arrays: dict[str, np.ndarray]) -> Any:
    return summarize(arrays["x"].copy(), by=arrays["ids"].copy())


def slid(window: foldstat.SummaryWindow, x: np.ndarray, at: np.ndarray) -> Summary:
    window.add(x[: len(x) // 2], at=at[: len(x) // 2])
    window.add(x[len(x) // 2 :], at=at[len(x) // 2 :])
    window.slide(float(len(x)))
    return window.summary


def wide_joint(arrays: dict[str, np.ndarray]) -> JointSummary:
    return summarize(np.hstack([arrays["X"]] * 50)[:40], cov=True)


def texts(arrays: dict[str, np.ndarray]) -> list[str]:
    return [f"a text of no little length, {i}" for i in arrays["ids"]]


entry("large Summary", numbers)(lambda none, a: Summary(a["x"], ids=a["ids"], **LARGE))
entry("large Summary weights", numbers)(lambda none, a: Summary(a["x"], sample_weight=a["sample_weight"], **LARGE))
entry("large Summary texts", numbers, rows=4000)(lambda none, a: Summary(a["x"], ids=texts(a), best=9000))
entry("large update", numbers, large_of)(lambda s, a: s.update(a["x"]))
entry("large push", numbers, large_of, rows=2000)(lambda s, a: [s.push(x) for x in a["x"][:20].tolist()] and s)
entry("large add", numbers, large_of)(lambda s, _: s + s)
entry("large add in place", numbers, large_of)(added_in_place)
entry("large copy", numbers, large_of)(lambda s, _: s.copy())
entry("large subtract", numbers, large_of)(lambda s, a: s + Summary(a["x"], **LARGE) - s)
entry("large merge_all", numbers, large_of)(lambda s, _: Summary.merge_all([s] * 3))
entry("large bytes", numbers, large_of)(lambda s, _: Summary.from_bytes(s.to_bytes()))
entry("large pickle", numbers, large_of)(lambda s, _: pickle.loads(pickle.dumps(s)))
entry("large reads", numbers, large_of)(lambda s, _: [s.best, s.histogram_counts, s.histogram_edges, s == s.copy()])
entry("large columns", table)(lambda none, a: summarize(a["X"], axis=0, **LARGE))
entry("many rows", lambda n: {"X": np.random.default_rng(12).normal(size=(n, 2))})(
    lambda none, a: summarize(a["X"], axis=1)
)
entry("many groups", numbers, rows=3000)(lambda none, a: many_groups(a))
entry("many groups subtract", numbers, many_groups, rows=3000)(lambda s, _: s + s - s)
entry("many groups add", numbers, many_groups, rows=3000)(lambda s, _: s + s)
entry("many groups copy", numbers, many_groups, rows=3000)(lambda s, _: s.copy())
entry("many groups bytes", numbers, many_groups, rows=3000)(
    lambda s, _: foldstat.GroupedSummary.from_bytes(s.to_bytes())
)
entry("wide joint bytes", table, wide_joint, rows=300)(lambda s, _: JointSummary.from_bytes(s.to_bytes()))
entry("wide joint copy", table, wide_joint, rows=300)(lambda s, _: s.copy())
entry("Summary", numbers)(lambda none, a: Summary(a["x"], ids=a["ids"], sample_weight=a["sample_weight"], **MOMENTS))
entry("update", numbers, summary_of)(lambda s, a: s.update(a["x"], ids=a["ids"], sample_weight=a["sample_weight"]))
entry("update with items", numbers, summary_of, rows=2000)(lambda s, a: s.update(iter(a["x"].tolist())))
entry("push", numbers, summary_of)(lambda s, a: [s.push(x) for x in a["x"][:2000].tolist()] and s)
entry("summary add", numbers, summary_of)(lambda s, _: s + s.copy())
entry("summary merge_all", numbers, summary_of)(lambda s, _: Summary.merge_all([s] * 9))
entry("summary subtract", numbers, summary_of)(lambda s, a: s + Summary(a["x"], **MOMENTS) - s)
entry("window", numbers, rows=2000)(
    lambda none, a: slid(foldstat.SummaryWindow(every=1.0, length=400.0, **MOMENTS), a["x"], np.arange(len(a["x"])))
)
entry("jackknife", numbers, rows=400)(lambda none, a: vars(foldstat.jackknife(a["x"], "skewness")))
entry("jackknife by function", numbers, rows=40)(
    lambda none, a: vars(foldstat.jackknife(a["x"], lambda left: left.median - left.mean, quantiles=True))
)
entry("summary bytes", numbers, summary_of)(lambda s, _: Summary.from_bytes(s.to_bytes()))
entry("summary pickle", numbers, summary_of)(lambda s, _: pickle.loads(pickle.dumps(s)))
entry("summary reads", numbers, summary_of)(
    lambda s, _: [
        s.mean, s.std(), s.sem, s.skewness, s.kurtosis, s.median, s.iqr, s.best, s.quantile(np.linspace(0, 1, 5000)),
        s.histogram_counts, s.histogram_edges, s.distinct_count, s.power_sum(3), s._repr_html_(),
    ]
)  # fmt: skip
entry("summarize", table)(lambda none, a: summarize(a["X"], **MOMENTS))
entry("summarize columns", table)(lambda none, a: summarize(a["X"], axis=0, **MOMENTS))
entry("summarize rows", table, rows=2000)(lambda none, a: summarize(a["X"], axis=1, moments=4, best=2))
entry("summarize by", table)(lambda none, a: summarize(a["X"], by=a["by"], best=3, quantiles=True, relative_error=0.01))
entry("summarize chunks", table)(lambda none, a: summarize([a["X"][:9000], a["X"][9000:]], axis=0, **MOMENTS))
entry("matrices", table)(lambda none, a: [block.rows.copy() for block in sources.as_matrices([a["X"]])])
entry("sample_rows", table)(lambda none, a: foldstat.sample_rows(a["X"], 500, 0))
entry("summarize cov", table)(lambda none, a: summarize(a["X"], cov=True))
entry("describe", table)(lambda none, a: foldstat.describe(pd.DataFrame(a["X"], columns=list("abcde"))).to_numpy())
entry("joint reads", table, joint_of, rows=300)(lambda s, _: [s.cov(), s.corr(), s.means, s.line(0, 1)])
entry("joint subtract", table, joint_of, rows=300)(lambda s, _: s + s - s)
entry("joint bytes", table, joint_of, rows=300)(lambda s, _: JointSummary.from_bytes(s.to_bytes()) + s)
entry("groups bytes", table, grouped_of, rows=3000)(lambda s, _: foldstat.GroupedSummary.from_bytes(s.to_bytes()) + s)
entry("groups reads", table, grouped_of, rows=3000)(lambda s, _: s.to_frame("pandas").to_numpy())


class Here:
    """An executor that does it at once: a thread of Python's that cannot be started hangs in Python itself."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class There(Here):
    """As another process would do it: everything goes there and back in bytes."""

    _max_workers = 1

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        of_user, items, batch, *numbers = args
        call = pickle.dumps((function, of_user, items, dataclasses.replace(batch, home=(b"there", 0)), *numbers))

        def there() -> Any:
            function, *arguments = pickle.loads(call)
            return pickle.loads(pickle.dumps(function(*arguments)))

        return super().submit(there)


def detailed(part: np.ndarray) -> Summary:
    return Summary(part, **MOMENTS)


for chunksize in (None, 8):
    entry(f"map_reduce there {chunksize}", numbers)(
        lambda none, a, chunksize=chunksize: foldstat.map_reduce(
            detailed, np.array_split(a["x"], 24), executor=There(), progress=False, chunksize=chunksize, fan_in=3
        )
    )
entry("masked rows", lambda n: {"X": np.random.default_rng(12).normal(size=(n, 2))}, rows=4000)(
    lambda none, a: summarize(np.ma.MaskedArray(a["X"], mask=np.indices(a["X"].shape).sum(axis=0) % 3 == 0), axis=1)
)
entry("map_reduce", numbers)(
    lambda none, a: foldstat.map_reduce(
        lambda part: Summary(part, **MOMENTS), np.array_split(a["x"], 8), executor=Here(), progress=False
    )
)

# ---------------------------------------------------------------- walkers


def starts(n: int) -> dict[str, np.ndarray]:
    return {"start": np.random.default_rng(10).normal(size=(max(n // 200, 8), 2))}


def plain(x: float, y: float) -> float:
    return -(x * x + y * y) / 2


def together(points: np.ndarray) -> np.ndarray:
    return -(points**2).sum(axis=1) / 2


MOVES = [
    w.AdaptiveStep(), w.ComponentwiseStep(0.5), w.DifferentialEvolution(), w.NormalStep(0.5), w.Snooker(), w.Stretch(),
    w.UniformStep(0.5), w.Mix([(1, w.Stretch()), (1, w.Snooker())]),
]  # fmt: skip
DENSITIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "built in": (w.densities.ThreeGaussians(), {}),
    "numba": (plain, {}),
    "vectorised": (together, {"call": "points"}),
    "plain": (plain, {"where": "python"}),
}


def walk(start: np.ndarray, density: str = "built in", n_steps: int = 300, **settings: Any) -> w.Run:
    function, how = DENSITIES[density]
    return w.sample(function, start, n_steps, 50, **({"move": w.Stretch(), "rng": 3} | how | settings))


def walked(arrays: dict[str, np.ndarray]) -> w.Run:
    return walk(arrays["start"].copy())


def walked_in_ranges(arrays: dict[str, np.ndarray]) -> list[w.Run]:
    start = arrays["start"].copy()
    cut = len(start) // 3
    ranges = range(cut), range(cut, len(start))
    return [walk(start, move=w.NormalStep(0.5), walkers=walkers) for walkers in ranges]


def saved_and_loaded(run: w.Run, _: Any) -> w.Run:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        run.save(path)
        return w.load(path)


for move in MOVES:
    entry(f"sample {type(move).__name__}", starts)(lambda none, a, move=move: walk(a["start"], move=move))
for kind in DENSITIES:
    entry(f"sample {kind}", starts, rows=20_000 if kind != "plain" else 2000)(
        lambda none, a, kind=kind: walk(a["start"], kind, 100)
    )
    entry(f"sample {kind} moments", starts, rows=20_000 if kind != "plain" else 2000)(
        lambda none, a, kind=kind: walk(a["start"], kind, 100, keep="moments", histograms=200)
    )
entry("extend", starts, walked)(lambda run, _: run.extend(300))
entry("save and load", starts, walked)(saved_and_loaded)
entry("run pickle", starts, walked)(lambda run, _: pickle.loads(pickle.dumps(run)))
entry("run join", starts, walked_in_ranges)(lambda parts, _: w.Run.join(parts))
entry("sample executor", starts)(lambda none, a: walk(a["start"], move=w.NormalStep(0.5), executor=Here()))
entry("run summary", starts, walked)(lambda run, _: run.summary())
entry("run histogram", starts, walked)(lambda run, _: run.histogram(400, dims=(0, 1)))


def wide_starts(n: int) -> dict[str, np.ndarray]:
    return {"start": np.random.default_rng(10).normal(size=(max(n // 20, 8), 30))}


def wide_moments(arrays: dict[str, np.ndarray]) -> w.Run:
    return walk(arrays["start"].copy(), "vectorised", 60, keep="moments", histograms=20_000)


entry("wide moments", wide_starts, wide_moments)(lambda run, _: [run.moments.mean, run.moments.cov])
entry("wide extend", wide_starts, wide_moments)(lambda run, _: run.extend(20))
entry("wide pickle", wide_starts, wide_moments)(lambda run, _: pickle.loads(pickle.dumps(run)))
for wide_move in (w.AdaptiveStep(), w.ComponentwiseStep(0.5), w.NormalStep(0.5), w.Stretch()):
    entry(f"wide {type(wide_move).__name__}", wide_starts, rows=4000)(
        lambda none, a, move=wide_move: walk(a["start"], "vectorised", 60, move=move)
    )
entry("wide mixture density", lambda n: blobs(n, 200), fitted("full"), rows=500)(
    lambda model, _: w.densities.GaussianMixtureDensity.of(model)(np.zeros((1, 200)))
)
entry("split", starts)(lambda none, _: [key.spawn_key for key in foldstat.split(0, 20_000)])
entry("density", starts, rows=2_000_000)(lambda none, a: w.densities.ThreeGaussians()(a["start"]))
entry("density sample", starts)(lambda none, _: w.densities.ThreeGaussians().sample(200_000, rng=1))

# ---------------------------------------------------------------- the rest


def chains(n: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(11).normal(size=(8, max(n // 8, 8), 3)).cumsum(axis=1)}


for measure in ("r_hat", "ess_bulk", "ess_tail", "mcse_mean", "mcse_sd", "autocorrelation_time"):
    entry(measure, chains)(lambda none, a, measure=measure: getattr(diagnostics, measure)(a["x"]))
entry("moments", lambda n: {"draws": chains(n)["x"]})(lambda none, a: w.Moments.of_draws(a["draws"]))
entry("mcse_quantile", chains)(lambda none, a: diagnostics.mcse_quantile(a["x"], 0.3))
entry("nested_r_hat", chains)(lambda none, a: diagnostics.nested_r_hat(a["x"], [0, 0, 0, 0, 1, 1, 1, 1]))

MU = np.arange(18.0).reshape(3, 6) / 4
COV = np.stack([np.eye(6)] * 3)
entry("cells expectation", blobs)(lambda none, a: notebook.expectation(a["X"], MU, COV))
entry("cells EM", blobs)(lambda none, a: notebook.EM(a["X"], MU, COV))
entry("cells pairwise_sum", blobs, rows=2000)(lambda none, a: notebook.pairwise_sum(a["X"]))
entry("cells summarize", blobs)(lambda none, a: notebook.summarize(a["X"][:, 0]))


@entry("plot_mixture", lambda n: blobs(n, 2), fitted("full"), rows=2000)
def _plotted(model: GaussianMixture, arrays: dict[str, np.ndarray]) -> int:
    figure, axes = plt.subplots()
    try:
        plot.plot_mixture(model, arrays["X"], ax=axes)
        return len(axes.get_children())
    finally:
        plt.close(figure)


def _counted(axes: Any) -> list[int]:
    try:
        return [len(ax.get_children()) for ax in np.ravel(axes)]
    finally:
        plt.close("all")


entry("plot_pairs", lambda n: blobs(n, 2), fitted("full"), rows=500)(lambda m, a: _counted(plot.plot_pairs(m, a["X"])))
entry("plot_uncertainty", lambda n: blobs(n, 2), fitted("full"), rows=2000)(
    lambda m, a: _counted(plot.plot_uncertainty(m, a["X"], plt.figure().subplots()))
)
entry("plot_entropy", lambda n: blobs(n, 2), fitted("full"), rows=500)(
    lambda m, _: _counted(plot.plot_entropy(m.merge_components(n_samples=500, rng=0), plt.figure().subplots()))
)


@entry("plot_selection", lambda n: blobs(n, 2), lambda a: foldstat.select(a["X"], [1, 2], "EII", random_state=0), 2000)
def _plotted_selection(selection: mixture.Selection, _: dict[str, np.ndarray]) -> int:
    figure, axes = plt.subplots()
    try:
        selection.plot(ax=axes)
        return len(axes.get_children())
    finally:
        plt.close(figure)


NAMES = sorted(ENTRIES)
READERS = [name for name in NAMES if ENTRIES[name].reads]
