"""The scores of searches over parameters: those of scikit-learn, Optuna and Ray Tune, known by what they offer."""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a search tried, and what came of it: a score, NaN where that failed, None where it was given up."""

    scores: list[float | None]
    parameters: list[dict[str, Any]]
    largest: bool | None  # whether large scores are good ones, if the search says so

    @property
    def ids(self) -> list[str]:
        """Name each by its parameters; of equal names all but the first have a number."""
        seen: dict[str, int] = {}
        names = []
        for parameters in self.parameters:
            name = parameters_text(parameters)
            seen[name] = seen.get(name, 0) + 1
            names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        return names


def candidates_of(search: Any, metric: str | int | None) -> Candidates:
    """Read a search of any of the libraries."""
    if getattr(search, "cv_results_", None) is not None:
        return _of_scikit_learn(search.cv_results_, "score" if metric is None else metric)
    if hasattr(search, "trials") and hasattr(search, "directions"):
        return _of_optuna(search, metric)
    if hasattr(search, "get_dataframe") and hasattr(search, "__getitem__"):
        return _of_ray(search, metric)
    if hasattr(search, "fit"):
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"this {type(search).__name__} has no cv_results_: fit it first")
    raise TypeError(
        "search must be a fitted search of scikit-learn (with cv_results_), a study of Optuna or the ResultGrid of "
        f"ray.tune, got {type(search).__name__}"
    )


def parameters_of(search: Any, id: str) -> dict[str, Any]:  # noqa: A002 - what it is called in `best`
    """Give the parameters that an id of `Summary.from_search` stands for.

    Parameters
    ----------
    search : object
        The search that the summary is of.
    id : str
        The id of a candidate, as in ``best``.

    Returns
    -------
    dict
        Its parameters, the objects themselves.

    Raises
    ------
    ValueError
        If no candidate of the search has this id, as those of another machine's search.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from foldstat import Summary
    >>> from foldstat.summary import parameters_of
    >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 9]}).fit(*load_iris(return_X_y=True))
    >>> (score, id), = Summary.from_search(search, best=1).best
    >>> parameters_of(search, id) == search.best_params_
    True
    """
    found = candidates_of(search, _ANY)
    for name, parameters in zip(found.ids, found.parameters, strict=True):
        if name == id:
            return dict(parameters)
    raise ValueError(f"no candidate of this search has the id {id!r}")


# ---------------------------------------------------------------- the libraries


class _Any(str):
    """Whatever metric: where the parameters alone are asked for."""


_ANY = _Any()


def _unknown(metric: str | int, known: list[str]) -> ValueError:
    return ValueError(f"the search has no metric {metric!r}: choose one of {', '.join(map(repr, known))}")


def _of_scikit_learn(results: Mapping[str, Any], metric: str | int) -> Candidates:
    known = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
    if metric is _ANY:
        metric = known[0]
    if metric not in known:
        raise _unknown(metric, known)
    scores = np.asarray(results[f"mean_test_{metric}"], dtype=np.float64)
    chosen = np.arange(len(scores))
    if "iter" in results:  # a halving search
        iterations = np.asarray(results["iter"])
        chosen = np.flatnonzero(iterations == iterations.max())
    return Candidates(scores[chosen].tolist(), [results["params"][i] for i in chosen], True)


def _of_optuna(study: Any, metric: str | int | None) -> Candidates:
    objective = _objective(study, metric)
    scores: list[float | None] = []
    parameters = []
    for trial in study.trials:
        state = trial.state.name
        if state in ("RUNNING", "WAITING"):
            continue
        scores.append(float(trial.values[objective]) if state == "COMPLETE" else math.nan if state == "FAIL" else None)
        parameters.append(trial.params)
    return Candidates(scores, parameters, study.directions[objective].name == "MAXIMIZE")


def _objective(study: Any, metric: str | int | None) -> int:
    """Give the number of an objective of a study."""
    n = len(study.directions)
    names = list(getattr(study, "metric_names", None) or ())
    if metric is _ANY or (metric is None and n == 1):
        return 0
    if metric in names:
        return names.index(metric)
    if isinstance(metric, int) and 0 <= metric < n:
        return metric
    known = ", ".join(map(repr, [*names, *range(n)]))
    problem = f"has {n} objectives" if metric is None else f"has no metric {metric!r}"
    raise ValueError(f"the study {problem}: choose one of {known} as metric")


def _of_ray(results: Any, metric: str | int | None) -> Candidates:
    found = [results[i] for i in range(len(results))]
    # The metric and mode of tune's configuration, where this version of Ray still has them there.
    analysis = getattr(results, "_experiment_analysis", None)
    usual = getattr(analysis, "default_metric", None)
    mode = getattr(analysis, "default_mode", None)
    metrics = [result.metrics or {} for result in found]
    known = sorted({name for each in metrics for name, value in each.items() if _is_number(value)})
    if metric is None:
        metric = usual
    if metric is None:
        raise ValueError(f"metric must say which of the results' metrics to take: one of {', '.join(map(repr, known))}")
    if metric is not _ANY and known and metric not in known:
        raise _unknown(metric, known)
    scores = [
        math.nan if result.error is not None else float(each[metric]) if _is_number(each.get(metric)) else None
        for result, each in zip(found, metrics, strict=True)
    ]
    largest = mode == "max" if metric == usual and mode in ("min", "max") else None
    return Candidates(scores, [result.config or {} for result in found], largest)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


# ---------------------------------------------------------------- parameters as text


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """Write parameters in one line that depends neither on their order nor on where objects lie in memory."""
    return ", ".join(f"{name}={_text(value)}" for name, value in sorted(parameters.items()))


def _text(value: Any) -> str:
    if isinstance(value, np.generic):  # np.float64(0.1) and 0.1 are the same parameter
        return _text(value.item())
    if type(value) in (list, tuple, set, frozenset, dict):
        return _of_collection(value)
    if isinstance(value, np.ndarray):
        return _of_array(value)
    if isinstance(value, functools.partial):
        return f"partial({', '.join([_text(value.func), *map(_text, value.args), *_named(value.keywords)])})"
    if isinstance(value, MethodType):
        return f"{_text(value.__self__)}.{value.__func__.__name__}"
    if isinstance(value, (type, FunctionType, BuiltinFunctionType)):
        return _qualified(value)
    if callable(getattr(value, "get_params", None)):
        return _of_estimator(value)
    return _of_object(value)


def _named(values: Mapping[Any, Any]) -> Iterator[str]:
    return (f"{name}={_text(value)}" for name, value in sorted(values.items()))


def _qualified(named: Any) -> str:
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", named.__name__)
    return name if module in (None, "builtins") else f"{module}.{name}"


def _of_collection(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{_text(key)}: {_text(part)}' for key, part in value.items()))}}}"
    parts = list(map(_text, value))
    if isinstance(value, list):
        return f"[{', '.join(parts)}]"
    if isinstance(value, tuple):
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    return f"{type(value).__name__}({{{', '.join(sorted(parts))}}})"


def _of_array(array: Any) -> str:
    if array.size <= 16:
        return f"array({_text(array.tolist())})"
    contents = _text(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
    return f"array of shape {array.shape}, {array.dtype}, {hashlib.sha256(contents).hexdigest()[:12]}"


def _of_estimator(estimator: Any) -> str:
    """Write an estimator with those of its parameters that are not the default."""
    kind = type(estimator)
    try:
        defaults = {name: each.default for name, each in inspect.signature(kind).parameters.items()}
        parameters = estimator.get_params(deep=False)
    except (TypeError, ValueError):
        return _of_object(estimator)
    changed = {name: value for name, value in parameters.items() if _text(value) != _text(defaults.get(name, kind))}
    return f"{kind.__qualname__}({', '.join(_named(changed))})"


_NONE_OF_ITS_OWN: Any = object.__repr__
_ADDRESS = re.compile(r"( object)? at 0x[0-9a-fA-F]+")


def _of_object(value: Any) -> str:
    text = " ".join(repr(value).split())
    if type(value).__repr__ is _NONE_OF_ITS_OWN:
        return _qualified(type(value))
    return _ADDRESS.sub("", text)
