"""What every run knows whatever it keeps: its shape, its settings, and where the walkers are."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from foldstat import _core
from foldstat._validation import Floats
from foldstat.walkers._converged import FEWEST_DRAWS, problems_of, r_hat_of
from foldstat.walkers._density import Understood
from foldstat.walkers._moments import Moments
from foldstat.walkers._moves import Move
from foldstat.walkers._settings import Keep, Kept, KeptDraws, Settings


class Walked:
    """The part of a `Run` that does not look at draws or moments."""

    def __init__(
        self,
        settings: Settings,
        ensemble: _core.WalkerEnsemble,
        density: Understood | None,
        kept: Kept,
        *,
        interrupted: bool,
        density_kind: str | None = None,
    ) -> None:
        self._settings = settings
        self._ensemble = ensemble  # advanced no more: extend copies it
        self._density = density
        self._kept = kept
        self._moments: Moments | None = None
        self._problems: tuple[str, ...] | None = None
        self._log_density: Floats | None = None
        self.interrupted = interrupted
        self.density_kind: str = density_kind or ("" if density is None else density.kind)

    @property
    def acceptance_rate(self) -> Floats:
        """Share of proposals that each walker accepted after the burn-in; NaN before its end."""
        if not self.n_steps:
            return np.full(self.n_walkers, np.nan)
        rate: Floats = self._ensemble.accepted / self.n_steps
        return rate

    @property
    def problems(self) -> tuple[str, ...]:
        """What speaks against the draws, a sentence each; none where nothing does or nothing can be said."""
        if self._problems is None:
            r_hat = self._r_hat()
            known = self.n_walkers > 1 and self.n_steps > 0
            self._problems = problems_of(self.names, r_hat, self.acceptance_rate, self.n_steps) if known else ()
        return self._problems

    @property
    def converged(self) -> bool | None:
        """Whether nothing speaks against the draws; None where nothing can be said: of one walker, of few draws."""
        if self.problems:
            return False
        return None if self._r_hat() is None else True

    def _r_hat(self) -> Floats | None:
        """Give R-hat of each dimension; None where nothing can be said."""
        if self.n_walkers < 2:
            return None
        if isinstance(self._kept, KeptDraws):
            return r_hat_of(self._kept.draws[:, : self.n_draws])
        if self._kept.moments is None or self.n_draws < FEWEST_DRAWS:
            return None
        return Moments._of(self._kept.moments, self._kept.axes).r_hat()

    @property
    def positions(self) -> Floats:
        """Where the walkers are now, of shape (n_walkers, n_dims)."""
        return self._ensemble.positions

    @property
    def names(self) -> tuple[str, ...]:
        """What the coordinates are called."""
        return self._settings.names.labels

    @property
    def n_steps(self) -> int:
        """Steps of each walker after the burn-in."""
        return max(0, self._ensemble.step - self.burn_in)

    @property
    def burn_in(self) -> int:
        """Steps of each walker that were not recorded, at the beginning."""
        return self._settings.burn_in

    @property
    def thin(self) -> int:
        """Steps from one draw to the next."""
        return self._settings.thin

    @property
    def n_walkers(self) -> int:
        """Number of walkers."""
        return self._ensemble.n_walkers

    @property
    def n_draws(self) -> int:
        """Draws of each walker."""
        return self._settings.draws_after(self._ensemble.step)

    @property
    def n_dims(self) -> int:
        """Number of coordinates."""
        return self._ensemble.n_dims

    @property
    def move(self) -> Move:
        """How walkers moved."""
        return self._settings.move

    @property
    def keep(self) -> Keep:
        """What was kept, ``"draws"`` or ``"moments"``."""
        return self._kept.keep

    def __repr__(self) -> str:
        shape = f"{self.n_walkers} walkers × {self.n_draws} draws × {self.n_dims} dimensions"
        rate = float(self.acceptance_rate.mean())
        notes = [shape, f"acceptance {rate:.3f}", type(self.move).__name__, self.density_kind]
        notes += ["moments only"] if self.keep == "moments" else []
        notes += ["interrupted"] if self.interrupted else []
        return f"<Run: {', '.join(notes)}>"

    def __copy__(self) -> Self:
        return self._twin(self._ensemble, self._kept)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Draws may be written to, so that they are copied. Densities do not change.
        return self._twin(self._ensemble.copy(), self._kept.extended(self.n_draws, 0))

    def _twin(self, ensemble: _core.WalkerEnsemble, kept: Kept) -> Self:
        kind, interrupted = self.density_kind, self.interrupted
        return type(self)(self._settings, ensemble, self._density, kept, interrupted=interrupted, density_kind=kind)
