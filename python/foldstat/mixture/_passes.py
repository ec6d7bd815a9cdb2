"""Passes over rows that do not lie in memory, as EM asks for them; whoever holds the rows."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from foldstat import _core
from foldstat._common.bars import Bar
from foldstat._core import MixtureStatistics
from foldstat.mixture._aligned import aligned
from foldstat.mixture._missing import filled, scored
from foldstat.mixture._seen import Seen, unit_exponent
from foldstat.mixture._start_rows import Chosen, StartRows
from foldstat.sources import Block, Matrices
from foldstat.summary import Summary


class Looked(NamedTuple):
    """What a first pass finds."""

    seen: Seen
    enough: int  # rows, each counted as often as its weight says, as far as that matters
    exponent: int  # of the unit of the weights


class Passes(ABC):
    """Rows that a fit reads again and again.

    Attributes
    ----------
    name : str
        What they are called in messages.
    names : tuple of str or None
        Names of the columns.
    n_columns : int
        Number of columns.
    dtype : dtype
        float64 or float32.
    weighted : bool
        Whether they have weights.
    looked : Looked or None
        What is known of all rows once there was a pass.
    progress : bool
        Whether each pass shows a bar.
    missing : bool
        Whether NaN is a missing value.
    """

    name: str
    names: tuple[str, ...] | None
    n_columns: int
    dtype: np.dtype[Any]
    weighted: bool
    looked: Looked | None = None
    progress = False
    missing = False

    @abstractmethod
    def look(self, n_components: int, start: tuple[int, int] | None) -> Chosen | None:
        """Go over the rows once, before all else; give the rows for a start: how many at most, by which seed."""

    @abstractmethod
    def statistics(self, models: Sequence[_core.Mixture]) -> list[MixtureStatistics]:
        """Fold all rows under each model, in the unit of the weights that `look` found."""

    def whole_statistics(self, model: _core.Mixture) -> MixtureStatistics:
        """Fold all rows in one pass for a model, in units of one, to statistics that anybody's may be added to."""
        if self.weighted:
            self.look(1, None)
            self.check_weights()
        (statistics,) = self.statistics([model])
        return _core.in_units_of_weights(_core.scaled_statistics(statistics, 1.0), self.exponent)

    @property
    def exponent(self) -> int:
        """The logarithm to base 2 of the unit of the weights."""
        return 0 if self.looked is None else self.looked.exponent

    def check_weights(self) -> None:
        """Fail if no row counts, once the rows have been looked at."""
        if self.weighted and self.looked is not None and not self.looked.seen.present:
            raise ValueError("Sample weights must contain at least one non-zero number.")

    def check_same(self, seen: Seen) -> None:
        """Fail if a pass read other rows than the first one."""
        if self.looked is not None:
            seen.check_same(self.looked.seen, self.name, self.names)


class ChunkedPasses(Passes):
    """Rows that come in chunks, one after the other."""

    def __init__(
        self, matrices: Matrices, n_jobs: int | None, whole: Chosen | None = None, *, missing: bool = False
    ) -> None:
        self._matrices, self._n_jobs, self.missing = matrices, n_jobs, missing
        self._whole = whole  # where the rows do lie in memory
        self.name, self.names = matrices.name, matrices.names
        self.n_columns, self.dtype, self.weighted = matrices.n_columns, matrices.dtype, matrices.weighted
        if whole is not None:
            self.name = "X"

    def blocks(self) -> Iterator[Block]:
        """Give the rows once more."""
        blocks = self._shown() if self.progress else iter(self._matrices)
        return blocks if self._whole is None else (block._replace(label="X") for block in blocks)

    def _shown(self) -> Iterator[Block]:
        total = self._matrices.n_rows
        with Bar(True, total=total, desc="pass", unit="row", unit_scale=True, leave=False) as bar:
            for block in self._matrices:
                n = len(block.rows)
                yield block
                del block
                if bar.shown is not None:
                    bar.shown.update(n)

    def look(self, n_components: int, start: tuple[int, int] | None) -> Chosen | None:
        """Go over the rows once, before all else."""
        enough = WeighedRows(n_components)
        whole = self._whole
        if start is None or whole is None or start[0] < len(whole.rows):
            whole = None
        rows = None if start is None or whole is not None else StartRows(*start)
        looking = _core.MixturePass([], self.n_columns, missing=self.missing)
        for block in self.blocks():
            self._push(looking, block, check_finite=True)
            enough.add(block.rows, block.weights)
            if rows is not None:
                rows.add(block.rows, block.weights)
        self.looked = enough.looked(Seen.of(looking.finish()[1]))
        chosen = whole if rows is None else rows.chosen()
        return filled(chosen, self.names) if chosen is not None and self.missing else chosen

    def statistics(self, models: Sequence[_core.Mixture]) -> list[MixtureStatistics]:
        """Fold all rows under each model."""
        return self._folded(models, 0, None)

    def placed_statistics(self, model: _core.Mixture, first_row: int, piece: int | None) -> MixtureStatistics:
        """Fold all rows, which know their place among others, in units of one."""
        (statistics,) = self._folded([model], first_row, piece)
        return _core.in_units_of_weights(statistics, self.exponent)

    def _folded(self, models: Sequence[_core.Mixture], first_row: int, piece: int | None) -> list[MixtureStatistics]:
        first = self.looked is None
        place: dict[str, Any] = {"exponent": self.exponent, "first_row": first_row, "piece": piece}
        folding = _core.MixturePass(models, self.n_columns, missing=self.missing, **place)
        for block in self.blocks():
            self._push(folding, block, check_finite=first)
        statistics, found = folding.finish(self._n_jobs)
        seen = Seen.of(found)
        self.check_same(seen)
        if first:
            self.looked = Looked(seen, seen.rows, 0)
        return statistics

    def scores(self, model: _core.Mixture, method: str) -> Iterator[tuple[Block, Any]]:
        """Give each chunk, without its rows, and what a method of the compiled mixture finds for them."""

        def found(rows: Any) -> Any:
            return scored(model, method, rows, self._n_jobs, missing=self.missing)

        return aligned(self._searched(), _core.block_rows(self.n_columns), found)

    def _searched(self) -> Iterator[Block]:
        """Give the rows once more, and prove that they are those of the first pass, if there was one."""
        looking = _core.MixturePass([], self.n_columns, missing=self.missing)
        for block in self.blocks():
            self._push(looking, block, check_finite=True)
            yield block
            del block
        self.check_same(Seen.of(looking.finish()[1]))

    def _push(self, into: _core.MixturePass, block: Block, *, check_finite: bool) -> None:
        with locating(block, missing=self.missing):
            into.push(block.rows, block.weights, self._n_jobs, check_finite)


class WeighedRows:
    """How much rows weigh, as they come."""

    def __init__(self, n_components: int) -> None:
        self._most = max(n_components, 2)
        self.weights, self.copies = Summary(), 0

    def add(self, rows: Any, weights: Any) -> None:
        """Add some rows."""
        if weights is None:
            self.copies += len(rows)
        else:
            self.weights += Summary(weights)
            self.copies += int(np.floor(np.minimum(weights, self._most)).sum())

    def __add__(self, other: object) -> WeighedRows:
        if not isinstance(other, WeighedRows):
            return NotImplemented
        merged = WeighedRows(self._most)
        merged.weights, merged.copies = self.weights + other.weights, self.copies + other.copies
        return merged

    def looked(self, seen: Seen) -> Looked:
        """Give what is known, with what was seen of the rows."""
        exponent = unit_exponent(self.weights, seen.present) if self.weights.count else 0
        return Looked(seen, max(seen.present, self.copies), exponent)


@contextlib.contextmanager
def locating(block: Block, *, missing: bool = False) -> Iterator[None]:
    """Tell where in the whole the row is that an error about the rows of a block is about."""
    try:
        yield
    except ValueError as error:
        raise _located(error, block, missing) from error


def _located(error: ValueError, block: Block, missing: bool) -> ValueError:
    for values in (block.rows, block.weights):
        if values is None:
            continue
        if values is block.rows:
            bad = np.isinf(values) if missing else ~np.isfinite(values)
        else:
            bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            row = int(bad.any(axis=1).argmax()) if bad.ndim == 2 else int(bad.argmax())
            return type(error)(_told(block, row, bad))
    return type(error)(f"{error} (in {block.label})")


def _told(block: Block, row: int, bad: Any) -> str:
    place = block.place(row)
    if bad.ndim == 1:
        assert block.weights is not None
        return f"sample_weight must hold finite, non-negative numbers, found {block.weights[row]} at {place}"
    column = int(bad[row].argmax())
    if np.isnan(block.rows[row, column]):
        return f"Input X contains NaN. The first one is at {place}, column {column}; remove or impute such rows first."
    return (
        f"Input X contains infinity or a value too large for {block.rows.dtype!r}. The first one is at {place}, "
        f"column {column}."
    )
