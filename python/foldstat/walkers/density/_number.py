"""What counts as one real number, of what a user's function gives."""

from __future__ import annotations

from typing import Any

import numpy as np


def real_number(value: Any) -> float | None:
    """Give the number that a value is, an array of one number among them; None if it is anything else."""
    array = np.asarray(value)
    return float(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "biuf" else None
