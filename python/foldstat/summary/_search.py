"""The scores of scikit-learn's searches over parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def scores_of_search(search: Any, metric: str) -> tuple[NDArray[np.float64], list[int | str | bytes]]:
    """Give the mean test score of every candidate, and its parameters as text."""
    results = getattr(search, "cv_results_", None)
    if results is None:
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"this {type(search).__name__} has no cv_results_: fit it first")
    column = f"mean_test_{metric}"
    if column not in results:
        known = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
        raise ValueError(f"the search has no metric {metric!r}: choose one of {', '.join(map(repr, known))}")
    scores = np.asarray(results[column], dtype=np.float64)
    chosen = np.arange(len(scores))
    if "iter" in results:  # a halving search
        iterations = np.asarray(results["iter"])
        chosen = np.flatnonzero(iterations == iterations.max())
    return scores[chosen], [parameters_text(results["params"][i]) for i in chosen]


def parameters_text(parameters: dict[str, Any]) -> str:
    """Write parameters in one line that does not depend on their order."""
    return ", ".join(f"{name}={_text(value)}" for name, value in sorted(parameters.items()))


def _text(value: Any) -> str:
    # np.float64(0.1) and 0.1 are the same parameter.
    plain = value.item() if isinstance(value, np.generic) else value
    return " ".join(repr(plain).split())
