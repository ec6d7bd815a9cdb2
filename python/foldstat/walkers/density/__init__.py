"""How the user's density is understood, called and compiled, and how its errors come back.

`understand` takes whatever a density may be and gives an `Understood`, which walkers can be moved over: it asks one
adapter after the other, and the first that accepts the density is used.
"""

from foldstat.walkers.density._adapters import as_value
from foldstat.walkers.density._compare import compare_at
from foldstat.walkers.density._signature import Signature
from foldstat.walkers.density._understand import understand
from foldstat.walkers.density._understood import Understood
from foldstat.walkers.density._values import OwnErrors, log_densities

__all__ = [
    "OwnErrors",
    "Signature",
    "Understood",
    "as_value",
    "compare_at",
    "log_densities",
    "understand",
]
