"""Stepwise EM: statistics that forget (Cappé & Moulines 2009)."""

from __future__ import annotations

from typing import NamedTuple

from foldstat import _core
from foldstat._core import MixtureStatistics
from foldstat.mixture._parameters import Family
from foldstat.mixture._start import Start


class Running(NamedTuple):
    """What a model keeps of the batches it has seen."""

    statistics: MixtureStatistics  # in units of their whole weight
    seen: float  # the weight of all batches

    @classmethod
    def of(cls, batch: MixtureStatistics) -> Running:
        """Keep the first batch."""
        return cls(_core.scaled_statistics(batch, 1.0 / batch.total_weight), batch.total_weight)

    def after(self, batch: MixtureStatistics, forgetting: float) -> Running:
        """Give what is kept after one more batch."""
        weight = batch.total_weight
        seen = self.seen + weight
        step = float((seen / weight) ** -forgetting)
        kept = _core.scaled_statistics(self.statistics, 1.0 - step)
        return Running(kept + _core.scaled_statistics(batch, step / weight), seen)

    @property
    def lower_bound(self) -> float:
        """The running mean log-likelihood of a row."""
        return self.statistics.log_likelihood / self.statistics.total_weight

    def start(self, family: Family, reg_covar: float) -> Start:
        """Give the parameters that maximise the likelihood of what is kept."""
        sizes, means, covariances = _core.moments(self.statistics, float(reg_covar), family)
        factors = _core.precisions_cholesky(covariances, family)
        return Start(sizes / sizes.sum(), means, covariances, factors)
