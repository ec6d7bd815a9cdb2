"""Sources of random numbers: the keys that are drawn from them, and splitting."""

import hashlib

import numpy as np
import pytest

import foldstat
from foldstat import walkers as w
from foldstat._common.random import key_of, start_generator


def words(seed):
    return tuple(seed.generate_state(4).tolist())


@pytest.mark.parametrize("rng", [0, np.int64(0), np.random.SeedSequence(0)])
def test_a_seed_gives_one_key_every_time(rng):
    assert key_of(rng) == key_of(rng) == key_of(0)
    assert len(key_of(rng)) == 32


def test_the_key_of_a_seed_is_what_numpy_makes_of_it():
    # Little-endian words of NumPy's own hash, so that a run can be repeated elsewhere.
    words = np.random.SeedSequence(7).generate_state(8)
    assert key_of(7) == b"".join(int(word).to_bytes(4, "little") for word in words)
    assert hashlib.sha256(key_of(0)).hexdigest()[:16] == "d1dc8abad612fe44"


def twister(seed):
    return np.random.Generator(np.random.MT19937(seed))


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.PCG64, twister])
def test_a_generator_moves_on_by_one_key(make):
    rng, twin = make(5), make(5)
    first, second = key_of(rng), key_of(rng)
    assert first != second
    assert (key_of(twin), key_of(twin)) == (first, second)


def test_none_is_new_every_time():
    assert len({key_of(None) for _ in range(10)}) == 10


def test_several_numbers_are_a_seed():
    assert key_of([1, 2]) == key_of((1, 2)) == key_of(np.array([1, 2])) == key_of(np.random.SeedSequence([1, 2]))
    assert key_of([1, 2]) != key_of([2, 1])


def test_different_seeds_have_different_keys():
    assert len({key_of(seed) for seed in range(200)}) == 200


def test_starts_have_streams_of_their_own():
    key = key_of(0)
    draws = {start_generator(key, walker).integers(2**63) for walker in range(50)}
    assert len(draws) == 50
    assert start_generator(key, 3).integers(2**63) == start_generator(key, 3).integers(2**63)
    assert start_generator(key_of(1), 3).integers(2**63) not in draws


def test_splitting_keeps_no_count():
    seed = np.random.SeedSequence(9)
    for rng in (9, seed):
        first = foldstat.split(rng, 5)
        assert [words(key) for key in first] == [words(key) for key in foldstat.split(rng, 5)]
        assert [words(key) for key in first[:3]] == [words(key) for key in foldstat.split(rng, 3)]
    assert seed.n_children_spawned == 0
    assert [words(key) for key in foldstat.split(9, 5)] == [words(key) for key in foldstat.split(seed, 5)]


def test_keys_are_different_from_each_other_and_from_spawned_ones():
    root = np.random.SeedSequence(3)
    keys = foldstat.split(root, 20)
    keys += [grandchild for key in keys for grandchild in foldstat.split(key, 5)]
    spawned = root.spawn(20)
    spawned += [grandchild for child in spawned for grandchild in child.spawn(5)]
    found = {words(seed) for seed in [root, *keys, *spawned]}
    assert len(found) == 1 + 20 * 6 + 20 * 6


def test_a_spawned_seed_can_be_split():
    a, b = np.random.SeedSequence(3).spawn(2)
    assert words(foldstat.split(a, 1)[0]) != words(foldstat.split(b, 1)[0])


def test_splitting_a_generator_takes_one_key_from_it():
    rng, twin = np.random.default_rng(1), np.random.default_rng(1)
    first, second = foldstat.split(rng, 3), foldstat.split(rng, 3)
    assert not {words(key) for key in first} & {words(key) for key in second}
    assert [words(key) for key in foldstat.split(twin, 3)] == [words(key) for key in first]


def test_keys_go_wherever_seeds_go():
    key, other = foldstat.split(0, 2)
    density = w.densities.Ring()
    runs = [w.sample(density, [4.0, 0.0], n_steps=20, burn_in=20, rng=k).draws for k in (key, key, other)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()
    assert np.random.default_rng(key).random() == np.random.default_rng(key).random()


def test_no_keys():
    assert foldstat.split(0, 0) == []
    assert w.split is foldstat.split


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, -1), ValueError, "n must be a number of keys and not negative, got -1"),
        ((0, 1.0), TypeError, "n must be a number of keys"),
        ((-1, 2), ValueError, "rng must not be negative, got -1"),
        ((0.5, 2), TypeError, "rng must be an int, a numpy.random.SeedSequence, a numpy.random.Generator or None"),
        ((True, 2), TypeError, "rng must be"),
        (("seed", 2), TypeError, "rng must be"),
        (([1, -2], 2), ValueError, "rng must not be negative, got -2"),
        ((np.random.RandomState(0), 2), TypeError, "rng must be .* got RandomState"),
    ],
)
def test_what_is_no_source_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        foldstat.split(*arguments)
