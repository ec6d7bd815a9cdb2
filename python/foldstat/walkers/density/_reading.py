"""Which arguments the user's callable is meant to get: coordinates, a point, or all points at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foldstat.walkers.density._signature import Signature
from foldstat.walkers.density._trials import Call, Trials
from foldstat.walkers.density._vectorised import is_vectorised

_SAME = 1e-9
_SAY_WHICH = 'say which by call="coordinates" or call="point"'


def reading(signature: Signature, trials: Trials, n_args: int, names: Sequence[str] | None) -> Call:
    """Find out how a callable is called.

    Parameters with a default are options. If another reading is possible as well, the callable is tried both ways.

    Parameters
    ----------
    signature : Signature
        Its parameters.
    trials : Trials
        To call it with.
    n_args : int
        So many arguments are passed after the point.
    names : sequence of str or None
        What the coordinates are called, if the user has said so.

    Returns
    -------
    {"coordinates", "point", "points"}
        How.

    Raises
    ------
    TypeError
        If it takes another number of arguments, or may be meant in two ways.
    ValueError
        If the parameters are the names in another order.
    """
    if signature.keywords:
        raise TypeError(
            f"density needs {', '.join(signature.keywords)} by name, which a walker does not pass: give it a default, "
            f"or bind it by functools.partial(density, {signature.keywords[0]}=...)"
        )
    n_dims = trials.n_dims
    as_coordinates, as_one = signature.takes(n_dims + n_args), signature.takes(1 + n_args)
    if not as_coordinates and not as_one:
        raise _wrong_number(signature, n_dims, n_args)
    if n_dims == 1:
        return _in_one_dimension(trials)
    if as_coordinates and as_one:
        call = _of_both(signature, trials, n_args, names)
    else:
        call = "coordinates" if as_coordinates else _of_one(trials)
    if call == "coordinates":
        _check_names(signature, names)
    return call


def _wrong_number(signature: Signature, n_dims: int, n_args: int) -> TypeError:
    found = f"{signature.needed}" if signature.needed == signature.accepted else f"{signature.needed} or more"
    after = f" and {n_args} of args" if n_args else ""
    return TypeError(
        f"density must take {n_dims} coordinate(s){after}, or one point{after}, "
        f'but it takes {found} arguments by position (call="coordinates" or call="point" says which is meant)'
    )


def _of_one(trials: Trials) -> Call:
    return "points" if is_vectorised(trials) else "point"


def _in_one_dimension(trials: Trials) -> Call:
    """Tell a function of a number from one of an array that holds it."""
    start = trials.places.some()[0]
    found = trials.outcome("coordinates", start)
    if is_vectorised(trials):
        return "points"
    refuses = isinstance(found, (TypeError, IndexError, AttributeError))
    return "point" if refuses and trials.number("point", start) is not None else "coordinates"


def _of_both(signature: Signature, trials: Trials, n_args: int, names: Sequence[str] | None) -> Call:
    """Try both ways: a way that gives no number is not meant."""
    first = signature.first(trials.n_dims)
    if names is not None and first is not None and sorted(first) == sorted(names):
        return "coordinates"
    start = trials.places.some()[0]
    options = signature.needed == 1 + n_args  # what has a default is one, unless it is a coordinate
    one = _of_one(trials)
    takes_one = one == "points" or trials.number("point", start) is not None
    if takes_one and options and (one == "points" or _reads_whole_points(trials)):
        return one
    takes_coordinates = trials.number("coordinates", start) is not None
    if takes_one != takes_coordinates:
        return one if takes_one else "coordinates"
    if not takes_one:
        return one if options or signature.names is None else "coordinates"
    if not options and _agree(trials, one):
        return "coordinates"
    after = " and args" if n_args else ""
    raise TypeError(
        f"density may be called with {trials.n_dims} coordinates{after} or with a point{after}, and gives a number "
        f"either way: {_SAY_WHICH}"
    )


def _reads_whole_points(trials: Trials) -> bool:
    """Whether the value changes with the last coordinate, which no function of a first one would know."""
    here = trials.places.near()[0]
    for moved in trials.places.far():
        there = here.copy()
        there[-1] = moved[-1]
        if there[-1] != here[-1]:
            return trials.number("point", there) != trials.number("point", here)
    return False


def _agree(trials: Trials, one: Call) -> bool:
    """Whether both ways give the same, so that it does not matter which is meant."""
    near = trials.places.near()[: 1 if trials.is_slow else None]
    together = trials.array("points", trials.places.near()) if one == "points" else None
    of_one = [trials.number("point", p) for p in near] if together is None else together.real[: len(near)]
    by_coordinates = [trials.number("coordinates", point) for point in near]
    found, expected = np.array(of_one, dtype=np.float64), np.array(by_coordinates, dtype=np.float64)
    return np.allclose(found, expected, rtol=_SAME, atol=_SAME * np.abs(expected[0]), equal_nan=True)


def _check_names(signature: Signature, names: Sequence[str] | None) -> None:
    """Refuse coordinates that would be passed in another order than the names say."""
    parameters = None if names is None else signature.first(len(names))
    if names is None or parameters is None or parameters == tuple(names):
        return
    if sorted(parameters) == sorted(names):
        raise ValueError(
            f"names are {', '.join(names)}, but the parameters of density are {', '.join(parameters)}: "
            "coordinates are passed by position, so give both in the same order"
        )
