"""What the methods of this room rely on: fitted parameters, and the methods that score and draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foldstat._common.arrays import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foldstat import _core
    from foldstat._common.arrays import Rows
    from foldstat.mixture._sample import Rng


class Fitted:
    """A mixture with known parameters, seen from this room."""

    n_jobs: int | None
    random_state: Any
    means_: Floats

    if TYPE_CHECKING:

        def score_samples(self, X: Any) -> Rows: ...
        def predict_proba(self, X: Any) -> Rows: ...
        def sample(self, n_samples: int = 1, *, rng: Rng = None) -> tuple[Floats, NDArray[Any]]: ...
        def _compiled_mixture(self) -> _core.Mixture: ...
