"""Draws for libraries that name dimensions: which variables there are, and along which of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers.run._walked import Walked

CHAIN, DRAW = "chain", "draw"  # dimensions of all variables, or columns beside them

_VARIABLE = "x"
_DIMENSION = "dimension"


@dataclass(frozen=True)
class Labelled:
    """Variables of shape (chain, draw) or (chain, draw, dimension): the arrays of the run, not copies."""

    variables: dict[str, Floats]
    dims: dict[str, list[str]]  # beyond chain and draw, where there are any
    coords: dict[str, Any]


def labelled(run: Walked, what: str, library: str) -> Labelled:
    """Give a variable for each name, or one of all coordinates if they have no names."""
    check_names(run, what, f"a dimension in {library}")
    draws = run.draws
    if run._settings.names.given:
        return Labelled({name: draws[..., i] for i, name in enumerate(run.names)}, {}, {})
    return Labelled({_VARIABLE: draws}, {_VARIABLE: [_DIMENSION]}, {_DIMENSION: np.arange(run.n_dims)})


def check_names(run: Walked, what: str, taken: str) -> None:
    """Refuse coordinates that are called like what draws are numbered by."""
    for name in run.names:
        if name in (CHAIN, DRAW):
            raise ValueError(
                f"{what}: the name {name!r} is that of {taken}, which has no room for a coordinate called like that; "
                "give another one, sample(..., names=[...])"
            )


def attributes(run: Walked) -> dict[str, Any]:
    """Tell how the draws were made."""
    return {
        "inference_library": "foldstat",
        "inference_library_version": _core.__version__,
        "density_kind": run.density_kind,
        "move": repr(run.move),
        "burn_in": run.burn_in,
        "thin": run.thin,
    }
