"""Published posteriors: plain Python functions with their data, and where walkers start."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "tests" / "reference" / "posteriors.json"


@dataclass(frozen=True, eq=False)
class Posterior:
    """A log-density on the natural scale of its parameters, and what is known of it."""

    name: str
    log_density: object  # of a point and `args`
    data: dict  # what `args` are taken from, by name
    args: tuple
    bounds: np.ndarray
    starts: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    @property
    def n_dims(self):
        return self.starts.shape[1]

    def at(self, points):
        """The function as it is, at rows of points."""
        return np.array([self.log_density(point, *self.args) for point in points])


def _value(entry, dtype):
    value = np.array(entry, dtype)
    return value if value.ndim else value.item()


def _posterior(entry):
    space = {}
    exec(entry["source"], space)
    data = {key: _value(value, entry["data_dtypes"][key]) for key, value in entry["data"].items()}
    known = entry.get("exact") or entry["reference"]
    ends = [[-np.inf if low is None else low, np.inf if high is None else high] for low, high in entry["bounds"]]
    return Posterior(
        name=entry["name"],
        log_density=space["log_density"],
        data=data,
        args=tuple(data[key] for key in entry["args"]),
        bounds=np.array(ends, dtype=float),
        starts=np.array(entry["starts"], dtype=float),
        mean=np.array(known["mean"], dtype=float),
        sd=np.array(known["sd"], dtype=float),
    )


@cache
def posteriors():
    """All of them, by name."""
    entries = json.loads(FILE.read_text(encoding="utf-8"))["posteriors"]
    return {entry["name"]: _posterior(entry) for entry in entries}
