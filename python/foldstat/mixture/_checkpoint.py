"""The state of a fit in a file, written after every pass."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.callers import level_of_caller
from foldstat._common.replace import replacing
from foldstat.mixture._passes import Passes
from foldstat.mixture._seen import Seen

_FORMAT = "foldstat mixture checkpoint 1"


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

    def read(self, passes: Passes, start_rows: int) -> tuple[list[Any], int] | None:
        """Give the fits under way and the iterations done; None if there is no file. Rows must be known by now.

        `start_rows` is how many rows a start is looked for in, where there are as many.
        """
        assert passes.looked is not None
        seen, exponent = passes.looked.seen, passes.looked.exponent
        self._data = {"seen": [*seen[:2], list(seen.columns), *seen[3:]], "exponent": exponent}
        self._settings["init_size"] = min(start_rows, seen.rows)
        if not self.exists:
            return None
        header, runs = self._load()
        theirs = Seen.of(header["data"]["seen"])
        difference = (
            f"it has {len(theirs.columns)} columns, and X has {len(seen.columns)}"
            if len(theirs.columns) != len(seen.columns)
            else seen.difference(theirs, passes.names)
        )
        if difference is not None or header["data"]["exponent"] != exponent:
            raise ValueError(f"checkpoint {str(self.path)!r} is of other data: {difference or 'other weights'}")
        self._check_settings(header["settings"])
        warnings.warn(
            f"fit goes on from the checkpoint {str(self.path)!r}, after {header['iteration']} iterations",
            UserWarning,
            stacklevel=level_of_caller(),
        )
        return runs, header["iteration"]

    def write(self, runs: list[Any], iteration: int) -> None:
        """Put the fits under way in the place of what is there, in one step."""
        header: dict[str, Any] = {"format": _FORMAT, "settings": self._settings, "data": self._data}
        header |= {"iteration": iteration, "runs": []}
        arrays: dict[str, Any] = {}
        for i, (mixture, covariances, bound, converged, bounds) in enumerate(runs):
            header["runs"].append({"bound": bound.hex(), "converged": converged})
            parts = mixture.weights, mixture.means, mixture.precisions_cholesky, covariances, bounds
            arrays |= {f"{i}_{name}": part for name, part in zip(_PARTS, parts, strict=True)}
        with replacing(self.path, "a checkpoint") as file:
            np.savez(file, header=np.array(json.dumps(header)), **arrays)

    def _load(self) -> tuple[dict[str, Any], list[Any]]:
        try:
            with self.path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(str(arrays.pop("header")))
            if header["format"] != _FORMAT:
                raise ValueError(f"its format is {header['format']!r}")
            Seen.of(header["data"]["seen"])
            family, iteration = header["settings"]["covariance_type"], header["iteration"]
            runs = [_run(arrays, i, run, family, iteration) for i, run in enumerate(header["runs"])]
            if not runs:
                raise ValueError("it has no fits")
        except _DAMAGE as error:
            raise ValueError(
                f"checkpoint {str(self.path)!r} was not written by foldstat, or is damaged: remove it to begin anew "
                f"({error})"
            ) from error
        return header, runs

    def _check_settings(self, theirs: dict[str, Any]) -> None:
        ours = json.loads(json.dumps(self._settings))
        for name, value in ours.items():
            if theirs.get(name) != value:
                was = f"{name} was {_short(theirs.get(name))}, and is {_short(value)}"
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
    mixture = _core.Mixture(weights, means, factors, family)
    shape = _core.covariances_shape(family, mixture.n_components, mixture.n_features)
    if covariances.shape != shape or bounds.ndim != 1 or len(bounds) > iteration:
        raise ValueError("its arrays do not fit together")
    return mixture, covariances, float.fromhex(run["bound"]), bool(run["converged"]), bounds.tolist()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else "another one"


_PARTS = "weights", "means", "precisions_cholesky", "covariances", "lower_bounds"
