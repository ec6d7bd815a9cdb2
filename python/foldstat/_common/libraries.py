"""What objects of other libraries are, told without importing these."""

from __future__ import annotations

import sys
from typing import Any


def is_of(x: Any, module: str, *names: str) -> bool:
    """Tell whether `x` is of a class of a library, without importing the library.

    Examples
    --------
    >>> import numpy as np
    >>> is_of(np.ones(3), "numpy", "ndarray", "matrix")
    True
    >>> is_of([1, 2, 3], "a_library_nobody_has", "List")
    False
    """
    library = sys.modules.get(module)
    return library is not None and any(isinstance(x, getattr(library, name, ())) for name in names)


def native(x: Any) -> Any:
    """Give the frame or column that is inside of one of narwhals'."""
    return x.to_native() if is_of(x, "narwhals", "DataFrame", "LazyFrame", "Series") else x


def offers_arrow(x: Any) -> bool:
    """Tell whether `x` speaks the Arrow PyCapsule interface."""
    return hasattr(x, "__arrow_c_stream__") or hasattr(x, "__arrow_c_array__")
