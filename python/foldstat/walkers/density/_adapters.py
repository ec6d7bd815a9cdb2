"""The ways in which a density can be taken, the first that accepts it is used."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from foldstat._core import WalkerDensity
from foldstat.walkers.densities import Density, GaussianMixtureDensity
from foldstat.walkers.density._asked import Asked
from foldstat.walkers.density._compile import compiled_density, original_at_point
from foldstat.walkers.density._contents import NotCompilableError
from foldstat.walkers.density._loop import Convention
from foldstat.walkers.density._native import NativeFunction, native_function
from foldstat.walkers.density._numba_cfunc import checked_cfunc
from foldstat.walkers.density._powers import powers_are_checked
from foldstat.walkers.density._understood import Understood
from foldstat.walkers.density._vectorised import is_elementwise
from foldstat.walkers.density._watched import Watched


def as_value(density: Any) -> Any:
    """Take a fitted mixture as it is now: it may be fitted again, and a run goes on with the same density."""
    bound = isinstance(density, types.MethodType) and density.__name__ == "score_samples"
    model = density.__self__ if bound else density
    # A subclass may have other ideas of what its density is.
    return GaussianMixtureDensity.of(model) if type(model) in _mixtures() else density


def _mixtures() -> list[type]:
    """List the classes of mixtures that are loaded: nothing can be of another."""
    modules = (sys.modules.get(name) for name in ("foldstat.mixture._gaussian_mixture", "sklearn.mixture"))
    found = (getattr(module, "GaussianMixture", None) for module in modules)
    return [kind for kind in found if kind is not None]


def built_in(asked: Asked) -> Understood | None:
    """Accept the densities of foldstat."""
    return _of_ours(asked, asked.density) if isinstance(asked.density, Density) else None


def mixture(asked: Asked) -> Understood | None:
    """Accept fitted mixtures."""
    density = as_value(asked.density)
    return None if density is asked.density else _of_ours(asked, density)


def native(asked: Asked) -> Understood | None:
    """Accept pointers to compiled functions."""
    function = native_function(asked.density)
    if function is None:
        return None
    _refuse_what_is_for_python(asked, function.kind)
    _of_pointer(function, asked.n_dims)  # the complaints are about what was given
    return Understood(_of_pointer(checked_cfunc(function), asked.n_dims), function.kind, asked.density)


def vectorised(asked: Asked) -> Understood | None:
    """Accept callables of all points at once."""
    if asked.reading != "points":
        return None
    # What was guessed from a few points is looked at again where walkers get to.
    function = asked.density if asked.call else Watched(asked.density, asked.args, "point")
    return _of_all_points(asked, function)


def compiled(asked: Asked) -> Understood | None:
    """Accept Python functions that numba understands, where it is installed."""
    if asked.where is not None:
        return None
    convention: Convention = "coordinates" if asked.reading == "coordinates" else "point"
    try:
        density = compiled_density(asked.density, convention, asked.n_dims, asked.args, asked.trials, log=asked.log)
    except NotCompilableError as error:
        asked.not_compiled = str(error)
        return None
    original = original_at_point(asked.density, convention, asked.args)
    unchecked = "" if asked.reading == "point" or powers_are_checked() else ", x ** y unchecked"
    kind = f"compiled by numba{unchecked}: {asked.form}"
    return Understood(density, kind, asked.density, original, asked.coordinate_names)


def elementwise(asked: Asked) -> Understood | None:
    """Accept functions of one number, in one dimension, that take a column of them."""
    if asked.n_dims > 1 or asked.call or asked.where is not None or not is_elementwise(asked.trials):
        return None
    return _of_all_points(asked, Watched(asked.density, asked.args, "coordinates"))


def plain(asked: Asked) -> Understood:
    """Accept any callable, called for each point."""
    by_coordinates = asked.reading == "coordinates"
    density = WalkerDensity.python(
        asked.density, asked.n_dims, False, coordinates=by_coordinates, args=asked.args, log=asked.log
    )
    why = "" if asked.not_compiled is None else f" (not compiled: {asked.not_compiled})"
    kind = f"Python callable: {asked.form}{why}"
    return Understood(density, kind, asked.density, None, asked.coordinate_names, python_of="point")


ADAPTERS: tuple[Callable[[Asked], Understood | None], ...] = (
    built_in,
    mixture,
    native,
    vectorised,
    compiled,
    elementwise,
    plain,
)


def _of_ours(asked: Asked, density: Density) -> Understood:
    kind = f"built in: {density.name}"
    if density.n_dims != asked.n_dims:
        raise ValueError(f"density has {density.n_dims} dimension(s) ({kind}), but the starts have {asked.n_dims}")
    if not asked.log:
        raise ValueError(f"log=False, but density ({kind}) gives the logarithm: leave log=True")
    _refuse_what_is_for_python(asked, kind)
    return Understood(density._compiled(), kind, density)


def _of_all_points(asked: Asked, function: Any) -> Understood:
    density = WalkerDensity.python(function, asked.n_dims, True, args=asked.args, log=asked.log)
    return Understood(density, "vectorised Python callable", asked.density, python_of="points")


def _of_pointer(function: NativeFunction, n_dims: int) -> WalkerDensity:
    return WalkerDensity.native(function.signature, function.address, function.data, function.owner, n_dims)


def _refuse_what_is_for_python(asked: Asked, kind: str) -> None:
    given = "args" if asked.args else "call" if asked.call else "where" if asked.where else None
    if given is not None:
        hint = "; data for a compiled function belongs into scipy.LowLevelCallable" if given == "args" else ""
        raise ValueError(f"{given} is for Python functions, but density is {kind}{hint}")
