# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The cells a notebook would compile with %%cython and OpenMP: dense double loops.

Equal weights, full covariances, densities (not their logarithms). Each step
exists twice, parallel over the rows of the data and parallel over components.
"""

from cython.parallel cimport prange
from libc.math cimport exp


cdef inline double density(
    const double[:, ::1] X, Py_ssize_t i, const double[:, ::1] mu,
    const double[:, :, ::1] precision, const double[::1] norm, Py_ssize_t j,
) noexcept nogil:
    cdef Py_ssize_t a, b, d = X.shape[1]
    cdef double total = 0.0
    for a in range(d):
        for b in range(d):
            total = total + (X[i, a] - mu[j, a]) * precision[j, a, b] * (X[i, b] - mu[j, b])
    return norm[j] * exp(-0.5 * total)


cdef inline void normalise(double[:, ::1] r, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t j
    cdef double total = 0.0
    for j in range(r.shape[1]):
        total = total + r[i, j]
    for j in range(r.shape[1]):
        r[i, j] = r[i, j] / total


cdef inline void row_responsibilities(
    const double[:, ::1] X, Py_ssize_t i, const double[:, ::1] mu,
    const double[:, :, ::1] precision, const double[::1] norm, double[:, ::1] r,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(mu.shape[0]):
        r[i, j] = density(X, i, mu, precision, norm, j)
    normalise(r, i)


def expectation_over_rows(
    const double[:, ::1] X, const double[:, ::1] mu, const double[:, :, ::1] precision,
    const double[::1] norm, double[:, ::1] r, int threads,
):
    cdef Py_ssize_t i
    for i in prange(X.shape[0], nogil=True, schedule="static", num_threads=threads):
        row_responsibilities(X, i, mu, precision, norm, r)


def expectation_over_components(
    const double[:, ::1] X, const double[:, ::1] mu, const double[:, :, ::1] precision,
    const double[::1] norm, double[:, ::1] r, int threads,
):
    cdef Py_ssize_t i, j
    for j in prange(mu.shape[0], nogil=True, schedule="static", num_threads=threads):
        for i in range(X.shape[0]):
            r[i, j] = density(X, i, mu, precision, norm, j)
    for i in prange(X.shape[0], nogil=True, schedule="static", num_threads=threads):
        normalise(r, i)


def maximization_over_rows(
    const double[:, ::1] X, const double[:, ::1] r, double[:, ::1] mu,
    double[:, :, ::1] cov, int threads,
):
    """One parallel sum over the rows for each entry of each mean and covariance."""
    cdef Py_ssize_t i, j, a, b, n = X.shape[0], d = X.shape[1]
    cdef double total, entry, center_a, center_b
    for j in range(r.shape[1]):
        total = 0.0
        for i in prange(n, nogil=True, schedule="static", num_threads=threads):
            total += r[i, j]
        for a in range(d):
            entry = 0.0
            for i in prange(n, nogil=True, schedule="static", num_threads=threads):
                entry += r[i, j] * X[i, a]
            mu[j, a] = entry / total
        for a in range(d):
            for b in range(d):
                entry = 0.0
                center_a = mu[j, a]
                center_b = mu[j, b]
                for i in prange(n, nogil=True, schedule="static", num_threads=threads):
                    entry += r[i, j] * (X[i, a] - center_a) * (X[i, b] - center_b)
                cov[j, a, b] = entry / total


cdef inline void component_moments(
    const double[:, ::1] X, const double[:, ::1] r, double[:, ::1] mu,
    double[:, :, ::1] cov, Py_ssize_t j,
) noexcept nogil:
    cdef Py_ssize_t i, a, b, n = X.shape[0], d = X.shape[1]
    cdef double total = 0.0
    for a in range(d):
        mu[j, a] = 0.0
        for b in range(d):
            cov[j, a, b] = 0.0
    for i in range(n):
        total = total + r[i, j]
        for a in range(d):
            mu[j, a] = mu[j, a] + r[i, j] * X[i, a]
    for a in range(d):
        mu[j, a] = mu[j, a] / total
    for i in range(n):
        for a in range(d):
            for b in range(d):
                cov[j, a, b] = (
                    cov[j, a, b] + r[i, j] * (X[i, a] - mu[j, a]) * (X[i, b] - mu[j, b])
                )
    for a in range(d):
        for b in range(d):
            cov[j, a, b] = cov[j, a, b] / total


def maximization_over_components(
    const double[:, ::1] X, const double[:, ::1] r, double[:, ::1] mu,
    double[:, :, ::1] cov, int threads,
):
    """Each component sums its own mean and covariance, two passes over the rows."""
    cdef Py_ssize_t j
    for j in prange(r.shape[1], nogil=True, schedule="static", num_threads=threads):
        component_moments(X, r, mu, cov, j)
