"""Times side by side, as arrays and as columns of tables."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.frames import FrameKind
from foldstat.summary._instants import ATTOSECONDS, HIGHEST, LOWEST, MICROSECOND, times_of
from foldstat.summary._key_levels import as_column, in_zone
from foldstat.summary._ticks import Scale, in_clock


class TimeCells:
    """Times as whole numbers; where `there` is false there is none.

    Parameters
    ----------
    ticks : ndarray of int64, or sequence of int
        Integers of any size where one needs more than 64 bits.
    there : ndarray of bool
    scale : Scale
        What they stand for.
    """

    __slots__ = ("scale", "there", "ticks")

    def __init__(self, ticks: Any, there: NDArray[np.bool_], scale: Scale) -> None:
        self.ticks = ticks if isinstance(ticks, np.ndarray) else np.array(ticks, dtype=object)
        self.there, self.scale = there, scale

    def objects(self) -> NDArray[Any]:
        """Give Python's objects, None for none."""
        found = np.empty(len(self.ticks), dtype=object)
        found[:] = self._objects()
        return found

    def _objects(self) -> list[Any]:
        scale = self.scale
        stored = self._stored()
        if stored is not None:
            try:
                listed = times_of(stored, aware=scale.kind == "aware")
            except ValueError:  # Python has no such time: say so
                pass
            else:
                return (
                    [None if time is None else in_clock(time, scale.zone) for time in listed] if scale.zone else listed
                )
        pairs = zip(self.ticks.tolist(), self.there.tolist(), strict=True)
        return [scale.read_exactly(tick) if there else None for tick, there in pairs]

    def _stored(self) -> NDArray[Any] | None:
        """Give NumPy's array of them; None if it has no such type."""
        if self.scale.kind == "time" or self.ticks.dtype == object:
            return None
        stored = self.ticks.view(f"{'m' if self.scale.kind == 'duration' else 'M'}8[{self.scale.unit}]").copy()
        stored[~self.there] = "NaT"
        return stored

    def column(self, kind: FrameKind) -> Any:
        """Give what the library makes a column of: of its own type if that has the unit, else of objects or texts."""
        library = importlib.import_module(kind)
        unit, stored = self.scale.unit, self._stored()
        if stored is None or unit in ("ps", "fs", "as"):
            return self._clocks(kind, library)
        if kind == "polars" and not self._has_years():  # it panics over others when it shows them
            return _objects_or_texts(kind, library, self.objects())
        if kind == "polars" and (unit == "s" or (unit == "D" and self.scale.kind == "duration")):
            stored = _finer(stored, "ms")
        elif unit == "D" and self.scale.kind == "duration":
            stored = _finer(stored, "s")
        if stored is None:
            return _objects_or_texts(kind, library, self.objects())
        return in_zone(kind, library, stored, self.scale.zone) if self.scale.zone else as_column(kind, library, stored)

    def _has_years(self) -> bool:
        """Tell whether all are within the years that Python has, if they are instants."""
        if self.scale.kind == "duration" or not self.there.any():
            return True
        present, unit = self.ticks[self.there], ATTOSECONDS[self.scale.unit]
        return bool(
            LOWEST * MICROSECOND <= int(present.min()) * unit <= int(present.max()) * unit <= HIGHEST * MICROSECOND
        )

    def _clocks(self, kind: FrameKind, library: Any) -> Any:
        if kind == "pandas" or self.scale.kind != "time" or self.ticks.dtype == object:
            return _objects_or_texts(kind, library, self.objects())
        to_nanoseconds = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[self.scale.unit]
        nanoseconds = self.ticks * to_nanoseconds
        if kind == "pyarrow":
            return library.array(nanoseconds, library.time64("ns"), mask=~self.there)
        series = library.Series(nanoseconds).cast(library.Time)
        return series.zip_with(library.Series(self.there), library.Series([None], dtype=library.Time))


def _finer(stored: NDArray[Any], unit: str) -> NDArray[Any] | None:
    """Give the same in a finer unit, if 64 bits hold it."""
    finer = stored.astype(f"{stored.dtype.kind}8[{unit}]")
    same = (finer.astype(stored.dtype) == stored) | np.isnat(stored)
    return finer if same.all() else None


def _objects_or_texts(kind: FrameKind, library: Any, objects: NDArray[Any]) -> Any:
    if kind == "pandas":
        return library.Index(objects, dtype=object, tupleize_cols=False)  # which it does not try to convert
    return [None if time is None else str(time) for time in objects.tolist()]
