"""The cells of notebooks on parallel Python as such notebooks have them: formulas and loops, nothing else.

They stand here to be compared with `foldstat.cells`, name by name.
"""

import math
import random

import numpy as np
from matplotlib import pyplot
from numpy.random import rand


def summarize(X):
    count, total = 0, 0.0
    for x in X:
        count += 1
        total = total + x
    return count, total


def scalar_sum(X, y):
    total = 0.0
    for x in X:
        total += np.dot(x, y)
    return total


def pairwise_sum(X, n_threads=1):
    total = 0.0
    for y in X:
        total += scalar_sum(X, y)
    return total


def log_probability(X, mu, inv_cov, log_det, d):
    centred = X - mu
    return -0.5 * (d * math.log(2 * math.pi) + log_det + (centred.dot(inv_cov) * centred).sum(axis=-1))


def expectation(X, mu, cov):
    r = np.zeros((len(X), len(mu)))
    for j in range(len(mu)):
        log_det = np.linalg.slogdet(cov[j])[1]
        r[:, j] = np.exp(log_probability(X, mu[j], np.linalg.inv(cov[j]), log_det, X.shape[1]))
    return r / r.sum(axis=1)[:, np.newaxis]


def covariance(X, weights, mu=None):
    if mu is None:
        mu = weights.dot(X) / weights.sum()
    centred = X - mu
    return (centred.T * weights).dot(centred) / weights.sum()


def maximization(X, r):
    mu = r.T.dot(X) / r.sum(axis=0)[:, np.newaxis]
    return mu, np.array([covariance(X, r[:, j], mu[j]) for j in range(len(mu))])


def EM(X, mu, cov, n_iter=25):  # noqa: N802
    for _ in range(n_iter):
        r = expectation(X, mu, cov)
        mu, cov = maximization(X, r)
    return mu, cov, r


def random_walker(func, n_steps=1e5, start=(0, 0), burn_in=100):
    x, y = start
    height = func(x, y)
    points = [(x, y)]
    while len(points) < n_steps:
        new_x, new_y = x + random.uniform(-0.1, 0.1), y + random.uniform(-0.1, 0.1)
        new_height = func(new_x, new_y)
        if random.random() * height < new_height:
            x, y, height = new_x, new_y, new_height
        points.append((x, y))
    return np.array(points[burn_in + 1 :])


def random_walkers(func, n):
    return np.array([random_walker(func, start=start) for start in rand(n, 2)])  # noqa: NPY002


def plot_points(points, resolution=50):
    counts = np.zeros((int(resolution), int(resolution)))
    for x, y in np.reshape(points, (-1, 2)):
        if 0 <= x < 1 and 0 <= y < 1:
            counts[int(y * resolution), int(x * resolution)] += 1
    pyplot.imshow(counts, origin="lower", extent=(0, 1, 0, 1))
