"""How the user's density is understood, and made into one that walkers can be moved over."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture as SklearnMixture

from foldstat._core import WalkerDensity
from foldstat.mixture import GaussianMixture
from foldstat.walkers import densities
from foldstat.walkers._checked import NotCompilableError
from foldstat.walkers._compile import Convention, compiled_density, is_compilable, original_at_point
from foldstat.walkers._native import SIGNATURES, NativeFunction, native_function
from foldstat.walkers._numba_cfunc import checked_cfunc
from foldstat.walkers._trying import is_vectorised, wants_array
from foldstat.walkers.densities import Density, GaussianMixtureDensity

Call = Literal["coordinates", "point", "points"]

_CALLS = ("coordinates", "point", "points")


@dataclass(frozen=True)
class Understood:
    """A density as walkers need it."""

    compiled: WalkerDensity
    """What is called."""
    kind: str
    """How it is called, in words."""
    original: Any
    """What the user gave; of a fitted mixture, its density as it was then."""
    call_original: Callable[[NDArray[np.float64]], Any] | None = field(default=None, repr=False)
    """Calls the user's Python function at one point, where there is one behind something compiled."""
    coordinate_names: tuple[str, ...] | None = None
    """What the parameters for the coordinates are called, of what is called by coordinates; None if not known."""

    def reproduce(self, point: NDArray[np.float64]) -> None:
        """Let the user's own exception come out where the compiled function reported a failure.

        Parameters
        ----------
        point : ndarray of shape (n_dims,)
            Where.

        Raises
        ------
        Exception
            What the Python function raises there.
        RuntimeError
            If it raises nothing, or if there is no Python function.
        """
        where = np.array2string(np.asarray(point), separator=", ", threshold=20)
        if self.call_original is None:
            raise RuntimeError(f"density ({self.kind}) reported a failure at {where}")
        value = self.call_original(np.array(point, dtype=np.float64))
        raise RuntimeError(
            f"density ({self.kind}) reported a failure at {where}, where as a Python function it gives {value!r}; "
            'where="python" calls it as that'
        )


def understand(
    density: Any,
    starts: NDArray[np.float64],
    *,
    log: bool = True,
    args: tuple[Any, ...] = (),
    call: str | None = None,
    where: str | None = None,
    names: Sequence[str] | None = None,
) -> Understood:
    """Find the fastest way to call a density.

    Parameters
    ----------
    density : object
        One of the following, looked for in this order:

        * a density of `foldstat.walkers.densities` or a fitted Gaussian mixture (foldstat's or
          scikit-learn's, or its ``score_samples``): evaluated by foldstat itself;
        * a compiled function: a numba ``CFunc``, a `scipy.LowLevelCallable`, a function pointer of
          ctypes or cffi, or a capsule of a Cython module's ``__pyx_capi__``;
        * a callable with as many parameters as there are dimensions, called with a float for each:
          ``f(x, y)``;
        * a callable with one parameter. It is tried on an array of points of shape (n, n_dims): if it
          gives n finite values, equal to those it gives point by point, it is called with the points of
          all walkers at once. Otherwise it is called with one point, an array of shape (n_dims,); in
          one dimension, where ``f(x)`` has as many parameters as dimensions, with a float if it takes
          one.

        Plain functions of coordinates or of one point are compiled by numba where it is installed.
        What numba compiles is frozen with the values that global and enclosing variables have at that
        time; data belongs into `args`.
    starts : ndarray of shape (n, n_dims)
        Where the walkers start.
    log : bool
        Whether the function gives the logarithm of the density.
    args : tuple
        What a callable is passed after the coordinates, the point or the points. Numbers, and
        contiguous arrays of numbers, also reach compiled functions: arrays are read where they lie, so
        that a change of their elements is seen by the next step. They must not be written to by the
        function, which several threads call at once.
    call : {"coordinates", "point", "points"}, optional
        Says how a callable is called, instead of what it looks like.
    where : {"python"}, optional
        ``"python"`` forbids compilation.
    names : sequence of str, optional
        The names of the dimensions.

    Returns
    -------
    Understood
        The density.

    Raises
    ------
    TypeError
        If it is none of these, or has another number of parameters, or a signature that is not known.
    ValueError
        If an argument does not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> understood = understand(lambda x, y: -(x * x) - y * y, np.zeros((4, 2)), where="python")
    >>> understood.kind
    'Python callable: f(x, y)'
    """
    starts = np.ascontiguousarray(starts, dtype=np.float64)
    args = tuple(map(_as_pythons, args))
    if call is not None and call not in _CALLS:
        raise ValueError(f"call must be None or one of {', '.join(map(repr, _CALLS))}, found {call!r}")
    if where not in (None, "python"):
        raise ValueError(f"where must be None or 'python', found {where!r}")
    ready = _ready(density, starts.shape[1], log=log)
    if ready is not None:
        given = "args" if args else "call" if call is not None else "where" if where is not None else None
        if given is not None:
            hint = "; data for a compiled function belongs into scipy.LowLevelCallable" if given == "args" else ""
            raise ValueError(f"{given} is for Python functions, but density is {ready.kind}{hint}")
        return ready
    factory = getattr(density, "__name__", None)
    if factory in densities.__all__ and getattr(densities, factory) is density:
        raise TypeError(f"density is {factory}, which makes it: call it, {factory}()")
    if not callable(density):
        raise TypeError(
            f"density must be callable, a density of foldstat.walkers.densities, a fitted GaussianMixture or a pointer "
            f"to a compiled function ({'; '.join(SIGNATURES)}), found {type(density).__name__}"
        )
    return _of_callable(density, starts, log=log, args=args, call=call, where=where, names=names)


# ---------------------------------------------------------------- not Python's


def _ready(density: Any, n_dims: int, *, log: bool) -> Understood | None:
    """Take a density that is built in or compiled already."""
    understood = _built_in(density)
    if understood is None:
        native = native_function(density)
        if native is None:
            return None
        compiled = _of_pointer(native, n_dims)
        checked = checked_cfunc(native)
        if checked is not native:
            compiled = _of_pointer(checked, n_dims)
        return Understood(compiled, native.kind, density)
    found = understood.compiled.n_dims
    if found != n_dims:
        raise ValueError(f"density has {found} dimension(s) ({understood.kind}), but the starts have {n_dims}")
    if not log:
        raise ValueError(f"log=False, but density ({understood.kind}) gives the logarithm: leave log=True")
    return understood


def _of_pointer(native: NativeFunction, n_dims: int) -> WalkerDensity:
    return WalkerDensity.native(native.signature, native.address, native.data, native.owner, n_dims)


def _built_in(density: Any) -> Understood | None:
    if not isinstance(density, Density):
        model = density
        if isinstance(density, types.MethodType) and density.__name__ == "score_samples":
            model = density.__self__
        # A subclass may have other ideas of what score_samples gives.
        if type(model) not in (GaussianMixture, SklearnMixture):
            return None
        density = GaussianMixtureDensity.of(model)
    return Understood(density._compiled(), f"built in: {density.name}", density)


# ---------------------------------------------------------------- Python's


def _as_pythons(value: Any) -> Any:
    """Make a number of NumPy's one of Python's, which every way of calling knows."""
    is_number = isinstance(value, (np.floating, np.integer, np.bool_)) and value.dtype.itemsize <= 8
    return value.item() if is_number else value


def _of_callable(
    density: Any,
    starts: NDArray[np.float64],
    *,
    log: bool,
    args: tuple[Any, ...],
    call: str | None,
    where: str | None,
    names: Sequence[str] | None,
) -> Understood:
    n_dims = starts.shape[1]
    if call is None:
        call = _looks_like(density, n_dims, len(args))
        only_coordinates = call == "coordinates" and n_dims > 1
        if not only_coordinates and is_vectorised(density, starts, args):
            call = "points"
        elif call == "coordinates" and wants_array(density, starts[0], args):
            call = "point"
        elif only_coordinates:
            _check_names(density, names)
    if call == "points":
        compiled = WalkerDensity.python(density, n_dims, True, args=args)
        return Understood(compiled, "vectorised Python callable", density)
    coordinates = _coordinate_names(density, call, n_dims)
    form = "f(point)" if call == "point" else f"f of {n_dims} coordinates"
    if coordinates is not None and n_dims <= 4:
        form = f"f({', '.join(coordinates)})"
    reason = None
    if where is None:
        try:
            compiled = _compiled(density, call, n_dims, args, starts, log)
        except NotCompilableError as error:
            reason = str(error)
        else:
            original = original_at_point(density, _convention(call), args)
            return Understood(compiled, f"compiled by numba: {form}", density, original, coordinates)
    compiled = WalkerDensity.python(density, n_dims, False, coordinates=call == "coordinates", args=args)
    kind = f"Python callable: {form}" if reason is None else f"Python callable: {form} (not compiled: {reason})"
    return Understood(compiled, kind, density, None, coordinates)


def _compiled(
    density: Any, call: str, n_dims: int, args: tuple[Any, ...], starts: NDArray[np.float64], log: bool
) -> WalkerDensity:
    if not is_compilable(density):
        raise NotCompilableError(f"a {type(density).__name__} is no plain function")
    return compiled_density(density, _convention(call), n_dims, args, starts, log=log)


def _convention(call: str) -> Convention:
    return "coordinates" if call == "coordinates" else "point"


def _coordinate_names(density: Any, call: str, n_dims: int) -> tuple[str, ...] | None:
    if call != "coordinates":
        return None
    names = tuple(parameter.name for parameter in _positional(density) or ())[:n_dims]
    return names if len(names) == n_dims else None


def _positional(density: Any) -> list[inspect.Parameter] | None:
    """List the parameters that are passed by position; None if Python does not know them."""
    try:
        signature = inspect.signature(getattr(density, "py_func", density))
    except (TypeError, ValueError):  # written in C
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter for parameter in signature.parameters.values() if parameter.kind in kinds]


def _arity(density: Any) -> tuple[int, float] | None:
    """How many arguments are needed, and how many are accepted."""
    if isinstance(density, np.ufunc):
        return density.nin, density.nin
    positional = _positional(density)
    if positional is None:
        return None
    needed = sum(parameter.default is inspect.Parameter.empty for parameter in positional)
    parameters = inspect.signature(getattr(density, "py_func", density)).parameters.values()
    variable = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    return needed, float("inf") if variable else len(positional)


def _looks_like(density: Any, n_dims: int, n_args: int) -> Literal["coordinates", "point"]:
    """Whether a callable takes coordinates or one thing, by its number of parameters."""
    arity = _arity(density)
    if arity is None:
        return "coordinates" if n_dims == 1 else "point"
    needed, accepted = arity
    takes_coordinates = needed <= n_dims + n_args <= accepted
    takes_one = needed <= 1 + n_args <= accepted
    if takes_coordinates and takes_one and n_dims > 1:
        if n_args and accepted != float("inf"):
            raise TypeError(
                f"density may be called with {n_dims} coordinates and args or with a point and args: say which by "
                'call="coordinates" or call="point"'
            )
        # More parameters than dimensions: those after the point have values already.
        return "point" if needed == 1 and n_dims < accepted != float("inf") else "coordinates"
    if takes_coordinates:
        return "coordinates"
    if takes_one:
        return "point"
    found = f"{needed}" if needed == accepted else f"{needed} or more"
    after = f" and {n_args} of args" if n_args else ""
    raise TypeError(
        f"density must take {n_dims} coordinate(s){after}, or one point{after}, "
        f'but it takes {found} arguments by position (call="coordinates" or call="point" says which is meant)'
    )


def _check_names(density: Any, names: Sequence[str] | None) -> None:
    """Refuse coordinates that would be passed in another order than the names say."""
    positional = _positional(density)
    if names is None or positional is None:
        return
    parameters = [parameter.name for parameter in positional][: len(names)]
    if sorted(parameters) == sorted(names) and parameters != list(names):
        raise ValueError(
            f"names are {', '.join(names)}, but the parameters of density are {', '.join(parameters)}: "
            "coordinates are passed by position, so give both in the same order"
        )
