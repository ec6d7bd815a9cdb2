"""Exact, mergeable summaries of numbers.

Each is a commutative monoid whose laws hold to the last bit: `Summary` of numbers, `Summaries` of the
columns or rows of a matrix, `GroupedSummary` of groups, `JointSummary` of columns together. What was
added can be subtracted; `SummaryWindow` slides over a stream, `jackknife` leaves out part after part.
"""

from foldstat._common.lazy import only
from foldstat.summary._collections import Summaries, SummariesReads
from foldstat.summary._describe import describe
from foldstat.summary._groups import GroupedReads, GroupedSummary
from foldstat.summary._instants import WithNanoseconds
from foldstat.summary._jackknife import Jackknife, jackknife
from foldstat.summary._joint import JointSummary, Line
from foldstat.summary._reads import SummaryReads
from foldstat.summary._search import parameters_of
from foldstat.summary._summarize import summarize
from foldstat.summary._summary import Summary
from foldstat.summary._window import SummaryWindow

__all__ = [
    "GroupedReads",
    "GroupedSummary",
    "Jackknife",
    "JointSummary",
    "Line",
    "Summaries",
    "SummariesReads",
    "Summary",
    "SummaryReads",
    "SummaryWindow",
    "WithNanoseconds",
    "describe",
    "jackknife",
    "parameters_of",
    "summarize",
]

__dir__ = only(__all__)
