"""The density that is the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from foldstat.walkers.densities._density import Density, as_dimensions


@dataclass(frozen=True, repr=False)
class Flat(Density):
    r"""The density that is 1 everywhere, :math:`\ln p(x) = 0`; not normalised.

    With ``bounds`` in `foldstat.walkers.sample` that is the uniform distribution between them. Without, it is
    none, and walkers that look at the density go to infinity; a `Gibbs` move that draws all coordinates does
    not look at it.

    Parameters
    ----------
    n_dims : int, default=1
        Number of coordinates.

    Raises
    ------
    ValueError
        If `n_dims` is less than 1.

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> densities.Flat(2)([[1.0, 2.0], [0.0, 0.0]])
    array([0., 0.])
    """

    name = "flat"
    normalised = False

    n_dims: int = 1

    def __post_init__(self) -> None:
        self._set("n_dims", as_dimensions(self.n_dims, 1))
