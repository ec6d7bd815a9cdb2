"""Models as plain values: strings, numbers, lists and dictionaries that JSON knows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

FORMAT = "foldstat.mixture"
VERSION = 1

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DTYPES = ("float64", "float32")
_GENERATOR = "MT19937"  # of NumPy's RandomState
_ARRAYS = ("weights_", "means_", "covariances_", "precisions_cholesky_")


def not_a_mixture(why: str) -> ValueError:
    """Say what is wrong with a dictionary: the one error that reading it has."""
    return ValueError(f"not a mixture: {why}")


# ---------------------------------------------------------------- writing


def plain(value: Any, name: str) -> Any:
    """Give a value as JSON knows it."""
    if value is None or (isinstance(value, (str, bool, int)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, np.generic):
        return plain(value.item(), name)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, np.ndarray) and value.dtype.name in _DTYPES:
        return {"array": _numbers(value.tolist()), "dtype": value.dtype.name}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(part, name) for part in value]
    if isinstance(value, np.random.RandomState):
        return _state(value, name)
    raise TypeError(f"{name} cannot be written as plain values: it is {type(value).__name__}, {value!r}")


def attributes_of(model: Any) -> dict[str, Any]:
    """Give what was fitted."""
    arrays = {name: np.asarray(getattr(model, name)) for name in _ARRAYS}
    names = getattr(model, "feature_names_in_", None)
    return {
        **{name: plain(array, name) for name, array in arrays.items()},
        "converged_": bool(model.converged_),
        "n_iter_": int(model.n_iter_),
        "lower_bound_": plain(float(model.lower_bound_), "lower_bound_"),
        "lower_bounds_": [plain(float(bound), "lower_bounds_") for bound in model.lower_bounds_],
        "feature_names_in_": None if names is None else [str(name) for name in names],
    }


def _numbers(values: Any) -> Any:
    if isinstance(values, list):
        return [_numbers(value) for value in values]
    return values if math.isfinite(values) else str(values)


def _state(random_state: np.random.RandomState, name: str) -> dict[str, Any]:
    state: dict[str, Any] = random_state.get_state(legacy=False)
    if state["bit_generator"] != _GENERATOR:
        raise TypeError(f"{name} cannot be written as plain values: its generator is {state['bit_generator']}")
    key, place = state["state"]["key"].tolist(), int(state["state"]["pos"])
    return {_GENERATOR: [key, place, int(state["has_gauss"]), float(state["gauss"])]}


# ---------------------------------------------------------------- reading


def read(data: Any, model: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Check the envelope; give the constructor's parameters and what was fitted."""
    if not isinstance(data, Mapping):
        raise not_a_mixture(f"it must be a dictionary, got {type(data).__name__}")
    if data.get("format") != FORMAT:
        raise not_a_mixture(f"'format' must be {FORMAT!r}, got {_shown(data.get('format'))}")
    version = data.get("version")
    if type(version) is not int or version != VERSION:
        raise not_a_mixture(f"'version' must be {VERSION}, got {_shown(version)}: another version of foldstat wrote it")
    if data.get("model") != model:
        raise not_a_mixture(f"'model' must be {model!r}, got {_shown(data.get('model'))}")
    _check_names(data, ("format", "version", "model", "parameters", "fitted"), "the dictionary")
    parameters, fitted = data["parameters"], data["fitted"]
    for name, part in (("parameters", parameters), ("fitted", fitted)):
        if not isinstance(part, Mapping):
            raise not_a_mixture(f"{name!r} must be a dictionary, got {type(part).__name__}")
    return parameters, fitted


def read_parameters(parameters: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Read the constructor's parameters; those that are not there have their defaults."""
    strange = [name for name in parameters if name not in set(known)]
    if strange:
        raise not_a_mixture(f"'parameters' has {_shown(strange[0])}, which is no parameter")
    return {name: _value(value, name) for name, value in parameters.items()}


def read_fitted(fitted: Mapping[str, Any]) -> dict[str, Any]:
    """Read what was fitted: arrays of one type, flags and counts. What the arrays mean is checked by the model."""
    names = (*_ARRAYS, "converged_", "n_iter_", "lower_bound_", "lower_bounds_", "feature_names_in_")
    _check_names(fitted, names, "'fitted'")
    found: dict[str, Any] = {name: _array(fitted[name], name) for name in _ARRAYS}
    if len({array.dtype for array in found.values()}) > 1:
        raise not_a_mixture("the arrays of 'fitted' must have one dtype")
    found["converged_"] = _typed(fitted["converged_"], bool, "converged_")
    found["n_iter_"] = _typed(fitted["n_iter_"], int, "n_iter_")
    if found["n_iter_"] < 0:
        raise not_a_mixture("'n_iter_' must not be negative")
    found["lower_bound_"] = _number(fitted["lower_bound_"], "lower_bound_")
    bounds = _typed(fitted["lower_bounds_"], list, "lower_bounds_")
    found["lower_bounds_"] = [_number(bound, "lower_bounds_") for bound in bounds]
    names_in = fitted["feature_names_in_"]
    if names_in is not None:
        names_in = [_typed(name, str, "feature_names_in_") for name in _typed(names_in, list, "feature_names_in_")]
    found["feature_names_in_"] = names_in
    return found


def _value(value: Any, name: str) -> Any:
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        return _NOT_FINITE.get(value, value)
    if type(value) is list:
        return _floats(value, name, "float64").tolist()
    if isinstance(value, Mapping) and set(value) == {"array", "dtype"}:
        return _array(value, name)
    if isinstance(value, Mapping) and set(value) == {_GENERATOR}:
        return _random_state(value[_GENERATOR], name)
    raise not_a_mixture(f"{name!r} must be a plain value, got {_shown(value)}")


def _array(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping) or set(value) != {"array", "dtype"}:
        raise not_a_mixture(f"{name!r} must be a dictionary of 'array' and 'dtype', got {_shown(value)}")
    if value["dtype"] not in _DTYPES:
        raise not_a_mixture(f"the dtype of {name!r} must be one of {', '.join(_DTYPES)}, got {_shown(value['dtype'])}")
    return _floats(value["array"], name, value["dtype"])


def _floats(values: Any, name: str, dtype: str) -> Any:
    try:
        spelled = _spelled(values, 0)
        array = np.asarray(spelled, dtype=np.float64)
        with np.errstate(over="ignore"):
            found = array.astype(dtype)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise not_a_mixture(f"{name!r} must be a regular array of numbers") from None
    if dtype == "float32" and not np.array_equal(found.astype(np.float64), array, equal_nan=True):
        raise not_a_mixture(f"{name!r} has numbers that float32 has not")
    return found


def _spelled(values: Any, depth: int) -> Any:
    if type(values) is list and depth < 4:
        return [_spelled(value, depth + 1) for value in values]
    if type(values) is str:
        return _NOT_FINITE[values] if values in _NOT_FINITE else _refuse()
    return float(values) if type(values) in (int, float) else _refuse()


def _refuse() -> Any:
    raise ValueError


def _number(value: Any, name: str) -> float:
    found = _floats(value, name, "float64")
    if found.ndim:
        raise not_a_mixture(f"{name!r} must hold numbers, got {_shown(value)}")
    return float(found)


def _typed(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise not_a_mixture(f"{name!r} must be of type {kind.__name__}, got {_shown(value)}")
    return value


def _random_state(state: Any, name: str) -> np.random.RandomState:
    try:
        key, place, has_gauss, gauss = state
        if not all(type(word) is int and 0 <= word < 2**32 for word in key) or not 0 <= place <= 624:
            raise ValueError
        random_state = np.random.RandomState()
        words = np.array(key, dtype=np.uint32)
        random_state.set_state((_GENERATOR, words, int(place), int(has_gauss), float(gauss)))
    except (TypeError, ValueError, OverflowError):
        raise not_a_mixture(f"{name!r} must be the state of a RandomState") from None
    return random_state


def _check_names(data: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if name not in data]
    strange = [name for name in data if name not in names]
    if missing or strange:
        problem = f"{missing[0]!r} is missing" if missing else f"{_shown(strange[0])} is not known"
        raise not_a_mixture(f"{problem} in {where}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
