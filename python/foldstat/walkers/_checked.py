"""The arguments of `sample` that can be checked by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foldstat._common.bars import as_progress
from foldstat._common.checks import as_choice, as_count, flag
from foldstat._common.threads import thread_count
from foldstat.walkers.density import Understood
from foldstat.walkers.run._histogram import Reach, declared_of
from foldstat.walkers.run._names import Names
from foldstat.walkers.run._part import Part
from foldstat.walkers.run._settings import Kept, KeptDraws, KeptMoments
from foldstat.walkers.run._until import Until

if TYPE_CHECKING:
    from foldstat.distributed import Executor


class Checked:
    """The arguments of `sample` that can be checked by themselves."""

    def __init__(
        self,
        n_steps: Any,
        burn_in: Any,
        thin: Any,
        n_walkers: Any,
        log: Any,
        n_jobs: Any,
        progress: Any,
        args: Any,
        nan: Any,
        keep: Any,
        histograms: Any,
        until: Any,
    ) -> None:
        self.n_steps = as_count(n_steps, "n_steps", "a number of steps after the burn-in", least=1)
        self.burn_in = as_count(burn_in, "burn_in", "a number of steps", least=0)
        self.thin = as_count(thin, "thin", "a number of steps from draw to draw", least=1)
        if self.thin > self.n_steps:
            raise ValueError(f"thin must be at most n_steps, {self.n_steps}, to record a draw; got {self.thin}")
        self.n_walkers = None
        if n_walkers is not None:
            self.n_walkers = as_count(n_walkers, "n_walkers", "a number of walkers", least=1)
        self.log, self.progress = flag(log, "log"), as_progress(progress)
        self.n_jobs = thread_count(n_jobs)
        if not isinstance(args, tuple):
            raise TypeError(f"args must be a tuple of what the density gets after the coordinates, got {args!r}")
        as_choice(nan, "nan", ("raise", "reject"))
        as_choice(keep, "keep", ("draws", "moments"))
        if keep == "draws" and histograms is not None:
            raise ValueError('histograms is for keep="moments"; run.histogram(bins, dims) counts draws that are kept')
        self._keep, self._histograms = keep, histograms
        self._walkers: range | None = None
        self.until = Until.of(until)
        if self.until is not None and keep == "moments":
            raise ValueError('until looks at draws, which keep="moments" does not store')

    def where(self, rng: Any, walkers: Any, executor: Any) -> Executor | None:
        """Check which walkers are to run, and the executor that is to run them."""
        if walkers is not None:
            if not isinstance(walkers, range):
                raise TypeError(
                    f"walkers must be a range such as range(0, 16), or None for all walkers; got {walkers!r}"
                )
            if rng is None:
                raise ValueError("walkers: give rng, too, as ranges of one run have the same one")
            if self.until is not None:
                raise ValueError("until looks at all walkers, and walkers leaves some of them to other runs")
        self._walkers = walkers
        if executor is None:
            return None
        from foldstat.walkers._cluster import as_executor  # not needed by most walks

        return as_executor(executor)

    def part(self, n_walkers: int) -> Part | None:
        """Give the walkers that are to run; None for all of them."""
        walkers = self._walkers
        if walkers is None or walkers == range(n_walkers):
            return None
        if walkers.step != 1 or not 0 <= walkers.start < walkers.stop <= n_walkers:
            raise ValueError(
                f"walkers must be a range of walkers, one after the other, in range(0, {n_walkers}); got {walkers}"
            )
        return Part(walkers.start, walkers.stop, n_walkers)

    def kept(self, names: Names, n_walkers: int, density: Understood) -> Kept:
        """Make room for what is kept."""
        n_dims = len(names.labels)
        if self._keep == "moments":
            return KeptMoments(declared_of(self._histograms, names), Reach.nowhere(n_dims))
        return KeptDraws.room(n_walkers, self.n_steps // self.thin, n_dims, not density.compiled.is_built_in)


def rows_of(part: Part | None) -> slice:
    """Where walkers are among the starts of all of them."""
    return slice(None) if part is None else slice(part.first, part.stop)
