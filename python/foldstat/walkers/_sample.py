"""Metropolis-Hastings walkers over a density."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat._common.random import Rng, key_of
from foldstat.walkers._checked import Checked, rows_of
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
from foldstat.walkers.run._join import looks_at_others, told_of_their_own
from foldstat.walkers.run._names import Names, as_names
from foldstat.walkers.run._part import Part
from foldstat.walkers.run._run import Run
from foldstat.walkers.run._settings import Keep, Settings
from foldstat.walkers.run._walk import leave_partial, walk

if TYPE_CHECKING:
    from foldstat.distributed import Executor

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
    walkers: range | None = None,
    executor: Executor | None = None,
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
    walkers : range or None, default=None
        Which of the walkers to run, such as ``range(0, 16)``; None for all of them. `start` and `n_walkers` are
        those of all walkers, and `rng` must be given, as walker 5 is the same whatever others there are: to the
        bit what it is in the run of all, so that ranges may run on any machine and `Run.join` puts them together.
        That is so of moves whose walkers depend on no other: `UniformStep`, `NormalStep`, `ComponentwiseStep`,
        `AdaptiveStep`, `IndependentStep`, `Slice`, `Gibbs` and a `Mix` of these. Of the others, `PooledStep` (which is
        taken if `move` is not given), `Stretch`, `DifferentialEvolution`, `Snooker` and every `PythonMove`, walkers
        look at those of their own range, and a warning says so.
    executor : object with a ``submit`` method or None, default=None
        Where walkers walk: an executor of `concurrent.futures` (threads, processes), of loky, of
        ``dask.distributed.Client().get_executor()``, of ipyparallel's ``Client().executor()``. It changes no bit
        of the result, whatever workers there are and whoever is done first. None for the threads of this process.
        What happens there is decided by the move. Walkers that depend on no other are cut into ranges, which
        walk on a worker for some seconds at a time, on `n_jobs` threads each, or one. `PooledStep` does so once the
        burn-in is over. Walkers that look at each other stay here, and the workers evaluate the density of a half of
        them at a time: that of a slow Python function (``where="python"``, or what numba does not compile), as
        compiled code is faster than the way to a worker: some milliseconds, and with dask tenths of a second. Density,
        `args` and move have to pickle, by the executor's own way, and are sent to each worker once.

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

    The same walkers on the threads, processes or machines of an executor, or some of them only:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     same = w.sample(
    ...         log_density, [0.0, 0.0], 2_000, move=w.UniformStep(2.0), n_walkers=64, rng=0, executor=pool
    ...     )
    >>> bool((same.draws == run.draws).all())
    True
    >>> some = w.sample(
    ...     log_density, [0.0, 0.0], 2_000, move=w.UniformStep(2.0), n_walkers=64, rng=0, walkers=range(16, 32)
    ... )
    >>> bool((some.draws == run.draws[16:32]).all())
    True
    """
    checked = Checked(n_steps, burn_in, thin, n_walkers, log, n_jobs, progress, args, nan, keep, histograms, until)
    workers = checked.where(rng, walkers, executor)
    key = key_of(rng)
    chosen, density = _move(move), as_value(density)
    given = _given_names(names, start, density, len(args))
    starts = starts_of(start, checked.n_walkers, key, given)
    n_dims = starts.shape[1]
    part = checked.part(len(starts))
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
    _check_burn_in(checked.burn_in, chosen, starts[rows_of(part)])
    check_spread(starts[rows_of(part)], chosen)
    with contextlib.ExitStack() as stack:
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
            settings = Settings(checked.burn_in, checked.thin, chosen, checked.log, labels, limits, part)
            team, walked = None, known
            if workers is not None:
                from foldstat.walkers._cluster import Recipe, Scattered, Team, on_workers  # not needed by most walks

                n_here = len(starts[rows_of(part)])
                recipe = Recipe(
                    density, starts, n_here, args, call, where, checked.log, given, to_try, chosen, labels, known.kind
                )
                team = stack.enter_context(Team(workers, recipe, known))
                walked = on_workers(team, known, checked.log)
            starts = redrawn(start, starts, key, functools.partial(_log_density_within, walked, settings))
            check_inside(starts, limits, labels)
            widths = None
            if chosen._asks_for_widths():
                at = functools.partial(_log_density_or_none, walked, settings)
                widths, apart = widths_of(starts, at)
                starts = _spanning(starts, apart, key, at, part) if chosen.pools else starts
            ensemble = _ensemble(key, starts[rows_of(part)], widths, settings, walked, nan)
        except Exception as error:
            leave_partial(error, None)
            raise
        if checked.until is not None:
            checked.until.check(ensemble.n_walkers)
        if part is not None and looks_at_others(chosen, ensemble):
            warnings.warn(told_of_their_own(chosen, part), UserWarning, stacklevel=2)
        kept = checked.kept(labels, ensemble.n_walkers, known)
        end = checked.burn_in + checked.n_steps
        threads, show, wanted = checked.n_jobs, checked.progress, checked.until
        advance = None if team is None else Scattered(team, ensemble, settings, kept, walked, threads).advance
        run = walk(
            Run, settings, ensemble, known, kept, end, n_jobs=threads, progress=show, until=wanted, advance=advance
        )
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


def _spanning(
    starts: Floats, apart: Floats, key: bytes, log_density: Callable[[Floats], Floats], part: Part | None
) -> Floats:
    """Set walkers apart as if all of them ran, and those of a range once more if they lie in a plane even so."""
    starts = spanning(starts, apart, key, log_density)
    if part is not None:
        rows = rows_of(part)
        starts[rows] = spanning(starts[rows], apart, key, log_density)
    return starts


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
            first_walker=0 if settings.part is None else settings.part.first,
        )
