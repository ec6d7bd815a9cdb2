"""Function pointers of numba, SciPy, ctypes, cffi and Cython."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import math
import subprocess
import sys
import threading
import time
import weakref

import cffi
import numba
import numpy as np
import pytest
import scipy
from numba import types as nb

from foldstat import _core
from foldstat._core import WalkerDensity
from foldstat.walkers.density import understand
from foldstat.walkers.density._native import SIGNATURES, known_signature, native_function

POINT, POINT_AND_DATA, NUMBER, GRADIENT, POINTS, CHECKED = SIGNATURES
DOUBLES = nb.CPointer(nb.double)
STARTS = np.random.default_rng(0).normal(size=(1000, 3))
PRODUCT = -STARTS.prod(axis=1)
DOUBLE_POINTER = ctypes.POINTER(ctypes.c_double)


def values(density, points=STARTS, n_jobs=None):
    understood = understand(density, points)
    out = np.empty(len(points))
    understood.compiled.evaluate(points, out, n_jobs)
    return out


def point(n, x):
    value = -1.0
    for i in range(n):
        value *= x[i]
    return value


def point_and_data(n, x, data):
    return point_in_numba(n, x)


def number(x):
    return -x * x


def gradient(n, x, grad, logp, data):
    for i in range(n):
        grad[i] = x[i]
    logp[0] = point_in_numba(n, x)
    return 7 if x[0] > 100 else 0


def points(n, d, x, out, data):
    for i in range(n):
        value = -1.0
        for j in range(d):
            value *= x[i * d + j]
        out[i] = value


def checked(n, d, x, out, data):
    points_in_numba(n, d, x, out, data)
    for i in range(n):
        if x[i * d] > 100:
            return i
    return -1


point_in_numba = numba.njit(point)
points_in_numba = numba.njit(points)

IN_NUMBA = {
    POINT: (point, nb.double(nb.intc, DOUBLES)),
    POINT_AND_DATA: (point_and_data, nb.double(nb.intc, DOUBLES, nb.voidptr)),
    NUMBER: (number, nb.double(nb.double)),
    GRADIENT: (gradient, nb.intc(nb.uintp, DOUBLES, DOUBLES, DOUBLES, nb.voidptr)),
    POINTS: (points, nb.void(nb.uintp, nb.uintp, DOUBLES, DOUBLES, nb.voidptr)),
    CHECKED: (checked, nb.intp(nb.intp, nb.intp, DOUBLES, DOUBLES, nb.voidptr)),
}


@pytest.fixture(scope="module")
def in_numba():
    return {signature: numba.cfunc(types)(function) for signature, (function, types) in IN_NUMBA.items()}


# --- each holder of a pointer -----------------------------------------------------------------------


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_numba(in_numba, signature, n_jobs):
    assert native_function(in_numba[signature]).signature == signature
    at = STARTS[:, :1].copy() if signature == NUMBER else STARTS
    expected = -(at[:, 0] ** 2) if signature == NUMBER else PRODUCT
    np.testing.assert_allclose(values(in_numba[signature], at, n_jobs), expected, rtol=1e-15)
    assert understand(in_numba[signature], at).kind == "native: numba CFunc"


@pytest.mark.parametrize("signature", SIGNATURES)
def test_only_a_function_that_has_a_gradient_gives_it(in_numba, signature):
    at = STARTS[:, :1].copy() if signature == NUMBER else STARTS
    found = understand(in_numba[signature], at).compiled.gradient(at)
    if signature != GRADIENT:
        assert found is None
        return
    np.testing.assert_allclose(found[0], PRODUCT, rtol=1e-15)
    np.testing.assert_array_equal(found[1], STARTS)  # what this one gives as its gradient
    far = STARTS.copy()
    far[7, 0] = 101.0
    with pytest.raises(_core.DensityStatusError, match="status 7"):
        understand(in_numba[signature], at).compiled.gradient(far)
    with pytest.raises(ValueError, match="points has the wrong shape"):
        understand(in_numba[signature], at).compiled.gradient(STARTS[:, :2])


@pytest.mark.parametrize("signature", SIGNATURES)
def test_ctypes_and_low_level_callable(in_numba, signature):
    at = STARTS[:, :1].copy() if signature == NUMBER else STARTS
    pointer = in_numba[signature].ctypes
    expected = values(in_numba[signature], at)
    np.testing.assert_array_equal(values(pointer, at), expected)
    assert understand(pointer, at).kind == "native: ctypes function pointer"
    wrapped = scipy.LowLevelCallable(pointer)
    assert native_function(wrapped).signature == signature
    np.testing.assert_array_equal(values(wrapped, at), expected)
    assert understand(wrapped, at).kind == "native: LowLevelCallable"


@pytest.mark.parametrize("signature", SIGNATURES)
def test_cffi(in_numba, signature):
    at = STARTS[:, :1].copy() if signature == NUMBER else STARTS
    ffi = cffi.FFI()
    pointer = ffi.cast(signature.replace(" (", "(*)("), in_numba[signature].address)
    assert native_function(pointer).signature == signature
    np.testing.assert_array_equal(values(pointer, at), values(in_numba[signature], at))
    assert understand(pointer, at).kind == "native: cffi function pointer"
    np.testing.assert_array_equal(values(scipy.LowLevelCallable(pointer), at), values(in_numba[signature], at))


CYTHON = """
cimport cython

cdef api double point(int n, double *x) noexcept nogil:
    cdef int i
    cdef double value = -1.0
    for i in range(n):
        value *= x[i]
    return value

cdef api void points(size_t n, Py_ssize_t d, const double *x, double *out, void *data) noexcept nogil:
    cdef size_t i
    for i in range(n):
        out[i] = point(<int>d, <double *>x + i * d)

cdef api int gradient(size_t n, const double *x, double *grad, double *logp, void *data) noexcept nogil:
    logp[0] = point(<int>n, <double *>x)
    return 0

cdef api float single(int n, float *x) noexcept nogil:
    return x[0]
"""


@pytest.fixture(scope="module")
def in_cython(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cython")
    (directory / "walkers_cell.pyx").write_text(CYTHON)
    command = [sys.executable, "-m", "cython", "-3", "walkers_cell.pyx"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    setup = (
        "from setuptools import Extension, setup; "
        "setup(name='cell', script_args=['build_ext', '--inplace'], "
        "ext_modules=[Extension('walkers_cell', ['walkers_cell.c'])])"
    )
    subprocess.run([sys.executable, "-c", setup], cwd=directory, check=True, capture_output=True)
    (path,) = directory.glob("walkers_cell.*.so")
    spec = importlib.util.spec_from_file_location("walkers_cell", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cython(in_cython):
    for name, signature in {"point": POINT, "points": POINTS, "gradient": GRADIENT}.items():
        capsule = in_cython.__pyx_capi__[name]
        assert native_function(capsule).signature == signature
        assert understand(capsule, STARTS).kind == "native: PyCapsule"
        np.testing.assert_allclose(values(capsule), PRODUCT, rtol=1e-15)
        np.testing.assert_array_equal(values(scipy.LowLevelCallable.from_cython(in_cython, name)), values(capsule))
    with pytest.raises(TypeError, match=r"PyCapsule of signature float \(int, float \*\); accepted are: double"):
        understand(in_cython.__pyx_capi__["single"], STARTS)


# --- data -------------------------------------------------------------------------------------------


def scaled(n, x, data):
    return numba.carray(data, (1,), np.float64)[0] * x[0]


def test_user_data_is_read_in_each_call():
    scale = np.array([2.0])
    pointer = numba.cfunc(nb.double(nb.intc, DOUBLES, nb.voidptr))(scaled)
    density = scipy.LowLevelCallable(pointer.ctypes, user_data=ctypes.c_void_p(scale.ctypes.data))
    compiled = understand(density, STARTS).compiled
    out = np.empty(len(STARTS))
    for factor in (2.0, 5.0):
        scale[0] = factor
        compiled.evaluate(STARTS, out)
        np.testing.assert_array_equal(out, factor * STARTS[:, 0])


def test_the_owner_lives_as_long_as_the_density():
    class Owner:
        pass

    owner = Owner()
    address = ctypes.cast(ctypes.CDLL(None).cos, ctypes.c_void_p).value
    density = WalkerDensity.native(NUMBER, address, 0, owner, 1)
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is not None
    del density
    gc.collect()
    assert alive() is None


def test_callbacks_to_python_are_refused():
    @ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, DOUBLE_POINTER)
    def density(n, x):
        raise ValueError

    for given in (density, scipy.LowLevelCallable(density)):
        with pytest.raises(TypeError, match="pass the function itself"):
            understand(given, STARTS)


# --- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signature", "status"), [(GRADIENT, 7), (CHECKED, 1)])
@pytest.mark.parametrize("rows", [(0,), (700,), (2999,), (2650, 300, 1040)])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_status_becomes_an_exception_naming_the_first_point(in_numba, signature, status, rows, n_jobs):
    at = np.repeat(STARTS, 3, axis=0)
    at[list(rows)] = [[101.0 + row, 0, 0] for row in rows]
    with pytest.raises(_core.DensityStatusError, match=r"reported a failure \(status \d\) at \[") as caught:
        values(in_numba[signature], at, n_jobs)
    assert caught.value.status == status
    np.testing.assert_array_equal(caught.value.point, [101.0 + min(rows), 0, 0])


def raising_point(n, x):
    if x[0] > 100:
        raise ValueError("too large")
    return -x[0]


def raising_number(x):
    return 1 / (101 - x)


@pytest.mark.parametrize("n_dims", [1, 3])
def test_a_numba_callback_that_raises_gives_no_value(n_dims):
    types = nb.double(nb.double) if n_dims == 1 else nb.double(nb.intc, DOUBLES)
    density = numba.cfunc(types)(raising_number if n_dims == 1 else raising_point)
    at = STARTS[:, :n_dims].copy()
    assert np.isfinite(values(density, at)).all()
    at[500] = 101
    with pytest.raises(_core.DensityStatusError, match="at \\[101"):
        values(density, at)


def test_what_is_not_written_is_not_a_number():
    def nothing(n, d, x, out, data):
        pass

    pointer = numba.cfunc(IN_NUMBA[POINTS][1])(nothing)
    assert np.isnan(values(pointer)).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: numba.cfunc("float32(float32)")(number), TypeError, r"numba CFunc of signature float32 \(float32\)"),
        (lambda: numba.cfunc(nb.double(nb.int64, DOUBLES))(point), TypeError, "accepted are: double"),
        (lambda: ctypes.CDLL(None).cos, TypeError, "set its argtypes and restype"),
        (lambda: ctypes.pythonapi.PyFloat_AsDouble, TypeError, "needs the interpreter"),
        (lambda: cffi.FFI().new("double *"), TypeError, r"cffi object of type double \*"),
        (lambda: cffi.FFI().cast("float(*)(float)", 1), TypeError, r"signature float \(float\)"),
        (lambda: ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(0), ValueError, "pointer is null"),
        (lambda: numba.cfunc("float64(float64)")(number), ValueError, "sees one coordinate, but points have 3"),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        understand(make(), STARTS)


@pytest.mark.parametrize(
    ("given", "name"), [({"args": (1,)}, "args"), ({"call": "point"}, "call"), ({"where": "python"}, "where")]
)
def test_arguments_for_python_functions_are_refused(in_numba, given, name):
    with pytest.raises(ValueError, match=f"{name} is for Python functions, but density is native: numba CFunc"):
        understand(in_numba[POINT], STARTS, **given)


@pytest.mark.parametrize(
    ("declared", "known"),
    [
        ("double (int, double *)", POINT),
        ("double(*)(int, double*)", POINT),
        ("double (int, const double *)", POINT),
        ("double (int, __pyx_t_5numpy_float64_t *)", POINT),
        ("int (unsigned long, double const *, double *, double * restrict, void *)", GRADIENT),
        ("long int (long unsigned int, Py_ssize_t, double *, double *, void *)", CHECKED),
        ("void (uint64_t, int64_t, double *, double *, void *)", POINTS),
        ("double (int, float *)", None),
        ("double (int, double **)", None),
        ("double (long, double *)", None),
        ("double (unsigned int, double *)", None),
        ("double (double, double)", None),
        ("int (size_t, double *, double *, double *)", None),
        ("double", None),
        ("", None),
    ],
)
def test_spellings_of_signatures(declared, known):
    assert known_signature(declared) == known


# --- threads ----------------------------------------------------------------------------------------


def slow(x):
    value = x
    for _ in range(20_000):
        value = math.sin(value)
    return value


def test_python_goes_on_while_a_native_density_runs():
    pointer = numba.cfunc("float64(float64)")(slow)
    at = np.linspace(0, 1, 1500)[:, np.newaxis]
    compiled = understand(pointer, at).compiled
    ticks = []
    done = threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    compiled.evaluate(at, np.empty(len(at)), 1)
    end = time.perf_counter()
    done.set()
    thread.join()
    while_running = [moment for moment in ticks if begin < moment < end]
    assert len(while_running) > 100 * (end - begin)


def test_a_numba_that_keeps_its_signature_elsewhere():
    numba = pytest.importorskip("numba")

    @numba.cfunc("float64(float64)")
    def density(x):
        return -0.5 * x * x

    assert density.ctypes(2.0) == -2.0  # made while it could be
    del density._sig
    assert native_function(density).signature == "double (double)"
