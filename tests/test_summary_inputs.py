"""Numbers come in as any array, list or generator; what is not a number is refused by name."""

from __future__ import annotations

import array
import fractions
import math
import operator

import numpy as np
import pytest

from foldstat import Summary, summarize
from mixtures import unaligned
from summaries import assert_identical, assert_reads

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
FULL = {
    "best": 5,
    "quantiles": True,
    "relative_error": 0.1,
    "histogram": [0.0, 1.0, 50.0],
    "distinct": True,
    "moments": 4,
}


def numbers(dtype, n=3001):
    rng = np.random.default_rng(0)
    if dtype is np.bool_:
        return rng.integers(0, 2, n).astype(bool)
    if dtype in INTEGERS:
        return rng.integers(max(np.iinfo(dtype).min, -100), 100, n, dtype=dtype)
    return rng.normal(8.342, 1, n).astype(dtype)


def of_list(values, **arguments):
    """The same numbers, one Python object at a time."""
    return Summary(np.asarray(values).tolist(), **arguments)


# --- arrays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, np.bool_])
@pytest.mark.parametrize("order", [1, -1, 2, -3])
def test_every_dtype_and_stride(dtype, order):
    values = numbers(dtype)[::order]
    s = Summary(values, **FULL)
    assert_identical(s, of_list(values, **FULL))
    assert_identical(s, Summary(np.ascontiguousarray(values), **FULL))
    assert_reads(s, values.tolist(), moments=4)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_orders(dtype, order):
    values = numbers(dtype).astype(np.dtype(dtype).newbyteorder(order))
    assert_identical(Summary(values, **FULL), of_list(values, **FULL))


def test_read_only_arrays_are_read():
    values = numbers(np.float64)
    values.setflags(write=False)
    assert_identical(Summary(values), of_list(values))
    broadcast = np.broadcast_to(np.float64(1.5), 5000)
    assert_identical(Summary(broadcast), of_list(broadcast))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_unaligned_arrays_are_read_or_refused(dtype):
    values = unaligned(numbers(dtype))
    assert not values.flags.aligned
    assert_identical(Summary(values, **FULL), of_list(values, **FULL))


def test_fields_of_records():
    records = np.zeros(3000, dtype=[("a", "i1"), ("x", "f8"), ("n", ">i4")])
    records["x"], records["n"] = numbers(np.float64, 3000), numbers(np.int32, 3000)
    for name in ("x", "n"):
        assert_identical(Summary(records[name], **FULL), of_list(records[name], **FULL))
    # The array itself is a frame of its fields.
    assert_identical(Summary(records), Summary(np.concatenate([records[name] for name in records.dtype.names])))


def test_memory_mapped_files(tmp_path):
    values = numbers(np.float64, 100_000)
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert_identical(Summary(mapped, best=3), Summary(values, best=3))
    assert_identical(Summary(mapped[::-2], best=3), Summary(values[::-2], best=3))


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (1, 1, 1), (60, 50), (10, 20, 15), (3000, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_shape_is_all_its_numbers(shape, order):
    values = np.asarray(numbers(np.float64, math.prod(shape)).reshape(shape), order=order)
    expected = of_list(values.ravel())
    assert_identical(Summary(values), expected)
    # Positions are those of C order, whatever the memory's.
    assert_identical(Summary(values, best=7), of_list(values.ravel(), best=7))
    assert_identical(Summary(values[..., ::-1] if shape else values), expected)
    names = np.arange(values.size)[::-1]
    shaped = names.reshape(values.shape)
    assert_identical(Summary(values, ids=shaped, best=7), Summary(values.ravel(), ids=names, best=7))
    assert_identical(Summary(values.T, ids=shaped.T, best=7), Summary(values.ravel(), ids=names, best=7))
    assert_identical(Summary(values.T, ids=names, best=7), of_list(values.T.ravel(), ids=names, best=7))


def test_an_update_takes_what_the_constructor_takes():
    values = numbers(np.float64, 3000).reshape(-1, 3)
    s = Summary([], **FULL)
    for part in (values[:7], values[7:].T, [1, 2.5, None], np.float32([1.5]), (x for x in (1, 2)), range(5)):
        s.update(part)
    flat = [*values[:7].ravel(), *values[7:].T.ravel(), 1, 2.5, None, 1.5, 1, 2, *range(5)]
    assert_identical(s, Summary(flat, **FULL))


def test_masked_numbers_are_nulls():
    values = np.ma.masked_array([1.0, math.nan, 3.0, math.nan, 5.0], mask=[0, 0, 1, 1, 0])
    s = Summary(values, best=9)
    assert (s.count, s.null_count, s.nan_count) == (2, 2, 1)
    assert s.best == [(1.0, 0), (5.0, 4)]
    assert_identical(s, Summary([1.0, math.nan, None, None, 5.0], best=9))
    assert Summary(np.ma.masked_array([1, 2])).null_count == 0
    matrix = np.ma.masked_array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    assert_identical(Summary(matrix, best=3), Summary([1, None, 3, 4], best=3))


def test_arrays_are_not_changed():
    values = numbers(np.float64)
    before = values.copy()
    Summary(values, **FULL)
    np.testing.assert_array_equal(values, before)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is double here")
def test_long_doubles_are_refused():
    with pytest.raises(TypeError, match=r"longdouble|float128"):
        Summary(np.ones(3, dtype=np.longdouble))


@pytest.mark.parametrize(
    "values",
    [
        np.ones(3, dtype=complex),
        np.array(["1", "2"]),
        np.array([b"1"]),
        np.array([1], dtype="m8[Y]"),
        np.zeros(2, dtype=[("a", "U3"), ("b", "U3")]),
        np.zeros(2, dtype="V8"),
    ],
    ids=lambda v: str(v.dtype),
)
def test_arrays_of_other_things_are_refused(values):
    with pytest.raises(TypeError):
        Summary(values)
    s = Summary([1.0])
    with pytest.raises(TypeError):
        s.update(values)
    assert_identical(s, Summary([1.0]))


def test_arrays_of_objects_are_python_numbers():
    values = np.array([1, 2.5, None, 2**53 + 1, math.nan, True], dtype=object)
    assert_identical(Summary(values, best=3), Summary(values.tolist(), best=3))
    with pytest.raises(TypeError, match="1"):
        Summary(np.array([1.0, "2"], dtype=object))


# --- Python's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        iter,
        lambda v: (x for x in v),
        set,
        frozenset,
        lambda v: map(float, v),
        lambda v: array.array("d", v),
    ],
    ids=["list", "tuple", "iter", "generator", "set", "frozenset", "map", "array.array"],
)
def test_iterables(make):
    values = [3, 1.5, -2, 0.25]
    assert_identical(Summary(make(values)), Summary(np.array(values)))


def test_more_than_a_few_python_numbers():
    values = numbers(np.float64, 50_000).tolist()
    assert_identical(Summary(iter(values), **FULL), Summary(np.array(values), **FULL))
    assert_identical(Summary(range(50_000), **FULL), Summary(np.arange(50_000), **FULL))


def test_mixed_lists_are_exact():
    """Not converted to floats, which would lose the 1."""
    s = Summary([2**60 + 1, 0.5])
    assert s.power_sum(1) == 2**60 + 1 + fractions.Fraction(1, 2)
    assert s.max == 2**60 + 1
    assert Summary([2**63, -1]).power_sum(1) == 2**63 - 1
    assert Summary([np.uint64(2**64 - 1), np.int8(-1), np.float32(0.5), np.True_]).count == 4


def test_missing_values():
    s = Summary([None, 1.0, math.nan, None, np.float32("nan"), np.nan])
    assert (s.count, s.null_count, s.nan_count) == (1, 2, 3)


class Double(float):
    pass


class Whole(int):
    pass


def test_subclasses_of_numbers():
    assert_identical(Summary([Double(1.5), Whole(2**60 + 1), True]), Summary([1.5, 2**60 + 1, 1]))


@pytest.mark.parametrize(
    "bad",
    ["1", b"1", 1j, [1.0], (), object(), fractions.Fraction(1, 2), np.array([1.0, 2.0]), {}],
    ids=lambda v: type(v).__name__,
)
def test_other_objects_are_refused_by_type_and_position(bad):
    with pytest.raises(TypeError, match=rf"(?s)(2.*{type(bad).__name__}|{type(bad).__name__}.*2)"):
        Summary([1.0, None, bad, 2.0])
    s = Summary([1.0], **FULL)
    with pytest.raises(TypeError):
        s.update(iter([1.0, bad]))
    with pytest.raises(TypeError):
        s.push(bad)
    assert_identical(s, Summary([1.0], **FULL))


@pytest.mark.parametrize("bad", [2**64, -(2**63) - 1, 10**400])
def test_integers_out_of_range_are_refused_by_value_and_position(bad):
    with pytest.raises(OverflowError, match="1"):
        Summary([1.0, bad])
    s = Summary([1.0])
    with pytest.raises(OverflowError):
        s.push(bad)
    assert_identical(s, Summary([1.0]))


@pytest.mark.parametrize("scalar", [3.0, 3, np.float64(3), True, "abc", b"abc", None])
def test_scalars_are_no_data(scalar):
    """But None is no argument at all: the identity."""
    if scalar is None:
        assert_identical(Summary(None), Summary())
        return
    with pytest.raises(TypeError):
        Summary(scalar)


def test_an_error_of_the_iterable_passes_and_changes_nothing():
    def broken():
        yield 1.0
        raise RuntimeError("no more")

    s = Summary([5.0], **FULL)
    with pytest.raises(RuntimeError, match="no more"):
        s.update(broken())
    assert_identical(s, Summary([5.0], **FULL))
    with pytest.raises(ValueError, match="ids"):
        s.update([1.0, 2.0], ids=[1])
    s.update([1.0])
    assert s.best == [(1.0, 1), (5.0, 0)], "failed updates take no positions"


def test_push():
    s = Summary([], **FULL)
    for value in (1, 2.5, None, math.nan, True, np.float32(0.5), np.int64(2**53 + 1), -math.inf):
        s.push(value)
    assert_identical(s, Summary([1, 2.5, None, math.nan, True, 0.5, 2**53 + 1, -math.inf], **FULL))


# --- weights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights",
    [
        [1, 0, 2, 3],
        (1, 0, 2, 3),
        np.array([1, 0, 2, 3]),
        np.array([1, 0, 2, 3], dtype=np.uint8),
        np.array([1.0, 0.0, 2.0, 3.0]),
        np.array([1, 0, 2, 3], dtype=np.float32),
        np.array([3, 2, 0, 1], dtype=np.int16)[::-1],
        [1.0, 0, 2, True + 2],
    ],
)
def test_weights_are_multiplicities(weights):
    s = Summary([5.0, math.nan, 7.0, None], sample_weight=weights, best=9)
    assert_identical(s, Summary([5.0, 7.0, 7.0, None, None, None], ids=[0, 2, 2, 3, 3, 3], best=9))
    listed = Summary(np.array([5.0, math.nan, 7.0]), sample_weight=weights[:3], best=9)
    assert_identical(listed, Summary([5.0, 7.0, 7.0], ids=[0, 2, 2], best=9))


@pytest.mark.parametrize("bad", [-1, -1.0, math.nan, math.inf, -math.inf])
def test_weights_that_are_no_counts_are_refused_by_position(bad):
    with pytest.raises(ValueError, match=r"(?s)sample_weight.*2"):
        Summary([1.0, 2.0, 3.0], sample_weight=[1, 1, bad])


@pytest.mark.parametrize("weights", [[1, 2], [1, 2, 3, 4], [[1, 2, 3]], []])
def test_as_many_weights_as_numbers(weights):
    with pytest.raises(ValueError, match="sample_weight"):
        Summary([1.0, 2.0, 3.0], sample_weight=weights)


@pytest.mark.parametrize("weights", [["a", "b", "c"], [1, 2, None], "abc", [1j, 1, 1]])
def test_weights_of_another_kind(weights):
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        Summary([1.0, 2.0, 3.0], sample_weight=weights)


def test_weights_of_a_matrix_go_with_its_numbers():
    values, weights = np.arange(6.0).reshape(2, 3), np.array([[0, 1, 2], [3, 4, 5]])
    expected = Summary(np.repeat(values.ravel(), weights.ravel()))
    assert_identical(Summary(values, sample_weight=weights), expected)
    assert_identical(Summary(values.T, sample_weight=weights.T), expected)


# --- more than a count holds ------------------------------------------------------------------------


def heavy(value, **arguments):
    return Summary([value], sample_weight=np.array([2**63], dtype=np.uint64), **arguments)


def test_huge_weights():
    s = heavy(1.5, **FULL)
    assert s.count == 2**63
    assert s.sum == 1.5 * 2.0**63
    assert s.mean == 1.5
    assert s.histogram_counts.tolist() == [0, 0, 2**63, 0]
    assert_identical(Summary.from_bytes(s.to_bytes()), s)


@pytest.mark.parametrize("value", [1.5, math.nan, math.inf, None])
def test_counts_that_overflow_are_refused(value):
    """Whichever of them it is, and however it gets there; nothing is changed."""
    s = heavy(value, **FULL)
    before = s.copy()
    changes = [
        lambda: s + s,
        lambda: Summary.merge_all([s, Summary(), s]),
        lambda: s.update([value], sample_weight=np.array([2**63], dtype=np.uint64)),
        lambda: s.update([value] * 2, sample_weight=np.array([2**62] * 2, dtype=np.uint64)),
        lambda: s.push(value, times=2**63),
        lambda: operator.iadd(s, s),
    ]
    for change in changes:
        with pytest.raises(OverflowError, match=r"2\^64"):
            change()
        assert_identical(s, before)
    s.push(value, times=2**63 - 1)
    assert s.count + s.nan_count + s.null_count == 2**64 - 1


@pytest.mark.parametrize("n", [2, 4, 5, 3000])
def test_weights_that_overflow_together_are_refused(n):
    weights = np.full(n, 2**64 // n + 1 if n == 5 else 2**63, dtype=np.uint64)
    with pytest.raises(OverflowError, match=r"2\^64"):
        Summary(np.arange(float(n)), sample_weight=weights)
    X = np.arange(2.0 * n).reshape(n, 2)
    for arguments in ({"axis": 0}, {"cov": True}, {"by": np.zeros(n, dtype=int)}):
        with pytest.raises(OverflowError, match=r"2\^64"):
            summarize(X, sample_weight=weights, **arguments)


def test_doubling_until_it_overflows():
    """The sums have room for as many values as a count can tell."""
    s = Summary([1.7e308, 1.7e308], moments=4)
    exact = s.power_sum(4)
    for k in range(1, 63):
        s += s
        assert s.power_sum(4) == exact * 2**k
    assert s.mean == 1.7e308
    assert_identical(Summary.from_bytes(s.to_bytes()), s)
    with pytest.raises(OverflowError):
        s += s
    joint = summarize([[1.7e308, -1.7e308]] * 2, cov=True)
    for _ in range(62):
        joint += joint
    assert joint.cov()[0, 1] == 0.0
    with pytest.raises(OverflowError):
        joint += joint
