"""Random numbers of walkers: independent of each other, and of what they are used for."""

from __future__ import annotations

import numpy as np
import pytest

import foldstat
from foldstat import walkers as w

N_WALKERS, N_STEPS = 64, 20_000


def flat(points):
    return np.zeros(len(points))


def noise_of(move, n_walkers=N_WALKERS, n_steps=N_STEPS, rng=5):
    """The increments of random walks, recovered from a density that accepts them all."""
    start = np.zeros((n_walkers, 1))
    run = w.sample(flat, start, n_steps, 0, move=move, rng=rng, call="points")
    assert (run.acceptance_rate == 1).all()
    return np.diff(run.draws[:, :, 0], axis=1, prepend=0.0)


def largest_correlation(rows):
    correlations = np.corrcoef(rows)
    np.fill_diagonal(correlations, 0)
    return np.abs(correlations).max() * np.sqrt(rows.shape[1])


MOVES = [w.UniformStep(1.0), w.NormalStep(1.0), w.ComponentwiseStep(1.0)]


@pytest.mark.parametrize("move", MOVES, ids=repr)
def test_proposals_of_different_walkers_are_uncorrelated(move):
    noise = noise_of(move)
    # 2016 pairs: the largest of as many normal numbers is beyond 5.5 once in 10,000 times.
    assert largest_correlation(noise) < 5.5
    assert largest_correlation(np.abs(noise)) < 5.5
    # At other times as well: each walker against the next one, a step later.
    shifted = np.concatenate([noise[:, 1:], np.roll(noise, 1, axis=0)[:, :-1]])
    correlations = np.corrcoef(shifted)[: len(noise), len(noise) :]
    assert np.abs(correlations).max() * np.sqrt(N_STEPS) < 5.5


@pytest.mark.parametrize("move", MOVES, ids=repr)
def test_proposals_at_different_times_are_uncorrelated(move):
    noise = noise_of(move)
    noise = (noise - noise.mean()) / noise.std()
    for lag in (1, 2, 3, 4, 8, 16, 32, 64):
        score = (noise[:, lag:] * noise[:, :-lag]).mean() * np.sqrt(noise[:, lag:].size)
        assert abs(score) < 5


def parities(points):
    """A density of 1 or 1/2, by a digit that no step of ordinary size has to do with."""
    return -np.log(2) * (np.floor(points[:, 0] * 1e6) % 2)


def test_acceptance_is_independent_of_proposals():
    move = w.UniformStep(1.0)
    noise = noise_of(move)
    run = w.sample(parities, np.full((N_WALKERS, 1), 0.5e-6), N_STEPS, 0, move=move, rng=5, call="points")
    draws = np.concatenate([np.full((N_WALKERS, 1), 0.5e-6), run.draws[:, :, 0]], axis=1)
    here, there = draws[:, :-1], draws[:, :-1] + noise
    levels = [np.floor(x * 1e6) % 2 for x in (here, there)]
    # Rounding may move a point across a boundary, but hardly ever.
    coins = (levels[0] == 0) & (levels[1] == 1)
    moved = draws[:, 1:] != here
    heads = moved[coins]
    n = heads.size
    assert n > N_WALKERS * N_STEPS / 5
    assert abs(heads.mean() - 0.5) < 5 * 0.5 / np.sqrt(n)
    for about in (noise, noise**2, np.abs(noise), np.roll(noise, 1, axis=1), np.roll(noise, 1, axis=0)):
        score = np.corrcoef(heads, about[coins])[0, 1] * np.sqrt(n)
        assert abs(score) < 5
    # Coins of one walker and of the next one, where both tossed one.
    both = coins[:-1] & coins[1:]
    agreement = (moved[:-1] == moved[1:])[both]
    assert abs(agreement.mean() - 0.5) < 5 * 0.5 / np.sqrt(agreement.size)


def states(key, n_walkers=1000):
    run = w.sample(flat, np.zeros((n_walkers, 1)), 1, 0, move=w.UniformStep(1.0), rng=key, call="points")
    state = run._ensemble.state()
    return np.concatenate([state["proposal"], state["acceptance"]])


def test_all_streams_are_different():
    keys = [0, 1, *foldstat.split(0, 3)]
    words = np.concatenate([states(key) for key in keys])
    assert len(np.unique(words, axis=0)) == len(words)
    # Each of the 256 bits is set in half of them.
    bits = np.unpackbits(words.view(np.uint8), axis=1).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 5 * 0.5 / np.sqrt(len(words))


def test_keys_matter_and_nothing_else():
    target = w.densities.ThreeGaussians()

    def draws(rng):
        return w.sample(target, [0.0, 0.0], 20, 0, move=w.NormalStep(1.0), n_walkers=8, rng=rng).draws

    np.testing.assert_array_equal(draws(3), draws(3))
    np.testing.assert_array_equal(draws(3), draws(np.random.SeedSequence(3)))
    np.testing.assert_array_equal(draws(np.random.default_rng(3)), draws(np.random.default_rng(3)))
    seen = [draws(rng) for rng in (3, 4, np.random.default_rng(3), None, None, *foldstat.split(3, 2))]
    for i, one in enumerate(seen):
        for other in seen[:i]:
            assert (one != other).mean() > 0.5


@pytest.mark.parametrize("move", [*MOVES, w.AdaptiveStep(1.0)], ids=repr)
@pytest.mark.parametrize(
    "density", [w.densities.ThreeGaussians(), lambda p: -(p**2).sum(axis=-1)], ids=["built in", "NumPy"]
)
def test_more_walkers_do_not_change_the_first_ones(move, density):
    def start(rng):
        return rng.normal(size=2)

    few, many = (w.sample(density, start, 50, 20, move=move, n_walkers=n, rng=1) for n in (13, 50))
    np.testing.assert_array_equal(few.draws, many.draws[:13])
    np.testing.assert_array_equal(few.acceptance_rate, many.acceptance_rate[:13])


# --- an implementation of its own ----------------------------------------------------------------------


def chacha8_words(key, stream):
    """The first 64 bytes of ChaCha with eight rounds (Bernstein 2008), a 64-bit counter and a 64-bit stream."""
    constants = np.frombuffer(b"expand 32-byte k", dtype="<u4")
    state = [*constants, *np.frombuffer(key, dtype="<u4"), 0, 0, stream & 0xFFFFFFFF, stream >> 32]
    x = [int(word) for word in state]

    def turn(a, b, c, d):
        for into, by, rotated, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[into] = (x[into] + x[by]) & 0xFFFFFFFF
            word = x[rotated] ^ x[into]
            x[rotated] = (word << bits | word >> (32 - bits)) & 0xFFFFFFFF

    for _ in range(4):
        for i in range(4):
            turn(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            turn(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return [(word + int(first)) & 0xFFFFFFFF for word, first in zip(x, state, strict=True)]


def xoshiro256plus(state, n):
    """Words of xoshiro256+ (Blackman & Vigna 2021)."""
    mask = (1 << 64) - 1
    s = list(state)
    words = []
    for _ in range(n):
        words.append((s[0] + s[3]) & mask)
        shifted = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = (s[3] << 45 | s[3] >> 19) & mask
    return words, s


def test_streams_are_those_of_the_published_generators():
    """Walker i proposes with stream 2i of its key and accepts with stream 2i + 1."""
    key = np.random.SeedSequence(11).generate_state(8).astype("<u4").tobytes()
    n = 40
    run = w.sample(flat, np.zeros((5, 1)), n, 0, move=w.UniformStep(1.0), rng=11, call="points")
    ends = run._ensemble.state()
    assert bytes(ends["key"]) == key
    for walker in range(5):
        for stream, name in ((2 * walker, "proposal"), (2 * walker + 1, "acceptance")):
            words = chacha8_words(key, stream)
            begin = [words[2 * i] | words[2 * i + 1] << 32 for i in range(4)]
            drawn, end = xoshiro256plus(begin, n)
            assert end == ends[name][walker].tolist()
            if name == "proposal":
                # In one dimension a step is made of the upper half of a word.
                steps = [(2 * (word >> 32) + 1) / 2**32 - 1 for word in drawn]
                np.testing.assert_array_equal(np.cumsum(steps), run.draws[walker, :, 0])
