"""Where random numbers come from: keys, which are drawn once and never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from foldstat._common.checks import whole_number
from foldstat._common.room import room_for

# What scientific Python takes for `rng` (its SPEC 7).
Rng: TypeAlias = "int | Sequence[int] | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None"

# Far beyond the numbers of children that `SeedSequence.spawn` counts, so that the trees never meet.
_SPLIT = 0x73706C74  # "splt"
_START = 0x73747274  # "strt"
_SPREAD = 0x73707264  # "sprd"
_WORDS = 8


def split(rng: Rng, n: int) -> list[np.random.SeedSequence]:
    """Split a source of random numbers into independent keys, as ``jax.random.split`` does.

    Nothing is stored and nothing is counted: the same `rng` gives the same keys every time, unless
    it is a generator, from which one key is drawn first. Use each key once: for a call of
    `foldstat.walkers.sample`, for ``numpy.random.default_rng``, or to split it again.

    Parameters
    ----------
    rng : int, SeedSequence, Generator or None
        An int and a SeedSequence are not changed. A Generator (or BitGenerator) moves on. None takes
        entropy from the operating system.
    n : int
        Number of keys.

    Returns
    -------
    list of numpy.random.SeedSequence
        `n` keys. The first ones do not depend on `n`. They are different from those that
        ``SeedSequence.spawn`` gives.

    Raises
    ------
    TypeError
        If `rng` is none of these, or `n` is not an integer.
    ValueError
        If `n` is negative, or `rng` a negative number.

    References
    ----------
    Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011);
    Claessen & Pałka, "Splittable pseudorandom number generators using cryptographic hashing",
    Haskell Symposium (2013).

    Examples
    --------
    >>> import foldstat
    >>> starts, walk = foldstat.split(0, 2)
    >>> [key.spawn_key[-1] for key in foldstat.split(walk, 3)]
    [0, 1, 2]
    >>> walk.entropy == foldstat.split(0, 2)[1].entropy
    True
    """
    number = whole_number(n, "n", "a number of keys")
    if number < 0:
        raise ValueError(f"n must be a number of keys and not negative, got {number}")
    root = seed_sequence(rng)
    with room_for(f"a list of {number} keys"):
        return [_child(root, _SPLIT, i) for i in range(number)]


def key_of(rng: Rng) -> bytes:
    """Give the 32 bytes from which all streams of all walkers follow; drawn once from a generator."""
    return seed_sequence(rng).generate_state(_WORDS, np.uint32).astype("<u4").tobytes()


def start_generator(key: bytes, walker: int) -> np.random.Generator:
    """Make the generator that chooses where a walker starts, a function of the key and the walker alone."""
    root = np.random.SeedSequence(int.from_bytes(key, "little"))
    return np.random.default_rng(_child(root, _START, walker))


def spread_generator(key: bytes) -> np.random.Generator:
    """Make the generator that sets walkers apart which start at one point."""
    root = np.random.SeedSequence(int.from_bytes(key, "little"))
    return np.random.default_rng(_child(root, _SPREAD, 0))


def seed_sequence(rng: Rng) -> np.random.SeedSequence:
    """Turn any source of random numbers into a seed."""
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if rng is None:
        return np.random.SeedSequence()
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        words = rng.integers(0, 2**32, size=_WORDS, dtype=np.uint32)
        return np.random.SeedSequence(words.tolist())
    if isinstance(rng, (Sequence, np.ndarray)) and not isinstance(rng, (str, bytes)) and len(rng):
        return np.random.SeedSequence([_seed(entry) for entry in rng])
    return np.random.SeedSequence(_seed(rng))


def _seed(rng: Any) -> int:
    try:
        number = whole_number(rng, "rng", "a seed")
    except TypeError:
        raise TypeError(
            "rng must be an int, a numpy.random.SeedSequence, a numpy.random.Generator or None, got "
            f"{type(rng).__name__}: {rng!r}"
        ) from None
    if number < 0:
        raise ValueError(f"rng must not be negative, got {number}")
    return number


def _child(root: np.random.SeedSequence, tag: int, i: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, tag, i), pool_size=root.pool_size)
