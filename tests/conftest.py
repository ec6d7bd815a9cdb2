"""Settings shared by all tests."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from foldstat import GaussianMixture
from mixtures import FAMILIES, random_mixture

# The same examples every time, so that a failure is a change of the code. HYPOTHESIS_PROFILE=search
# looks for new ones, and for more of them where a test does not set its own max_examples.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=500, deadline=None)

# The reference computations are small: their thread pools would only wait for one another.
threadpool_limits(1)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(params=FAMILIES)
def m(request):
    """A mixture of each family, with rows."""
    return random_mixture(request.param, n=300, d=3, k=2)


@pytest.fixture
def model(m):
    """The estimator fitted to those rows."""
    return GaussianMixture(2, covariance_type=m.family, random_state=0).fit(m.X)


@pytest.fixture(scope="module")
def client():
    """A client of Dask with three workers in processes of their own."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=2, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def ctrl_c():
    """Ctrl-C is heard: a run in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def remark(record_property):
    """Says something in the closing output of the whole run: what a test that passed has found."""
    return lambda text: record_property("remark", text)


def pytest_terminal_summary(terminalreporter):
    # They come with the reports, which workers send to the process that writes.
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties if report.when == "call" else []:
            if name == "remark":
                terminalreporter.write_line(text)
