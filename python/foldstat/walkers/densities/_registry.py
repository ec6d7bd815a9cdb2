"""Densities by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from foldstat.walkers.densities._curved import Banana, Funnel
from foldstat.walkers.densities._density import Density
from foldstat.walkers.densities._eight_schools import EightSchools
from foldstat.walkers.densities._flat import Flat
from foldstat.walkers.densities._gaussians import GaussianMixtureDensity, ThreeGaussians
from foldstat.walkers.densities._plane import EggBox, Ring

_CLASSES: dict[str, Callable[..., Density]] = {
    density.name: density
    for density in (ThreeGaussians, Banana, Funnel, EightSchools, Ring, EggBox, Flat, GaussianMixtureDensity)
}


def from_config(config: Mapping[str, Any]) -> Density:
    """Make a density of what its ``config()`` gave.

    Parameters
    ----------
    config : dict
        With the entries ``name`` and ``parameters``.

    Returns
    -------
    Density
        Equal to the one that gave `config`.

    Raises
    ------
    TypeError
        If `config` is not a mapping, or a parameter has an unknown name.
    ValueError
        If there is no density of that name, or a parameter cannot be used.

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> densities.from_config(densities.Ring(radius=2.0).config())
    Ring(radius=2.0, width=0.5)
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a dict as density.config() gives, got {type(config).__name__}")
    name = config.get("name")
    if name not in _CLASSES:
        raise ValueError(f"config['name'] must be one of {', '.join(_CLASSES)}, got {name!r}")
    return _CLASSES[name](**config.get("parameters", {}))
