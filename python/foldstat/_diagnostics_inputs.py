"""What the diagnostics of chains do to their arguments, and to the shapes of their results."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from foldstat._validation import Floats, Rows, as_floats


def as_draws(x: ArrayLike, *, many_chains: bool = False) -> tuple[Rows, int]:
    """Give draws as (chain, draw, dimension), and how many axes they had.

    More chains than draws are what other orders of the axes look like, unless there are to be many chains. Draws of
    one flat chain, of shape (draw, dimension), have far more rows than columns.
    """
    array = as_floats(x, "x")
    axes = array.ndim
    if axes == 1:
        return array[None, :, None], axes
    chains, draws = array.shape[:2] if axes in (2, 3) else (0, 0)
    if axes == 2:
        if chains >= 2 * draws > 0 and not many_chains:
            raise ValueError(
                f"x has shape {array.shape}, which means {chains} chains of {draws} draws each. One chain of {chains} "
                f"draws in {draws} dimensions is x[None], draws in the order (draw, chain) are x.T, and what are so "
                "many chains indeed x[:, :, None]"
            )
        return array[:, :, None], axes
    if axes == 3:
        if chains > draws > 0 and not many_chains:
            warnings.warn(
                f"x has shape {array.shape}, which means {chains} chains of {draws} draws each; draws in the order "
                "(draw, chain, dimension), as emcee gives them, are x.swapaxes(0, 1)",
                UserWarning,
                stacklevel=3,
            )
        return array, axes
    raise ValueError(f"x must have shape (chain, draw) or (chain, draw, dimension), got shape {array.shape}")


def in_shape(values: Floats, axes: int) -> float | Floats:
    """Give one number for draws of one dimension, else one for each."""
    return values if axes == 3 else float(values[0])


def as_probability(prob: Any) -> float:
    """Check a probability."""
    try:
        value = float(prob)
    except (TypeError, ValueError):
        raise TypeError(f"prob must be a number, got {prob!r}") from None
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"prob must be a probability in [0, 1], got {prob!r}")
    return value


def as_two_probabilities(prob: float | Sequence[float]) -> tuple[float, float]:
    """Check two probabilities; a single one stands for itself and its complement."""
    if np.ndim(prob) == 0:
        low = as_probability(prob)
        return low, 1.0 - low
    numbers = list(prob)  # type: ignore[arg-type]
    if len(numbers) != 2:
        raise ValueError(f"prob must be one probability or two, got {len(numbers)}")
    return as_probability(numbers[0]), as_probability(numbers[1])


def as_superchains(superchains: int | ArrayLike, chains: int) -> list[int]:
    """Give the superchain of every chain, counted from 0."""
    try:
        count = operator.index(superchains)  # type: ignore[arg-type]
    except TypeError:
        names = np.asarray(superchains)
        if names.ndim != 1:
            raise ValueError(f"superchains must be one number or one per chain, got shape {names.shape}") from None
        if len(names) != chains:
            raise ValueError(
                f"superchains must name one superchain for each of {chains} chains, got {len(names)}"
            ) from None
        numbers: list[int] = np.unique(names, return_inverse=True)[1].tolist()
        return numbers
    if count < 2 or chains % count:
        raise ValueError(f"superchains must be at least 2 and divide the number of chains, {chains}; got {count}")
    return [chain // (chains // count) for chain in range(chains)]


def as_window(c: Any) -> float:
    """Check the width of a window; whether it is positive is seen where it is used."""
    try:
        if isinstance(c, (str, bytes)):
            raise TypeError
        return float(c)
    except TypeError:
        raise TypeError(f"c must be a number, the width of the window in autocorrelation times, got {c!r}") from None
