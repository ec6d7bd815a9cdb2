"""Results, their table and their JSON."""

import json
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from foldstat import _core


@dataclass(frozen=True)
class Result:
    """One measured figure, and the bar it is held to (None: for information)."""

    key: str
    label: str
    value: float | None
    unit: str
    bar: float | None = None
    at_most: bool = False
    times: dict = field(default_factory=dict)
    note: str = ""

    @property
    def verdict(self):
        if self.value is None:
            return "too short to measure"
        if self.bar is None:
            return "for information"
        reached = self.value <= self.bar if self.at_most else self.value >= self.bar
        return "reached" if reached else "SHORT"

    def as_json(self):
        return {
            "key": self.key,
            "label": self.label,
            "value": self.value,
            "unit": self.unit,
            "bar": self.bar,
            "bar_is": None if self.bar is None else ("at most" if self.at_most else "at least"),
            "verdict": self.verdict,
            "seconds": self.times,
            "note": self.note,
        }


def ratio(numerator, denominator):
    """The quotient of two times, None if one was too short to be told from zero."""
    if numerator is None or denominator is None or min(numerator, denominator) <= 0:
        return None
    return numerator / denominator


def agree(what, ours, theirs, tolerance):
    """Raise unless two results agree: only equal work is worth comparing."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    difference = float(np.max(np.abs(ours - theirs) / (1.0 + np.abs(theirs)), initial=0.0))
    if not difference <= tolerance:
        raise ArithmeticError(f"{what}: results differ by {difference:.2e}, allowed {tolerance:.0e}")
    return difference


def machine(threads):
    """Where and with what the figures were measured."""
    packages = ("foldstat", "scikit-learn", "numpy", "scipy", "cython", "threadpoolctl")
    return {
        "cpu": _cpu_model(),
        "cores": _core.resolve_threads(-1),
        "threads": threads,
        "simd": _core.system()["simd"],
        "lapack": _core.system()["lapack"],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def _cpu_model():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _seconds(value):
    if value is None or value <= 0:
        return ""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _figure(value, unit):
    if value is None:
        return ""
    digits = f"{value:.5f}" if unit == "R²" else f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return f"{digits}{'' if unit == '×' else ' '}{unit}"


def table(results):
    """Lines of a table of results."""
    rows = [("what", "foldstat", "against", "its time", "figure", "bar", "")]
    for r in results:
        times = list(r.times.items())
        ours = _seconds(times[0][1]) if times else ""
        peer = times[1] if len(times) > 1 else ("", None)
        sign = "≤" if r.at_most else "≥"
        bar = "" if r.bar is None else f"{sign} {r.bar:g}"
        mark = r.verdict + (f" ({r.note})" if r.note else "")
        rows.append((r.label, ours, peer[0], _seconds(peer[1]), _figure(r.value, r.unit), bar, mark))
    return aligned(rows, left=(0, 2, 6))


def aligned(rows, left):
    """Lines in which every column is as wide as its widest entry; a rule below the first of them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def write(path, results, where):
    """Write everything that was measured as JSON."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": where, "results": [result.as_json() for result in results]}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
