"""What walkers leave behind: their draws, and ways to look at them and to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from foldstat._validation import Floats, thread_count
from foldstat.summary._arguments import flag
from foldstat.walkers import _file, _save
from foldstat.walkers._arguments import as_count, as_quantiles
from foldstat.walkers._arviz import to_arviz
from foldstat.walkers._density import Understood
from foldstat.walkers._histogram import Histogram, histogram_among, histogram_of
from foldstat.walkers._known import log_densities, understand_again
from foldstat.walkers._moments import Moments
from foldstat.walkers._plot import plot_run
from foldstat.walkers._settings import KeptDraws, KeptMoments, NotKeptError
from foldstat.walkers._table import SummaryTable, table_of_draws, table_of_moments
from foldstat.walkers._walk import walk
from foldstat.walkers._walked import Walked

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

_QUANTILES = (0.05, 0.5, 0.95)
_BINS = 50


class Run(Walked):
    """What `sample` gives: draws of walkers, their diagnostics, and where they stand.

    A run does not change. `extend` makes a new one that goes on where this one ends, and `save` keeps it
    in a file. Runs can be pickled; as in a file, a function is not part of what is pickled and has to be
    given again to `extend`.

    Attributes
    ----------
    draws : ndarray of shape (n_walkers, n_draws, n_dims), float64
        Where each walker was, every `thin` steps after the burn-in. Only with ``keep="draws"``.
    log_density : ndarray of shape (n_walkers, n_draws), float64
        The logarithm of the density there, not normalised.
    acceptance_rate : ndarray of shape (n_walkers,)
        Share of proposals that each walker accepted after the burn-in.
    density_kind : str
        How the density was called.
    moments : Moments
        Means, covariances and histograms.
    names : tuple of str
        What the coordinates are called.
    n_steps, burn_in, thin : int
        Steps of each walker after the burn-in and in it, and how many steps there are to a draw.
    n_walkers, n_draws, n_dims : int
        The shape of the draws.
    move : Move
        How walkers moved.
    keep : {"draws", "moments"}
        What was kept.
    positions : ndarray of shape (n_walkers, n_dims)
        Where the walkers are now.
    interrupted : bool
        Whether Ctrl-C or an error ended the run before its time.

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> run = w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], n_steps=100, n_walkers=8, rng=0)
    >>> run.draws.shape
    (8, 100, 2)
    >>> run.extend(50).n_draws
    150
    """

    @property
    def draws(self) -> Floats:
        """Where each walker was, of shape (n_walkers, n_draws, n_dims)."""
        return self._buffers("draws").draws[:, : self.n_draws]

    @property
    def log_density(self) -> Floats:
        """The logarithm of the density at the draws, of shape (n_walkers, n_draws)."""
        kept = self._buffers("log_density")
        if kept.log_density is not None:
            return kept.log_density[:, : self.n_draws]
        if self._log_density is None:
            points = self.draws.reshape(-1, self.n_dims)
            values = log_densities(self._known_density(), points, self._settings.log)
            self._log_density = values.reshape(self.n_walkers, self.n_draws)
        return self._log_density

    @property
    def moments(self) -> Moments:
        """Means, covariances and histograms of the walkers."""
        if self._moments is None:
            if isinstance(self._kept, KeptDraws):
                self._moments = Moments.of_draws(self.draws)
            else:
                kept = self._kept.moments or self._kept.empty(self._ensemble)
                self._moments = Moments._of(kept, self._kept.axes)
        return self._moments

    def mean(self) -> Floats:
        """Mean of the draws of all walkers.

        Returns
        -------
        ndarray of shape (n_dims,)
            NaN without draws.
        """
        return self.moments.mean()

    def cov(self) -> Floats:
        """Covariance of the draws of all walkers.

        Returns
        -------
        ndarray of shape (n_dims, n_dims)
            Divided by the number of draws less one; NaN below two draws.
        """
        return self.moments.cov()

    def summary(self, quantiles: float | Sequence[float] = _QUANTILES, n_jobs: int | None = None) -> SummaryTable:
        """Tell what is known about each coordinate.

        Parameters
        ----------
        quantiles : float or sequence of float, default=(0.05, 0.5, 0.95)
            Quantiles to show, from 0 to 1, all different. Not used with ``keep="moments"``.
        n_jobs : int or None, default=None
            Number of threads. It changes no bit of the result.

        Returns
        -------
        SummaryTable
            mean, sd, their Monte Carlo standard errors mcse_mean and mcse_sd, the quantiles, ess_bulk,
            ess_tail and r_hat, as those of `foldstat.diagnostics`. With ``keep="moments"`` mean, sd,
            mcse_mean and r_hat, from the moments of each walker (see `Moments`).

        Raises
        ------
        ValueError
            If there are no draws, or a quantile is not one or is there twice.
        """
        probabilities, threads = as_quantiles(quantiles), thread_count(n_jobs)
        self._need_draws()
        if isinstance(self._kept, KeptMoments):
            return table_of_moments(self.names, self.moments)
        return table_of_draws(self.names, self.draws, probabilities, threads)

    def to_arviz(self) -> Any:
        """Hand the run to ArviZ.

        Returns
        -------
        arviz.InferenceData or xarray.DataTree
            What the installed ArviZ works with: InferenceData before version 1, a DataTree since. The
            posterior has a variable for each name, or one variable ``x`` if coordinates have no names;
            sample_stats has ``lp``, the logarithm of the density, and ``acceptance_rate``, that of each
            walker. The arrays are those of the run, not copies.

        Raises
        ------
        ImportError
            If ArviZ is not installed.
        ValueError
            If there are no draws, or a coordinate is called ``chain`` or ``draw``, as ArviZ's dimensions are.
        """
        self._buffers("to_arviz()")
        self._need_draws()
        return to_arviz(self)

    def histogram(self, bins: Any = None, dims: Any = None) -> Histogram:
        """Count draws of all walkers in bins.

        Parameters
        ----------
        bins : int, edges, or sequence with one of these for each dimension, default=None
            As in ``numpy.histogramdd``: a number of bins between the smallest and the largest draw, or
            edges. None for 50. With ``keep="moments"`` the bins are those of `sample`, and `bins` None.
        dims : int, str, or sequence of these, default=None
            Which coordinates, by number or by name; None for all, which two at most allow.

        Returns
        -------
        Histogram
            counts and edges, as ``numpy.histogramdd`` gives them.

        Raises
        ------
        ValueError
            If there is no such coordinate, there are no draws, or the histogram was not kept.
        """
        if dims is None and self.n_dims > 2:
            raise ValueError(f"dims must say which of the {self.n_dims} dimensions to count, for example dims=(0, 1)")
        chosen = self._settings.names.dims(range(self.n_dims) if dims is None else dims)
        self._need_draws()
        if isinstance(self._kept, KeptDraws):
            return histogram_of(self.draws, _BINS if bins is None else bins, chosen)
        if bins is not None:
            raise ValueError('bins: with keep="moments" they are chosen before, sample(..., histograms={dims: bins})')
        found = histogram_among(self.moments.histograms, chosen)
        if found is None:
            kept = ", ".join(map(str, self.moments.histograms)) or "none"
            raise ValueError(f"dims: no histogram of {chosen} was kept, there are those of {kept}")
        return found

    def plot(self, dims: Any = None) -> list[Axes]:
        """Draw the walk: each coordinate's histogram and trace, and the density of two coordinates.

        Parameters
        ----------
        dims : int, str, or sequence of these, default=None
            Which coordinates; None for the first eight. The picture of a density in the plane is drawn
            for two of them.

        Returns
        -------
        list of matplotlib.axes.Axes
            The histogram and the trace of each coordinate in turn, then the density. There are no traces
            with ``keep="moments"``.

        Raises
        ------
        ImportError
            If matplotlib is not installed; it comes with ``pip install "foldstat[plot]"``.
        ValueError
            If there are no draws, or histograms that are needed were not kept.
        """
        self._need_draws()
        return plot_run(self, self._settings.names.dims(range(min(8, self.n_dims)) if dims is None else dims))

    def extend(
        self,
        n_steps: int,
        *,
        density: Any = None,
        args: tuple[Any, ...] = (),
        call: str | None = None,
        where: str | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> Run:
        """Go on, bit for bit as if the walkers had never stopped.

        Parameters
        ----------
        n_steps : int
            Steps more of each walker; if the run was interrupted in its burn-in, after the rest of that.
        density : object, default=None
            The density once more, where the run does not have it: a function is neither saved nor
            pickled. None for the one it has.
        args, call, where
            As in `sample`; for a density given here.
        n_jobs : int or None, default=None
            Number of threads. It changes no bit of the result.
        progress : bool, default=False
            Show a progress bar.

        Returns
        -------
        Run
            With all draws, those of this run first. This run stays as it is.

        Raises
        ------
        ValueError
            If the run has no density and none is given, or one that differs from the run's own.
        Exception
            What the density raises; the draws so far are in its attribute ``partial``.
        """
        more = as_count(n_steps, "n_steps", "a number of steps", least=1)
        threads, show = thread_count(n_jobs), flag(progress, "progress")
        if density is None:
            known = self._known_density()
        else:
            known = understand_again(self._settings, self._ensemble, density, args, call, where)
        end = self.burn_in + self.n_steps + more
        kept = self._kept.extended(self.n_draws, self._settings.draws_after(end) - self.n_draws)
        return walk(self._settings, self._ensemble.copy(), known, kept, end, n_jobs=threads, progress=show)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file, from which `foldstat.walkers.load` reads it.

        The format is NumPy's ``.npz``: arrays in an uncompressed zip file, without pickled objects, that
        ``numpy.load`` opens too. The array ``header`` is a text, the settings in JSON with the version of
        the format; ``draws`` and ``log_density`` have the shapes of the run; what the walkers need to go
        on is in arrays whose names begin with ``ensemble``. A built-in density is saved by its parameters,
        without ``log_density``, which is computed again from the draws. Of a function only `density_kind`
        is saved.

        Parameters
        ----------
        path : path-like
            The file, by convention with the ending ``.npz``, which is not added; ``~`` is the home folder. A
            file of that name is replaced when the new one is complete and on the disk, and its mode kept; a
            symbolic link is followed, and what is no regular file is written to as it is.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        """
        _file.write(_file.path_of(path), _save.state_of(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return _save.run_of, (_save.state_of(self),)

    def _buffers(self, what: str) -> KeptDraws:
        if not isinstance(self._kept, KeptDraws):
            raise NotKeptError(f'{what}: this run keeps moments only; sample(..., keep="draws") keeps draws')
        return self._kept

    def _known_density(self) -> Understood:
        if self._density is None:
            raise ValueError(
                f"the run has no density: a function ({self.density_kind}) is neither saved nor pickled. Give it "
                "again, run.extend(n_steps, density=...) or foldstat.walkers.load(path, density=...)"
            )
        return self._density

    def _need_draws(self) -> None:
        if not self.n_draws:
            raise ValueError(
                f"the run has no draws yet, {self._ensemble.step} steps of which {self.burn_in} are the burn-in, with "
                f"thin={self.thin}; run.extend(n_steps) continues it"
            )
