"""Walking on until the draws suffice: looks at fixed steps, so that the end is as reproducible as the draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._moves._move import as_number

_FIRST_DRAWS = 100
_TAILS = 0.05, 0.95
_GROWTH = 1.5  # of the draws from one look to the next: all looks together cost as much as three of the last


@dataclass(frozen=True)
class Until:
    """What the draws have to reach: R-hat at most, and effective draws of bulk and tails at least."""

    r_hat: float | None
    ess: float | None

    @classmethod
    def of(cls, until: Any) -> Until | None:
        """Check the argument of `sample`."""
        if until is None:
            return None
        if isinstance(until, cls):
            return until
        if not isinstance(until, Mapping) or not until or not set(until) <= {"r_hat", "ess"}:
            raise ValueError(f'until must be a dict such as {{"r_hat": 1.01, "ess": 1000}} or None, got {until!r}')
        r_hat = ess = None
        if "r_hat" in until:
            r_hat = as_number(until["r_hat"], "until['r_hat']", "a number above 1")
            if r_hat <= 1:
                raise ValueError(f"until['r_hat'] must be above 1, got {r_hat!r}")
        if "ess" in until:
            ess = as_number(until["ess"], "until['ess']", "a number of effective draws")
            if ess <= 0:
                raise ValueError(f"until['ess'] must be positive, got {ess!r}")
        return cls(r_hat, ess)

    def check(self, n_walkers: int) -> None:
        """Refuse to wait for what one walker never reaches."""
        if self.r_hat is not None and n_walkers < 2:
            raise ValueError("until: R-hat compares walkers, and there is only one; ask for ess alone")

    def __str__(self) -> str:
        wanted = {"r_hat": self.r_hat, "ess": self.ess}
        return f"until={ {name: value for name, value in wanted.items() if value is not None} }"

    def reached(self, draws: Floats, n_jobs: int | None) -> bool:
        """Whether all coordinates have it; a constant one never has."""
        if self.r_hat is not None and not (_core.diagnostics_r_hat(draws, n_jobs) <= self.r_hat).all():
            return False
        if self.ess is None:
            return True
        sizes = _core.diagnostics_ess_bulk(draws, n_jobs), _core.diagnostics_ess_tail(draws, _TAILS, n_jobs)
        return bool((np.minimum(*sizes) >= self.ess).all())


def looks(n_draws: int) -> Iterator[int]:
    """Give the numbers of draws to look at, the last of them all there may be."""
    number = float(_FIRST_DRAWS)
    while int(number) < n_draws:
        yield int(number)
        number *= _GROWTH
    yield n_draws
