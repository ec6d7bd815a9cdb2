"""Densities that are built in: evaluated over vectors of walkers, on every core, without the GIL.

============================ ======== ========== ============================================
density                      n_dims   normalised what it is known for
============================ ======== ========== ============================================
:func:`three_gaussians`      2        yes        modes of different weights
:func:`banana`               2, more  yes        a bent ridge
:func:`funnel`               10, any  yes        scales that depend on a coordinate
:func:`eight_schools`        10       no         a small hierarchical model
:func:`ring`                 2        no         no preferred direction
:func:`egg_box`              2        no         eighteen equal modes in a box
:func:`gaussian_mixture`     any      yes        a fitted model as a density
============================ ======== ========== ============================================

Each is a :class:`Density`: a value that can be called on points, sampled by
`foldstat.walkers.sample`, compared and pickled. Where they are known it also gives its moments and
exact draws, to check a sampler against::

    target = w.densities.three_gaussians()
    run = w.sample(target, [0, 0])
    run.draws.mean(axis=(0, 1)) - target.mean()
"""

from foldstat.walkers.densities._curved import Banana, Funnel, banana, funnel
from foldstat.walkers.densities._density import Density
from foldstat.walkers.densities._eight_schools import EightSchools, eight_schools
from foldstat.walkers.densities._gaussians import (
    GaussianMixtureDensity,
    ThreeGaussians,
    gaussian_mixture,
    three_gaussians,
)
from foldstat.walkers.densities._plane import EggBox, Ring, egg_box, ring
from foldstat.walkers.densities._registry import from_config

__all__ = [
    "Banana",
    "Density",
    "EggBox",
    "EightSchools",
    "Funnel",
    "GaussianMixtureDensity",
    "Ring",
    "ThreeGaussians",
    "banana",
    "egg_box",
    "eight_schools",
    "from_config",
    "funnel",
    "gaussian_mixture",
    "ring",
    "three_gaussians",
]
