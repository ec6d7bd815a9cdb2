"""Pictures of mixtures, for which matplotlib is needed."""

from foldstat._common.lazy import only
from foldstat.mixture._plot import plot_mixture
from foldstat.mixture._plot_reads import plot_entropy, plot_pairs, plot_uncertainty
from foldstat.mixture._plot_selection import plot_selection

__all__ = ["plot_entropy", "plot_mixture", "plot_pairs", "plot_selection", "plot_uncertainty"]

__dir__ = only(__all__)
