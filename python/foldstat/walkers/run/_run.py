"""What walkers leave behind: their draws, and ways to look at them and to go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foldstat._common.arrays import Floats
from foldstat._common.bars import as_progress
from foldstat._common.checks import as_count, as_percentiles
from foldstat._common.frames import FrameKind, as_kind
from foldstat._common.room import room_for
from foldstat._common.threads import thread_count
from foldstat.walkers._moves import Move
from foldstat.walkers.run import _file, _save
from foldstat.walkers.run._arviz import to_arviz
from foldstat.walkers.run._density import understand_again
from foldstat.walkers.run._frame import to_frame
from foldstat.walkers.run._html import run_html
from foldstat.walkers.run._join import joined
from foldstat.walkers.run._plot import plot_run
from foldstat.walkers.run._settings import KeptMoments
from foldstat.walkers.run._table import SummaryTable, table_of_draws, table_of_moments
from foldstat.walkers.run._walk import walk
from foldstat.walkers.run._walked import Walked
from foldstat.walkers.run._xarray import to_xarray

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

_PERCENTILES = (0.05, 0.5, 0.95)


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
    walkers : range
        The numbers of the walkers: from 0 on, or the range that `sample` was asked for.
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

    def summary(self, percentiles: float | Sequence[float] = _PERCENTILES, n_jobs: int | None = None) -> SummaryTable:
        """Tell what is known about each coordinate.

        Parameters
        ----------
        percentiles : float or sequence of float, default=(0.05, 0.5, 0.95)
            Quantiles to show, from 0 to 1, all different. Not used with ``keep="moments"``.
        n_jobs : int or None, default=None
            Number of threads. It changes no bit of the result.

        Returns
        -------
        SummaryTable
            mean, sd, their Monte Carlo standard errors mcse_mean and mcse_sd, the percentiles, ess_bulk,
            ess_tail and r_hat, as those of `foldstat.diagnostics`. With ``keep="moments"`` mean, sd,
            mcse_mean and psrf, from the moments of each walker (see `Moments`).

        Raises
        ------
        ValueError
            If there are no draws, or a percentile is not one or is there twice.
        """
        probabilities, threads = as_percentiles(percentiles), thread_count(n_jobs)
        self._need_draws()
        if isinstance(self._kept, KeptMoments):
            return table_of_moments(self.names, self.moments)
        return table_of_draws(self.names, self.draws, probabilities, threads)

    def flat(self, thin: int = 1, discard: int = 0) -> Floats:
        """Give the draws of all walkers as one array of points.

        The order is that of emcee's ``get_chain(flat=True)``: a draw of every walker, then the next draw of
        every walker, and so on, so that ``flat().reshape(-1, n_walkers, n_dims)`` has the order (draw, walker).

        Parameters
        ----------
        thin : int, default=1
            Of so many draws of a walker, which are those that `sample` recorded, the last one is given.
        discard : int, default=0
            So many draws of each walker are left out at the beginning. The burn-in is not among the draws.

        Returns
        -------
        ndarray of shape (n, n_dims)
            A copy of ``(n_draws - discard) // thin`` draws of each walker.

        Raises
        ------
        ValueError
            If no draws are left, or the run keeps moments only.

        Examples
        --------
        >>> from foldstat import walkers as w
        >>> run = w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], n_steps=100, n_walkers=8, rng=0)
        >>> run.flat(thin=5, discard=10).shape
        (144, 2)
        """
        draws = self._buffers("flat()").draws[:, : self.n_draws]
        every = as_count(thin, "thin", "a number of draws", least=1)
        first = as_count(discard, "discard", "a number of draws", least=0)
        self._need_draws()
        chosen = draws[:, first + every - 1 :: every]
        if not chosen.shape[1]:
            raise ValueError(f"flat(): thin={every} and discard={first} leave none of {self.n_draws} draws")
        with room_for(f"a copy of {chosen.shape[1]} draws of {self.n_walkers} walkers"):
            return chosen.swapaxes(0, 1).reshape(-1, self.n_dims)

    def to_frame(self, kind: FrameKind | None = None) -> Any:
        """Give the draws as a table with one row for each.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'}, optional
            Whose table. Default: pandas if it is installed, else Polars.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            With the columns ``chain``, the number of the walker, ``draw``, that of its draw, and one for
            each of `names`: all draws of the first walker, then those of the second, and so on.

        Raises
        ------
        ImportError
            If the library is not installed.
        ValueError
            If there are no draws, the run keeps moments only, or a coordinate is called ``chain`` or ``draw``.

        Examples
        --------
        >>> from foldstat import walkers as w
        >>> run = w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], n_steps=100, n_walkers=8, rng=0)
        >>> run.to_frame().groupby("chain")["x"].mean().shape
        (8,)
        """
        self._buffers("to_frame()")
        self._need_draws()
        return to_frame(self, as_kind(kind))

    def to_xarray(self) -> Any:
        """Give the draws as an xarray data set.

        Returns
        -------
        xarray.Dataset
            With the dimensions ``chain`` and ``draw`` and a variable for each name, or one variable ``x`` of
            a further dimension if coordinates have no names, as in `to_arviz`; how the walkers moved is in
            its attributes. The arrays are those of the run, not copies.

        Raises
        ------
        ImportError
            If xarray is not installed; it comes with ``pip install "foldstat[xarray]"``, and with ArviZ.
        ValueError
            If there are no draws, the run keeps moments only, or a coordinate is called ``chain`` or ``draw``.

        Examples
        --------
        >>> from foldstat import walkers as w
        >>> run = w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], n_steps=100, n_walkers=8, rng=0)
        >>> dict(run.to_xarray().sizes)
        {'chain': 8, 'draw': 100}
        """
        self._buffers("to_xarray()")
        self._need_draws()
        return to_xarray(self)

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
        burn_in: int = 0,
        density: Any = None,
        move: Move | None = None,
        args: tuple[Any, ...] = (),
        call: str | None = None,
        where: str | None = None,
        n_jobs: int | None = None,
        progress: bool | None = None,
    ) -> Run:
        """Go on, bit for bit as if the walkers had never stopped.

        Parameters
        ----------
        n_steps : int
            Steps more of each walker; if the run was interrupted in its burn-in, after the rest of that.
        burn_in : int, default=0
            So many steps are burnt in first: moves that learn go on learning in them, and the draws so far are
            left out of the result, as those of steps before the end of the burn-in.
        density : object, default=None
            The density once more, where the run does not have it: a function is neither saved nor
            pickled. None for the one it has.
        move : Move, default=None
            The move once more, where it was saved with functions of its own, a `Gibbs` or a `PythonMove`. None for
            the one it has.
        args, call, where
            As in `sample`; for a density given here.
        n_jobs : int or None, default=None
            Number of threads. It changes no bit of the result.
        progress : bool or None, default=None
            Show a progress bar. None shows one after some seconds, in a terminal or a notebook.

        Returns
        -------
        Run
            With all draws, those of this run first; with `burn_in`, those after it only. This run stays as it is.

        Raises
        ------
        ValueError
            If the run has no density and none is given, or one that differs from the run's own; likewise of
            the move.
        Exception
            What the density raises; the draws so far are in its attribute ``partial``.

        Examples
        --------
        >>> from foldstat import walkers as w
        >>> run = w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], n_steps=100, n_walkers=8, rng=0)
        >>> longer = run.extend(200, burn_in=500)
        >>> longer.burn_in, longer.n_draws
        (1600, 200)
        """
        more = as_count(n_steps, "n_steps", "a number of steps", least=1)
        burnt = as_count(burn_in, "burn_in", "a number of steps", least=0)
        threads, show = thread_count(n_jobs), as_progress(progress)
        if density is None:
            known = self._known_density()
        else:
            known = understand_again(self._settings, self._ensemble, density, args, call, where)
        settings, ensemble = self._moved_by(move)
        if burnt:
            ensemble.burn_in_again(burnt)
            settings = dataclasses.replace(settings, burn_in=ensemble.burn_in)
            kept = self._kept.emptied(more // settings.thin, ensemble.step)
            end = settings.burn_in + more
        else:
            end = self.burn_in + self.n_steps + more
            kept = self._kept.extended(self.n_draws, settings.draws_after(end) - self.n_draws)
        return walk(Run, settings, ensemble, known, kept, end, n_jobs=threads, progress=show)

    @classmethod
    def join(cls, parts: Iterable[Run]) -> Run:
        """Join runs of some walkers each to the run of all of them.

        What ``sample(..., walkers=range(a, b))`` gave, on whatever machines, is put side by side. Where the move lets
        no walker look at others, the joined run is to the bit the one that `sample` gives of all walkers: draws,
        log-densities, acceptance, diagnostics, what it is saved as, and how it goes on. With ``keep="moments"`` so are
        means, covariances and those histograms whose edges were given, or lie between `bounds`; others are left
        out, with a warning, as every range chose edges of its own. Parts that come from files or other processes
        have lost their functions, which `extend` wants again then.

        Parameters
        ----------
        parts : iterable of Run
            Runs of ranges that cover all walkers, each of which is in one of them, in any order.

        Returns
        -------
        Run
            The run of all walkers. The parts stay as they are.

        Raises
        ------
        TypeError
            If one is no run.
        ValueError
            If walkers are missing or there twice, or parts differ in what they were asked for, in their seed or in
            their number of steps.

        Warns
        -----
        UserWarning
            If walkers looked at others, which they did in their own range only.

        Examples
        --------
        >>> from foldstat import walkers as w
        >>> def part(walkers):
        ...     density = w.densities.Banana()
        ...     return w.sample(density, [0.0, 0.0], 200, move=w.NormalStep(1.0), rng=0, walkers=walkers)
        >>> run = w.Run.join([part(range(24)), part(range(24, 64))])
        >>> whole = w.sample(w.densities.Banana(), [0.0, 0.0], 200, move=w.NormalStep(1.0), rng=0)
        >>> bool((run.draws == whole.draws).all()), bool((run.extend(50).draws == whole.extend(50).draws).all())
        (True, True)
        """
        return cls(**joined(parts))

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

    def _repr_html_(self) -> str:
        return run_html(self, self.summary() if self.n_draws else None)

    def __reduce__(self) -> tuple[Any, ...]:
        return _run_of, (_save.state_of(self),)


def load(
    path: str | os.PathLike[str],
    density: Any = None,
    *,
    move: Move | None = None,
    args: tuple[Any, ...] = (),
    call: str | None = None,
    where: str | None = None,
) -> Run:
    """Read a run that `Run.save` wrote; it extends bit for bit.

    Parameters
    ----------
    path : path-like
        The file, a NumPy ``.npz`` (see `Run.save`); ``~`` is the home folder.
    density : object, default=None
        The density of the run, which is needed to extend it. Built-in densities come back by themselves,
        functions have to be given again.
    move : Move, default=None
        The move of the run, if it has functions of its own, as `Gibbs` and `PythonMove` do: needed to extend it.
    args, call, where
        As in `sample`; for a density given here.

    Returns
    -------
    Run
        As it was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a saved run, is damaged, or was written by a later version; or if `density` or `move`
        differs from that of the run.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from foldstat import walkers as w
    >>> density = lambda x, y: -(x * x + y * y) / 2
    >>> run = w.sample(density, [0.0, 0.0], n_steps=20, n_walkers=8, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run.save(pathlib.Path(folder) / "run.npz")
    ...     loaded = w.load(pathlib.Path(folder) / "run.npz", density)
    >>> (loaded.extend(10).draws == run.extend(10).draws).all()
    np.True_
    """
    file = _file.path_of(path)
    state = _file.read(file)
    try:
        run = _run_of(state)
    except _file.DAMAGE as error:
        raise _file.damaged(file, error) from error
    if move is not None:
        run._settings, run._ensemble = run._moved_by(move)
    if density is not None:
        run._density = understand_again(run._settings, run._ensemble, density, args, call, where)
    return run


def _run_of(state: Mapping[str, Any]) -> Run:
    """Make a run of what `state_of` gave."""
    return Run(**_save.parts_of(state))
