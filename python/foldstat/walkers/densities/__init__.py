"""Densities that are built in: evaluated over vectors of walkers, on every core, without the GIL.

=============================== ======== ========== ============================================
density                         n_dims   normalised what it is known for
=============================== ======== ========== ============================================
:class:`ThreeGaussians`         2        yes        modes of different weights
:class:`Banana`                 2, more  yes        a bent ridge
:class:`Funnel`                 10, any  yes        scales that depend on a coordinate
:class:`EightSchools`           10       no         a small hierarchical model
:class:`Ring`                   2        no         no preferred direction
:class:`EggBox`                 2        no         eighteen equal modes in a box
:class:`Flat`                   any      no         nothing: uniform between bounds
:class:`GaussianMixtureDensity` any      yes        a fitted model as a density
=============================== ======== ========== ============================================

Each is a :class:`Density`: a value that can be called on points, sampled by
`foldstat.walkers.sample`, compared and pickled. Where they are known it also gives its moments and
exact draws, to check a sampler against::

    target = w.densities.ThreeGaussians()
    run = w.sample(target, [0, 0])
    run.draws.mean(axis=(0, 1)) - target.mean()
"""

from foldstat._common.lazy import only
from foldstat.walkers.densities._curved import Banana, Funnel
from foldstat.walkers.densities._density import Density
from foldstat.walkers.densities._eight_schools import EightSchools
from foldstat.walkers.densities._flat import Flat
from foldstat.walkers.densities._gaussians import GaussianMixtureDensity, ThreeGaussians
from foldstat.walkers.densities._plane import EggBox, Ring
from foldstat.walkers.densities._registry import from_config

__all__ = [
    "Banana",
    "Density",
    "EggBox",
    "EightSchools",
    "Flat",
    "Funnel",
    "GaussianMixtureDensity",
    "Ring",
    "ThreeGaussians",
    "from_config",
]

__dir__ = only(__all__)
