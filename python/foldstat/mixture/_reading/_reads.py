"""All methods of this room in one class."""

from foldstat.mixture._reading._conditional import ConditionalReads
from foldstat.mixture._reading._exchange import ExchangeReads
from foldstat.mixture._reading._information import InformationReads
from foldstat.mixture._reading._merging import MergingReads
from foldstat.mixture._reading._probabilities import ProbabilityReads
from foldstat.mixture._reading._shape import ShapeReads


class MixtureReads(ConditionalReads, ProbabilityReads, ShapeReads, InformationReads, MergingReads, ExchangeReads):
    """All of these methods; they read the parameters of a mixture and never change them."""
