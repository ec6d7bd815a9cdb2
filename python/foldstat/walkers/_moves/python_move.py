"""Moves that users write."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._moves._lost import Lost
from foldstat.walkers._moves._move import Move, Setting
from foldstat.walkers._moves._stream import Stream, Words


class PythonMove(Move):
    """A move that users write in Python: derive a class from this, with a method `propose`.

    Slower than the moves that are compiled, as the proposals of all walkers, or of one half of them given
    the other, are made by NumPy on one thread. Everything else (acceptance, streams, bits that no thread
    changes, saving, mixing with other moves by `Mix`) is as for the others.

    All walkers, or all of a half, are proposed for in one call with the random numbers of one stream. So even where
    nobody looks at others the draws of a walker depend on who walks beside it, and those of a range,
    ``sample(..., walkers=range(a, b))``, are not those of the run of all.

    Attributes
    ----------
    interacts : bool
        Of the class. True, the default: one half of the walkers is proposed for given the other half. False:
        all walkers are, given nobody.

    Notes
    -----
    A move with `interacts` that uses `positions` of its own half for anything but each walker's own proposal does
    not leave the target as it is. The class is not saved with a run: give the move to `load` or `Run.extend`
    again.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import walkers as w
    >>> class Mirror(w.PythonMove):
    ...     '''Reflect walkers at the mean of the others, and shake them.'''
    ...
    ...     def propose(self, positions, others, rng):
    ...         mirrored = 2 * others.mean(axis=0) - positions
    ...         return mirrored + 0.5 * rng.standard_normal(positions.shape), 0.0
    >>> run = w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], move=w.Mix([(1, Mirror()), (1, w.NormalStep(1))]),
    ...                rng=0)
    >>> run.converged
    True
    """

    interacts: ClassVar[bool] = True

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}()"

    def propose(self, positions: Floats, others: Floats, rng: np.random.Generator) -> tuple[ArrayLike, ArrayLike]:
        """Propose where walkers might go.

        Parameters
        ----------
        positions : ndarray of shape (n, n_dims)
            Where they are.
        others : ndarray of shape (m, n_dims)
            Where the walkers of the other half are; of no rows if `interacts` is False.
        rng : numpy.random.Generator
            Where random numbers come from: the stream of the first of the walkers.

        Returns
        -------
        proposed : array-like of shape (n, n_dims)
            Where they might go. An infinite coordinate is rejected.
        log_factor : array-like of shape (n,), or float
            The logarithm of Hastings' factor q(x|y)/q(y|x) of each; 0.0 for symmetric proposals.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must have a method propose(positions, others, rng)")

    def config(self) -> dict[str, Any]:
        """Give the name of the class.

        Returns
        -------
        dict
            All that is saved of the move.
        """
        return {"name": "PythonMove", "class": type(self).__qualname__, "interacts": bool(self.interacts)}

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        return _core.WalkerMove.proposals(_Proposals(self), bool(self.interacts))


class LostMove(PythonMove):
    """Stands where a move of the user was that was saved."""

    is_lost: ClassVar[bool] = True

    def __init__(self, name: str, interacts: bool) -> None:
        self.name = name
        self.interacts = interacts  # type: ignore[misc]  # that of the class that was lost

    def config(self) -> dict[str, Any]:
        """Give what was saved of the move."""
        return {"name": "PythonMove", "class": self.name, "interacts": self.interacts}

    def __repr__(self) -> str:
        return f"{self.name}()"

    def propose(self, positions: Floats, others: Floats, rng: np.random.Generator) -> tuple[ArrayLike, ArrayLike]:
        """Refuse to go on."""
        return Lost(self.name)()


class _Proposals:
    """What the compiled module calls: writes the proposals, and moves the stream on."""

    def __init__(self, move: PythonMove) -> None:
        self._move = move

    def __call__(
        self, points: Floats, others: Floats, streams: Words, proposed: Floats, log_factor: Floats, first: int
    ) -> None:
        stream = Stream.take()
        stream.words[:] = streams[0]
        given = self._move.propose(points, others, stream.generator)
        streams[0] = stream.words
        stream.put()
        name = f"{type(self._move).__qualname__}.propose"
        if not isinstance(given, tuple) or len(given) != 2:
            raise TypeError(f"{name} must give positions and log_factor, a tuple of two; got {type(given).__name__}")
        _write(given[0], proposed, f"{name}: positions", exact=True)
        _write(given[1], log_factor, f"{name}: log_factor", exact=False)
        if np.isposinf(log_factor).any():
            raise ValueError(f"{name}: log_factor must not be +inf")


def _write(given: Any, target: Floats, name: str, *, exact: bool) -> None:
    array = np.asarray(given)
    fits = array.shape == target.shape or (not exact and array.ndim == 0)
    if array.dtype.kind not in "iuf" or not fits:
        raise ValueError(
            f"{name} must be real numbers of shape {target.shape}, got shape {array.shape} and dtype {array.dtype}"
        )
    target[...] = array
    if np.isnan(target).any():
        raise ValueError(f"{name} must not be NaN")
