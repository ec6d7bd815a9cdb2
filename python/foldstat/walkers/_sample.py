"""Metropolis-Hastings walkers over a density."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat._common.bars import as_progress
from foldstat._common.checks import as_choice, as_count, flag
from foldstat._common.random import Rng, key_of
from foldstat._common.threads import thread_count
from foldstat.walkers._moves import Move, PooledStep, Setting
from foldstat.walkers._spread import spanning, widths_of
from foldstat.walkers._start import (
    Bounds,
    Start,
    are_inside,
    as_bounds,
    bounds_to_try,
    check_inside,
    check_spread,
    names_in_order,
    redrawn,
    starts_of,
)
from foldstat.walkers.densities import Density, Flat
from foldstat.walkers.density import OwnErrors, Understood, as_value, compare_at, log_densities, understand
from foldstat.walkers.run._histogram import Reach, declared_of
from foldstat.walkers.run._names import Names, as_names
from foldstat.walkers.run._run import Run
from foldstat.walkers.run._settings import Keep, Kept, KeptDraws, KeptMoments, Settings
from foldstat.walkers.run._until import Until
from foldstat.walkers.run._walk import leave_partial, walk

_COMPARED = 4  # walkers at the end of a walk


def sample(
    density: Any,
    start: Start,
    n_steps: int = 10_000,
    burn_in: int = 1_000,
    thin: int = 1,
    move: Move | None = None,
    n_walkers: int | None = None,
    *,
    log: bool = True,
    rng: Rng = None,
    n_jobs: int | None = None,
    progress: bool | None = None,
    bounds: Bounds = None,
    names: Sequence[str] | None = None,
    args: tuple[Any, ...] = (),
    call: Literal["coordinates", "point", "points"] | None = None,
    where: Literal["python"] | None = None,
    nan: Literal["raise", "reject"] = "raise",
    keep: Keep = "draws",
    histograms: Any = None,
    until: Mapping[str, float] | None = None,
) -> Run:
    """Let walkers explore a density by Metropolis and Hastings, on every core.

    Parameters
    ----------
    density : object, or None
        The logarithm of a density, which need not be normalised; with ``log=False`` the density itself; None
        where `move` is a `Gibbs` that draws all coordinates, and looks at no density. The fastest way to call
        it is chosen by itself, and `Run.density_kind` says which:

        * a compiled function: a numba ``cfunc`` (itself, not its ``ctypes``, which says less about it), a
          ``scipy.LowLevelCallable``, a ctypes or cffi function pointer, or one of a Cython module's
          ``__pyx_capi__``, declared ``noexcept nogil``; runs on all threads;
        * a Python function of coordinates ``f(x, y)`` or of a point ``f(point)``, also a method, a
          partial or an object that is called; compiled with numba where that is installed. Data belongs
          into `args`: what it refers to otherwise (globals, closures, attributes, modules, dicts, lists,
          columns of tables) is frozen when it is compiled. Compiled code computes as C does: integers
          have 64 bits and wrap around beyond; with ``where="python"`` the function stays as it is. Where
          it cannot be compiled, `Run.density_kind` says what numba did not understand, and in which line;
        * a vectorised callable ``f(points)`` of an array of shape (n, n_dims) that gives one of shape
          (n,);
        * built in: one of `foldstat.walkers.densities`, or a fitted mixture.
    start : array-like, dict or callable
        Where walkers start: one point for all of them, of shape (n_dims,) or a number in one
        dimension; one point for each, of shape (n_walkers, n_dims); a dict of names to values; or a
        function of a ``numpy.random.Generator``, called for each walker with a generator of its own, and
        again (100 times at most) where the density is zero. Of fewer points than `n_walkers`, walkers take
        one after the other, and begin again with the first. Moves that look at other walkers need different
        starts; only `PooledStep` sets walkers apart that start together.
    n_steps : int, default=10_000
        Steps of each walker after the burn-in.
    burn_in : int, default=1_000
        Steps of each walker before, which are not recorded.
    thin : int, default=1
        Every how many steps a draw is recorded: there are ``n_steps // thin`` draws.
    move : Move, default=None
        How walkers move. None for `PooledStep`, which learns size and shape of the target during the burn-in
        from all walkers.
    n_walkers : int or None, default=None
        Number of walkers; None for as many as `start` has points, or else 64, and more from 32 dimensions on:
        2 for each dimension and 2.
    log : bool, default=True
        Whether `density` gives the logarithm of the density.
    rng : int, SeedSequence, Generator or None, default=None
        Source of random numbers. The same one gives the same draws, for any number of threads. Walkers
        have streams of their own: more walkers do not change what the first ones do, unless they look at
        each other, as they do if `move` is not given. A Generator moves on by one key; None takes entropy
        from the operating system.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process. It changes no bit of the result.
    progress : bool or None, default=None
        Show a progress bar with the acceptance rate and the worst R-hat so far (with ``keep="moments"`` the
        worst `Moments.psrf`). None shows one after some seconds, in a terminal or a notebook.
    bounds : sequence of (low, high), or dict of them by name, default=None
        Where the density is not zero; None in place of a pair or a number leaves that side open. None for
        the bounds that a built-in density has.
    names : sequence of str, default=None
        What the coordinates are called, for tables, pictures and ArviZ. None for the keys of `start`, the
        names that the density has, or the parameters of a function ``f(x, y)``.
    args : tuple, default=()
        What the function gets after the coordinates. Compiled code reads arrays of numbers where they
        lie; of lists, columns of tables, dicts and objects it has copies.
    call : {"coordinates", "point", "points"} or None, default=None
        How a Python callable is called. None: a function of as many parameters as there are dimensions
        takes coordinates, one of one parameter a point, or all points at once if for some of them that
        gives what it gives for one after the other. Parameters with a default are options; where the
        callable may be meant in two ways, both are tried, and if both give numbers that is an error. What
        is tried are points inside of `bounds`, within a few spreads of the starts.
    where : {"python"} or None, default=None
        ``"python"`` keeps a Python function from being compiled.
    nan : {"raise", "reject"}, default="raise"
        What a density that is not a number means: an error, or a density of zero.
    keep : {"draws", "moments"}, default="draws"
        With ``"moments"`` draws are not stored, only means, covariances and histograms of them, so that
        any number of steps fits into memory.
    histograms : int, or dict of dimensions to bins, default=None
        With ``keep="moments"``, the histograms to keep: a number of bins for each dimension (and the plane,
        if there are two), or a dict such as ``{"x": edges, (0, 1): 50}``; ``()`` for none. None for 64 bins.
        Where a number is given, the bins span `bounds`, and else twice the range that walkers cover in the
        second half of the burn-in; draws beyond are not counted.
    until : dict or None, default=None
        What the draws have to reach, for example ``{"r_hat": 1.01, "ess": 1000}``: R-hat at most, and
        effective draws (of bulk and tails) at least, in every dimension. The walk ends when they do, after
        `n_steps` at the latest. It looks after 100 draws, 150, 225, ... of all walkers, so that the end is as
        reproducible as the draws.

    Returns
    -------
    Run
        The draws, their diagnostics, and where the walkers stand. Draws of several walkers that are not to
        be trusted (R-hat above 1.05, walkers that never moved, less than 5 % accepted) come with a
        `NotConvergedWarning`, and `Run.converged` says so. Ctrl-C ends the walk early, with a
        warning; what is done so far is returned, its attribute ``interrupted`` set.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If an argument is out of its range; if a walker starts outside the bounds or where the density is
        zero; or if the density is not a number, is positive infinity, or (with ``log=False``) negative.
    Exception
        What the density raises, as it is. It has an attribute ``partial``, the `Run` so far, which can be
        extended, or None if the error is one of the starts. So has the ValueError of a density that is not a
        number.
    DensityStatusError
        If a compiled function reports a failure, and there is no Python function to tell which; with
        ``partial``, too.

    References
    ----------
    Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, "Equation of state calculations by fast
    computing machines", Journal of Chemical Physics 21 (1953); Hastings, "Monte Carlo sampling methods
    using Markov chains and their applications", Biometrika 57 (1970).

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> def log_density(x, y):
    ...     return -(x * x + (y - x) ** 2) / 2
    >>> run = w.sample(log_density, [0.0, 0.0], n_steps=2_000, move=w.UniformStep(2.0), n_walkers=64, rng=0)
    >>> run.draws.shape, run.names
    ((64, 2000, 2), ('x', 'y'))
    >>> bool(abs(run.mean()).max() < 0.1)
    True
    """
    checked = _Checked(n_steps, burn_in, thin, n_walkers, log, n_jobs, progress, args, nan, keep, histograms, until)
    key = key_of(rng)
    chosen, density = _move(move), as_value(density)
    given = _given_names(names, start, density, len(args))
    starts = starts_of(start, checked.n_walkers, key, given)
    n_dims = starts.shape[1]
    is_drawn = density is None and not chosen._needs_density()
    if density is None and not is_drawn:
        raise TypeError(
            f"density must be given, as {type(chosen).__name__} looks at it; "
            "None is for a Gibbs that draws all coordinates"
        )
    if is_drawn:
        density = Flat(n_dims)
    if isinstance(density, Density):
        _check_dims(density, n_dims)
        bounds = density.bounds if bounds is None else bounds
    if given is not None:
        Names.of(given, n_dims)
    _check_burn_in(checked.burn_in, chosen, starts)
    check_spread(starts, chosen)
    try:
        to_try, starts = bounds_to_try(bounds, start, starts, key, given, density)
        known = understand(
            density, starts, log=checked.log, args=args, call=call, where=where, names=given, bounds=to_try
        )
        if is_drawn:
            known = dataclasses.replace(known, kind="none, as all coordinates are drawn")
        own = None if is_drawn else _own_names(density, known, n_dims)
        labels = Names.of(given or own, n_dims)
        limits = as_bounds(bounds, labels)
        settings = Settings(checked.burn_in, checked.thin, chosen, checked.log, labels, limits)
        starts = redrawn(start, starts, key, functools.partial(_log_density_within, known, settings))
        check_inside(starts, limits, labels)
        widths = None
        if chosen._asks_for_widths():
            at = functools.partial(_log_density_or_none, known, settings)
            widths, apart = widths_of(starts, at)
            starts = spanning(starts, apart, key, at) if chosen.pools else starts
        ensemble = _ensemble(key, starts, widths, settings, known, nan)
    except Exception as error:
        leave_partial(error, None)
        raise
    if checked.until is not None:
        checked.until.check(len(starts))
    kept = checked.kept(labels, len(starts), known)
    end = checked.burn_in + checked.n_steps
    threads, show, wanted = checked.n_jobs, checked.progress, checked.until
    run = walk(Run, settings, ensemble, known, kept, end, n_jobs=threads, progress=show, until=wanted)
    if not run.interrupted:
        _check_where_they_are(run, known)
    return run


def _check_where_they_are(run: Run, known: Understood) -> None:
    """Compare a compiled function with the original once more, where walkers have come to."""
    try:
        compare_at(known, run.positions[:_COMPARED], log=run._settings.log)
    except ValueError as error:
        leave_partial(error, run)
        raise


class _Checked:
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
        self.until = Until.of(until)
        if self.until is not None and keep == "moments":
            raise ValueError('until looks at draws, which keep="moments" does not store')

    def kept(self, names: Names, n_walkers: int, density: Understood) -> Kept:
        """Make room for what is kept."""
        n_dims = len(names.labels)
        if self._keep == "moments":
            return KeptMoments(declared_of(self._histograms, names), Reach.nowhere(n_dims))
        return KeptDraws.room(n_walkers, self.n_steps // self.thin, n_dims, not density.compiled.is_built_in)


def _given_names(names: Any, start: Any, density: Any, n_args: int) -> tuple[str, ...] | None:
    if names is not None:
        return as_names(names)
    return names_in_order(as_names(start), density, n_args) if isinstance(start, Mapping) else None


def _own_names(density: Any, known: Understood, n_dims: int) -> tuple[str, ...] | None:
    """Find the names that a density has itself, or of the parameters of ``f(x, y)`` if it is called like that."""
    if isinstance(density, Density):
        return density.names
    return known.coordinate_names if n_dims > 1 else None


def _check_dims(density: Density, n_dims: int) -> None:
    if density.n_dims != n_dims:
        raise ValueError(
            f"start has {n_dims} coordinate{'s' * (n_dims != 1)} for each walker, and {density.name} {density.n_dims}; "
            "one start for each walker is an array of shape (n_walkers, n_dims)"
        )


def _move(move: Any) -> Move:
    chosen = PooledStep() if move is None else move
    if not isinstance(chosen, Move):
        raise TypeError(f"move must be a move such as UniformStep(0.1) or None, got {move!r}")
    return chosen


def _check_burn_in(burn_in: int, chosen: Move, starts: Floats) -> None:
    if burn_in == 0 and chosen._must_learn(Setting(*starts.shape)):
        warnings.warn(
            f"burn_in=0 leaves {type(chosen).__name__} no steps to learn from, so that it stays as it was given: "
            "give it a burn-in, or choose another move",
            UserWarning,
            stacklevel=3,
        )


def _log_density_or_none(density: Understood, settings: Settings, points: Floats) -> Floats:
    """Evaluate the log-density at points that nobody asked for: -inf where it has none, for whatever reason."""
    try:
        values = _log_density_within(density, settings, points)
    except Exception:
        if len(points) == 1:
            return np.array([-np.inf])
        values = np.concatenate([_log_density_or_none(density, settings, point[np.newaxis]) for point in points])
    return np.where(np.isnan(values), -np.inf, values)


def _log_density_within(density: Understood, settings: Settings, points: Floats) -> Floats:
    """Evaluate the log-density; -inf outside of the bounds, where the density is not asked."""
    values = np.full(len(points), -np.inf)
    inside = are_inside(points, settings.bounds)
    if inside.any():
        values[inside] = log_densities(density, points[inside], settings.log)
    return values


def _ensemble(
    key: bytes, starts: Floats, widths: Floats | None, settings: Settings, density: Understood, nan: str
) -> _core.WalkerEnsemble:
    n_walkers, n_dims = starts.shape
    moves = settings.move._schedule(Setting(n_walkers, n_dims, widths, settings.names.labels))
    with OwnErrors(density):
        return _core.WalkerEnsemble(
            key,
            starts,
            moves,
            density.compiled,
            burn_in=settings.burn_in,
            log=settings.log,
            bounds=settings.bounds,
            reject_nan=nan == "reject",
            pooled=settings.move.pools,
        )
