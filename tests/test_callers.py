"""Warnings are about a line of whoever called, not of what lies between."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from foldstat import GaussianMixture, Summary

X = np.random.default_rng(0).normal(size=(60, 2))
NAMED = pd.DataFrame(X, columns=["a", "b"])
WITH_TEXT = NAMED.assign(c="u")


def mixture():
    return GaussianMixture(2, max_iter=1, tol=0.0, random_state=0)


FITTED = GaussianMixture(1).fit(NAMED)

CALLS = {
    "fit": lambda: mixture().fit(X),
    "fit of chunks": lambda: mixture().fit([X, X]),
    "fit_predict": lambda: mixture().fit_predict([X, X]),
    "pipeline": lambda: make_pipeline(StandardScaler(), mixture()).fit(X),
    "search": lambda: GridSearchCV(mixture(), {"n_components": [1, 2]}, cv=2).fit(X),
    "predict of chunks": lambda: FITTED.predict([X, X]),
    "score of chunks": lambda: FITTED.score([X, X]),
    "bic of chunks": lambda: FITTED.bic([X, X]),
    "chunk by chunk": lambda: list(FITTED.iter_predictions([X, X])),
    "summary of chunks": lambda: Summary([WITH_TEXT, WITH_TEXT]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_warnings_name_a_line_of_the_user(call):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        call()
    assert {warning.filename for warning in heard} == {__file__}
