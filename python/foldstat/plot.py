"""Pictures of mixtures, for which matplotlib is needed."""

from foldstat._common.lazy import only
from foldstat.mixture._plot import plot_mixture

__all__ = ["plot_mixture"]

__dir__ = only(__all__)
