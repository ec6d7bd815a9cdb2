"""The state of a fit in a file, written after every pass."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from foldstat import _core
from foldstat._common.callers import level_of_caller
from foldstat._common.replace import replacing
from foldstat.mixture._passes import Passes
from foldstat.mixture._seen import Seen
from foldstat.mixture._start import Posterior

_FORMAT = "foldstat mixture checkpoint 1"
# Fits under way, iterations done, and what else the fits need to go on.
Saved: TypeAlias = tuple[list[Any], int, list[Any]]


class Checkpoint:
    """A file with the fits under way, replaced as a whole, so that there is always one that can be read.

    `settings` is what a fit has to share with the one that wrote the file: a number, text, None, or a list of these
    for each name.
    """

    def __init__(self, path: Any, settings: dict[str, Any]) -> None:
        try:
            # Where a link leads: it is the file that is replaced.
            self.path = Path(path).expanduser().resolve()
            problem = self._problem()
        except TypeError:
            raise TypeError(f"checkpoint must be a path, got {path!r}") from None
        except (OSError, ValueError) as error:
            problem = f"cannot be written: {error}"
        if problem:
            raise ValueError(f"checkpoint must be the path of a file that can be written, and {str(path)!r} {problem}")
        self._settings = settings
        self._data: dict[str, Any] = {}
        self.prior: list[Any] | None = None  # what was read from the rows before there were fits

    def _problem(self) -> str | None:
        if self.path.is_dir():
            return "is a directory"
        if not self.path.parent.is_dir():
            return "is in a directory that does not exist"
        if not os.access(self.path.parent, os.W_OK):
            return "is in a directory that cannot be written to"
        return None

    @property
    def exists(self) -> bool:
        """Whether a fit has left its state there."""
        return self.path.exists()

    def read(self, passes: Passes, start_rows: int) -> Saved | None:
        """Give the fits under way, the iterations done and what else there is to them; None if there is no file.

        The rows must be known by now; `start_rows` is how many a start is looked for in, where there are as many.
        """
        assert passes.looked is not None
        seen, exponent = passes.looked.seen, passes.looked.exponent
        self._data = {"seen": [*seen[:2], list(seen.columns), *seen[3:]], "exponent": exponent}
        self._settings["init_size"] = min(start_rows, seen.rows)
        if not self.exists:
            return None
        header, runs, states = self._load()
        theirs = Seen.of(header["data"]["seen"])
        difference = (
            f"it has {len(theirs.columns)} columns, and X has {len(seen.columns)}"
            if len(theirs.columns) != len(seen.columns)
            else seen.difference(theirs, passes.names)
        )
        if difference is not None or header["data"]["exponent"] != exponent:
            raise ValueError(f"checkpoint {str(self.path)!r} is of other data: {difference or 'other weights'}")
        self._check_settings(header["settings"])
        self.prior = header.get("prior")
        warnings.warn(
            f"fit goes on from the checkpoint {str(self.path)!r}, after {header['iteration']} iterations",
            UserWarning,
            stacklevel=level_of_caller(),
        )
        return runs, header["iteration"], states

    def write(self, runs: list[Any], states: list[Any], iteration: int) -> None:
        """Put the fits under way in the place of what is there, in one step."""
        header: dict[str, Any] = {"format": _FORMAT, "settings": self._settings, "data": self._data}
        header |= {"iteration": iteration, "runs": [], "prior": self.prior}
        arrays: dict[str, Any] = {}
        for i, ((mixture, covariances, bound, converged, bounds), state) in enumerate(zip(runs, states, strict=True)):
            header["runs"].append({"bound": bound.hex(), "converged": converged, **_state_written(i, state, arrays)})
            parts = mixture.weights, mixture.means, mixture.precisions_cholesky, covariances, bounds
            arrays |= {f"{i}_{name}": part for name, part in zip(_PARTS, parts, strict=True)}
            known = () if mixture.posterior is None else zip(Posterior._fields, mixture.posterior, strict=True)
            arrays |= {f"{i}_{name}": part for name, part in known if part is not None}
        with replacing(self.path, "a checkpoint") as file:
            np.savez(file, header=np.array(json.dumps(header)), **arrays)

    def _load(self) -> tuple[dict[str, Any], list[Any], list[Any]]:
        try:
            with self.path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(str(arrays.pop("header")))
            if header["format"] != _FORMAT:
                raise ValueError(f"its format is {header['format']!r}")
            Seen.of(header["data"]["seen"])
            family, iteration = header["settings"]["covariance_type"], header["iteration"]
            runs = [_run(arrays, i, run, family, iteration) for i, run in enumerate(header["runs"])]
            states = [_state(arrays, i, run, family) for i, run in enumerate(header["runs"])]
            if not runs:
                raise ValueError("it has no fits")
        except _DAMAGE as error:
            raise ValueError(
                f"checkpoint {str(self.path)!r} was not written by foldstat, or is damaged: remove it to begin anew "
                f"({error})"
            ) from error
        return header, runs, states

    def _check_settings(self, theirs: dict[str, Any]) -> None:
        ours = json.loads(json.dumps(self._settings))
        for name, value in ours.items():
            # What a file does not know was not there when it was written, and all else was as it is by default.
            if theirs.get(name, _SINCE.get(name)) != value:
                was = f"{name} was {_short(theirs.get(name, _SINCE.get(name)))}, and is {_short(value)}"
                raise ValueError(f"checkpoint {str(self.path)!r} is of another fit: {was}")


# What damaged bytes make zipfile, NumPy, json and our own checks raise.
_DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    EOFError,
    OSError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def _run(arrays: dict[str, Any], i: int, run: dict[str, Any], family: str, iteration: int) -> tuple[Any, ...]:
    weights, means, factors, covariances, bounds = (arrays[f"{i}_{name}"] for name in _PARTS)
    if f"{i}_concentration" in arrays:
        posterior = Posterior(*(arrays.get(f"{i}_{name}") for name in Posterior._fields))
        mixture = _core.Mixture(None, means, factors, family, None, posterior)
    else:
        mixture = _core.Mixture(weights, means, factors, family)
    shape = _core.covariances_shape(family, mixture.n_components, mixture.n_features)
    if covariances.shape != shape or bounds.ndim != 1 or len(bounds) > iteration:
        raise ValueError("its arrays do not fit together")
    return mixture, covariances, float.fromhex(run["bound"]), bool(run["converged"]), bounds.tolist()


def _state_written(i: int, state: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    change, cycle = state
    if cycle is None:
        return {"change": change.hex()}
    cap, place, mixture, covariances, bound, capped = cycle
    if mixture is not None:
        parts = mixture.weights, mixture.means, mixture.precisions_cholesky
        arrays |= {f"{i}_cycle_{name}": part for name, part in zip(_PARTS, parts, strict=False)}
    if covariances is not None:
        arrays[f"{i}_cycle_covariances"] = covariances
    return {"change": change.hex(), "cycle": [cap.hex(), place, bound.hex(), capped]}


def _state(arrays: dict[str, Any], i: int, run: dict[str, Any], family: str) -> tuple[Any, ...]:
    change = float.fromhex(run.get("change", "inf"))
    if "cycle" not in run:
        return change, None
    cap, place, bound, capped = run["cycle"]
    mixture = covariances = None
    if place > 1:
        weights, means, factors = (arrays[f"{i}_cycle_{name}"] for name in _PARTS[:3])
        mixture, covariances = _core.Mixture(weights, means, factors, family), arrays.get(f"{i}_cycle_covariances")
    return change, (float.fromhex(cap), int(place), mixture, covariances, float.fromhex(bound), bool(capped))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else "another one"


_PARTS = "weights", "means", "precisions_cholesky", "covariances", "lower_bounds"
# Settings that files of earlier versions do not have: a value of today's that makes the same fit of theirs.
_SINCE = {"stages": 2, "stop": "change"}
