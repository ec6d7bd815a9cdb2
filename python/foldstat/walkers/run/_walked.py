"""What every run knows: its shape, its settings, where the walkers are, and what they left behind."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Self

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._moves import Move, Setting
from foldstat.walkers.density import Understood, log_densities
from foldstat.walkers.run._converged import FEWEST_DRAWS, constants_of, disagreement_of, r_hat_of, stillness_of
from foldstat.walkers.run._histogram import Histogram, histogram_among, histogram_of
from foldstat.walkers.run._moments import Moments
from foldstat.walkers.run._settings import Keep, Kept, KeptDraws, NotKeptError, Settings

_BINS = 50


class Walked:
    """A run as it is, of which `Run` is the view: settings, where the walkers are, and what they left.

    Nothing here is drawn, written or handed to another library: what does so takes this.
    """

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
    def walkers(self) -> range:
        """The numbers of the walkers: all from 0 on, or the range that `sample` was asked for."""
        part = self._settings.part
        return range(self.n_walkers) if part is None else part.walkers

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

    @functools.cached_property
    def problems(self) -> tuple[str, ...]:
        """What speaks against the draws, a sentence each; none where nothing does or nothing can be said."""
        if self.n_walkers < 2 or not self.n_steps:
            return ()
        statistic = "R-hat" if self.keep == "draws" else "psrf"
        disagreement = disagreement_of(self.names, self._disagreement, statistic)
        still = stillness_of(self.acceptance_rate, self.n_steps)
        # Where nobody moves that is said already.
        constants = () if (self.acceptance_rate == 0).all() else self._constants()
        return (*disagreement, *constants, *still)

    def _constants(self) -> list[str]:
        if not self.n_draws:
            return []
        # What is constant has no R-hat, so that mostly no draw is looked at once more.
        values = np.full(self.n_dims, np.nan) if self._disagreement is None else self._disagreement
        suspects = np.flatnonzero(np.isnan(values))
        if isinstance(self._kept, KeptDraws):
            draws = self.draws[..., suspects]
            is_constant = (draws == draws[0, 0]).all(axis=(0, 1))
        else:
            means = self.moments.means[:, suspects]
            variances = self.moments.covariances[:, suspects, suspects]
            is_constant = (means == means[0]).all(axis=0) & (variances == 0).all(axis=0)
        names = [self.names[dim] for dim in suspects[is_constant]]
        return constants_of(names, self.n_draws * self.n_walkers)

    @property
    def converged(self) -> bool | None:
        """Whether nothing speaks against the draws; None where nothing can be said: of one walker, of few draws."""
        if self.problems:
            return False
        return None if self._disagreement is None else True

    @functools.cached_property
    def _disagreement(self) -> Floats | None:
        """Give R-hat of each dimension, or the like from moments; None where nothing can be said."""
        if self.n_walkers < 2 or self.n_draws < FEWEST_DRAWS:
            return None
        if isinstance(self._kept, KeptDraws):
            return r_hat_of(self._kept.draws[:, : self.n_draws])
        return self.moments.psrf()

    @property
    def draws(self) -> Floats:
        """Where each walker was, of shape (n_walkers, n_draws, n_dims)."""
        return self._buffers("draws").draws[:, : self.n_draws]

    @property
    def log_density(self) -> Floats:
        """The logarithm of the density at the draws, of shape (n_walkers, n_draws)."""
        kept = self._buffers("log_density")
        if kept.log_density is not None:
            return kept.log_density[:, : self.n_draws]
        if self._log_density is None:
            points = self.draws.reshape(-1, self.n_dims)
            values = log_densities(self._known_density(), points, self._settings.log)
            self._log_density = values.reshape(self.n_walkers, self.n_draws)
        return self._log_density

    @property
    def moments(self) -> Moments:
        """Means, covariances and histograms of the walkers."""
        if self._moments is None:
            if isinstance(self._kept, KeptDraws):
                self._moments = Moments.of_draws(self.draws)
            else:
                kept = self._kept.moments or self._kept.empty(self._ensemble)
                self._moments = Moments._of_kept(kept, self._kept.axes)
        return self._moments

    def histogram(self, bins: Any = None, dims: Any = None) -> Histogram:
        """Count draws of all walkers in bins.

        Parameters
        ----------
        bins : int, edges, or sequence with one of these for each dimension, default=None
            As in ``numpy.histogramdd``: a number of bins between the smallest and the largest draw, or
            edges. None for 50. With ``keep="moments"`` the bins are those of `sample`, and `bins` None.
        dims : int, str, or sequence of these, default=None
            Which coordinates, by number or by name; None for all, which two at most allow.

        Returns
        -------
        Histogram
            counts and edges, as ``numpy.histogramdd`` gives them.

        Raises
        ------
        ValueError
            If there is no such coordinate, there are no draws, or the histogram was not kept.
        """
        if dims is None and self.n_dims > 2:
            raise ValueError(f"dims must say which of the {self.n_dims} dimensions to count, for example dims=(0, 1)")
        chosen = self._settings.names.dims(range(self.n_dims) if dims is None else dims)
        self._need_draws()
        if isinstance(self._kept, KeptDraws):
            return histogram_of(self.draws, _BINS if bins is None else bins, chosen)
        if bins is not None:
            raise ValueError('bins: with keep="moments" they are chosen before, sample(..., histograms={dims: bins})')
        found = histogram_among(self.moments.histograms, chosen)
        if found is None:
            kept = ", ".join(map(str, self.moments.histograms)) or "none"
            raise ValueError(f"dims: no histogram of {chosen} was kept, there are those of {kept}")
        return found

    def __repr__(self) -> str:
        shape = f"{self.n_walkers} walkers × {self.n_draws} draws × {self.n_dims} dimensions"
        rate = float(self.acceptance_rate.mean())
        notes = [shape, f"acceptance {rate:.3f}", type(self.move).__name__, self.density_kind]
        notes += [] if self._settings.part is None else [str(self._settings.part)]
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

    def _buffers(self, what: str) -> KeptDraws:
        if not isinstance(self._kept, KeptDraws):
            raise NotKeptError(f'{what}: this run keeps moments only; sample(..., keep="draws") keeps draws')
        return self._kept

    def _known_density(self) -> Understood:
        if self._density is None:
            raise ValueError(
                f"the run has no density: a function ({self.density_kind}) is neither saved nor pickled. Give it "
                "again, run.extend(n_steps, density=...) or foldstat.walkers.load(path, density=...)"
            )
        return self._density

    def _moved_by(self, move: Move | None) -> tuple[Settings, _core.WalkerEnsemble]:
        """Give settings and a copy of the walkers to go on with, by this move if it is not None."""
        settings = self._settings
        if move is None:
            if settings.move.is_lost:
                raise ValueError(
                    f"the run has lost the functions of its move, {settings.move}: they are neither saved nor pickled. "
                    "Give it again, run.extend(n_steps, move=...) or foldstat.walkers.load(path, move=...)"
                )
            return settings, self._ensemble.copy()
        if not isinstance(move, Move) or move.config() != settings.move.config():
            raise ValueError(f"move is not the one of the run: it was {settings.move}, got {move!r}")
        setting = Setting(self.n_walkers, self.n_dims, names=self.names)
        ensemble = _core.WalkerEnsemble.from_state(self._ensemble.state(), move._schedule(setting))
        return dataclasses.replace(settings, move=move), ensemble

    def _need_draws(self) -> None:
        if not self.n_draws:
            raise ValueError(
                f"the run has no draws yet, {self._ensemble.step} steps of which {self.burn_in} are the burn-in, with "
                f"thin={self.thin}; run.extend(n_steps) continues it"
            )
