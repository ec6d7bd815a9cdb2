"""The published posteriors as PyMC models, for nutpie: the same density of the same parameters."""

from dataclasses import dataclass

import numpy as np
import nutpie
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.distributions.transforms import ordered

from cases import SEED
from results import agree

SAME = 1e-8  # how far two log-densities may be apart, but for their constant
STRAYING = 0.02  # of points that are compared, in standard deviations, from the mean


@dataclass(frozen=True)
class Model:
    """A model as people write it, and those of its variables that are the parameters, in their order."""

    build: object  # puts the variables of a posterior's data into the model at hand
    names: tuple = ("beta", "sigma")

    def model(self, posterior):
        with pm.Model() as model:
            self.build(posterior.data)
        return model

    def draws(self, trace):
        """Draws of shape (chains, draws, dimensions)."""
        values = [np.asarray(trace.posterior[name]) for name in self.names]
        return np.concatenate([value.reshape(*value.shape[:2], -1) for value in values], axis=2)


# ---------------------------------------------------------------- regressions


def _line(y, *columns, sigma, beta=None):
    """A line through columns, with an intercept; a flat prior where none is said."""
    x = np.column_stack([np.ones(len(y)), *columns])
    beta = beta or (lambda n: pm.Flat("beta", shape=n))
    pm.Normal("y", pt.dot(x, beta(x.shape[1])), sigma, observed=y)


def flat(y, *columns):
    _line(y, *columns, sigma=pm.HalfFlat("sigma"))


def cauchy(y, *columns):
    _line(y, *columns, sigma=pm.HalfCauchy("sigma", 2.5))


def _volume(d):
    return np.log(d["diam1"] * d["diam2"] * d["canopy_height"])


def _area(d):
    return np.log(d["diam1"] * d["diam2"])


def _centered(column, width=1.0):
    return (column - column.mean()) / width


def logarithmic_mesquite(d):
    names = ("diam1", "diam2", "canopy_height", "total_height", "density")
    flat(np.log(d["weight"]), *[np.log(d[name]) for name in names], d["group"])


def mesquite(d):
    flat(d["weight"], *[d[k] for k in ("diam1", "diam2", "canopy_height", "total_height", "density", "group")])


def shapes_of_mesquite(d):
    shape = np.log(d["diam1"] / d["diam2"])
    flat(np.log(d["weight"]), _volume(d), _area(d), shape, np.log(d["total_height"]), d["group"])


def elections(d):
    ages = [d["age"] == group for group in (2, 3, 4)]
    flat(d["partyid7"], d["real_ideo"], d["race_adj"], *ages, d["educ1"], d["gender"], d["income"])


def scores(d):
    hs, iq = (_centered(d[name], 2 * d[name].std(ddof=1)) for name in ("mom_hs", "mom_iq"))
    flat(d["kid_score"], hs, iq, hs * iq)


def earnings_by_height(d):
    height, male = _centered(d["height"], d["height"].std(ddof=1)), d["male"]
    flat(np.log(d["earn"]), height, male, height * male)


def wide_normal(d):
    beta = pm.Normal("beta", 0, 10, shape=d["X"].shape[1])
    pm.Normal("y", pt.dot(d["X"], beta), pm.HalfNormal("sigma", 10), observed=d["y"])


def autoregression(d):
    y = d["y"]
    lags = [y[4 - k : len(y) - 1 - k] for k in range(5)]
    _line(y[5:], *lags, sigma=pm.HalfCauchy("sigma", 2.5), beta=lambda n: pm.Normal("beta", 0, 10, shape=n))


def wells(d):
    beta = pm.Flat("beta", shape=2)
    pm.Bernoulli("switched", logit_p=beta[0] + beta[1] * d["dist"], observed=d["switched"])


def radon(d):
    beta = pm.Normal("beta", 0, 10, shape=2)
    mean = beta[0] + beta[1] * d["floor_measure"]
    pm.Normal("y", mean, pm.HalfNormal("sigma", 1), observed=d["log_radon"])


def counts(d):
    beta = pm.Uniform("beta", [-20, -10, -10, -10], [20, 10, 10, 10])
    year = d["year"]
    pm.Poisson("C", pt.exp(beta[0] + beta[1] * year + beta[2] * year**2 + beta[3] * year**3), observed=d["C"])


# ---------------------------------------------------------------- hierarchies, mixtures, processes


def schools_centered(d):
    mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
    pm.Normal("y", pm.Normal("theta", mu, tau, shape=8), d["sigma"], observed=d["y"])


def schools_non_centered(d):
    mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
    theta = pm.Deterministic("theta", mu + tau * pm.Normal("offset", 0, 1, shape=8))
    pm.Normal("y", theta, d["sigma"], observed=d["y"])


def rate(d):
    theta = pm.Beta("theta", 1, 1)
    pm.Binomial("k", [d["n1"], d["n2"]], theta, observed=[d["k1"], d["k2"]])


def two_normals(d):
    mu = pm.Normal("mu", 0, 2, shape=2, transform=ordered, initval=[-1.0, 1.0])
    sigma, theta = pm.HalfNormal("sigma", 2, shape=2), pm.Beta("theta", 5, 5)
    pm.NormalMixture("y", pt.stack([theta, 1 - theta]), mu, sigma, observed=d["y"])


def gaussian_process(d):
    rho, alpha, sigma = pm.Gamma("rho", 25, 4), pm.HalfNormal("alpha", 2), pm.HalfNormal("sigma", 1)
    distances = d["t"][:, None] - d["t"]
    covariance = alpha**2 * pt.exp(-0.5 * (distances / rho) ** 2) + sigma * pt.eye(len(d["t"]))
    pm.MvNormal("y", np.zeros(len(d["y"])), covariance, observed=d["y"])


def _spectral(suffix, at, weights):
    """One process of the motorcycle, in its spectral basis."""
    # With decimals: whole numbers have eight bits in PyTensor, whose squares overflow.
    sd, scale = pm.HalfStudentT("sdgp" + suffix, nu=3, sigma=36.0), pm.InverseGamma("lscale" + suffix, 1.124909, 0.0177)
    z = pm.Normal("zgp" + suffix, 0, 1, shape=len(weights))
    density = sd**2 * np.sqrt(2 * np.pi) * scale * pt.exp(-0.5 * scale**2 * weights[:, 0] ** 2)
    return pt.dot(at, pt.sqrt(density) * z)


def motorcycle(d):
    mean = pm.StudentT("intercept", nu=3, mu=-13.0, sigma=36.0) + _spectral("", d["Xgp"], d["slambda"])
    spread = pm.StudentT("intercept_s", nu=3, sigma=10.0) + _spectral("_s", d["Xgp_sigma"], d["slambda_sigma"])
    pm.Normal("Y", mean, pt.exp(spread), observed=d["Y"])


MOTORCYCLE = tuple(name + s for s in ("", "_s") for name in ("intercept", "sdgp", "lscale", "zgp"))
SCHOOLS = ("theta", "mu", "tau")

REGRESSIONS = {
    "earnings-earn_height": lambda d: flat(d["earn"], d["height"]),
    "earnings-log10earn_height": lambda d: flat(np.log10(d["earn"]), d["height"]),
    "earnings-logearn_height": lambda d: flat(np.log(d["earn"]), d["height"]),
    "earnings-logearn_interaction": lambda d: flat(np.log(d["earn"]), d["height"], d["male"], d["height"] * d["male"]),
    "earnings-logearn_interaction_z": earnings_by_height,
    "earnings-logearn_logheight_male": lambda d: flat(np.log(d["earn"]), np.log(d["height"]), d["male"]),
    "kidiq-kidscore_momhs": lambda d: cauchy(d["kid_score"], d["mom_hs"]),
    "kidiq-kidscore_momiq": lambda d: cauchy(d["kid_score"], d["mom_iq"]),
    "kidiq-kidscore_interaction": lambda d: cauchy(d["kid_score"], d["mom_hs"], d["mom_iq"], d["mom_hs"] * d["mom_iq"]),
    "kidiq_with_mom_work-kidscore_interaction_z": scores,
    "kidiq_with_mom_work-kidscore_mom_work": lambda d: flat(
        d["kid_score"], *[d["mom_work"] == group for group in (2, 3, 4)]
    ),
    "mesquite-mesquite": mesquite,
    "mesquite-logmesquite": logarithmic_mesquite,
    "mesquite-logmesquite_logvolume": lambda d: flat(np.log(d["weight"]), _volume(d)),
    "mesquite-logmesquite_logva": lambda d: flat(np.log(d["weight"]), _volume(d), _area(d), d["group"]),
    "mesquite-logmesquite_logvash": shapes_of_mesquite,
    **{f"nes{year}-nes": elections for year in (1972, 1976, 1984, 1988, 1992, 1996)},
    "sblrc-blr": wide_normal,
    "arK-arK": autoregression,
    "radon_mn-radon_pooled": radon,
}

MODELS = {
    **{name: {"": Model(build)} for name, build in REGRESSIONS.items()},
    "wells_data-wells_dist": {"": Model(wells, ("beta",))},
    "GLM_Poisson_Data-GLM_Poisson_model": {"": Model(counts, ("beta",))},
    "Rate_5_data-Rate_5_model": {"": Model(rate, ("theta",))},
    "low_dim_gauss_mix-low_dim_gauss_mix": {"": Model(two_normals, ("mu", "sigma", "theta"))},
    "gp_pois_regr-gp_regr": {"": Model(gaussian_process, ("rho", "alpha", "sigma"))},
    "mcycle_gp-accel_gp": {"": Model(motorcycle, MOTORCYCLE)},
    "eight_schools-eight_schools_centered": {
        "centered": Model(schools_centered, SCHOOLS),
        "non-centered": Model(schools_non_centered, SCHOOLS),
    },
}


# ---------------------------------------------------------------- sampling


def ready(model):
    """A compiled model, also of what is compiled when it is first sampled."""
    compiled = nutpie.compile_pymc_model(model)
    sampled(compiled, draws=10, tune=10)
    return compiled


def sampled(compiled, **lengths):
    return nutpie.sample(compiled, seed=SEED, progress_bar=False, **lengths)


# ---------------------------------------------------------------- equal work


def same_density(posterior, described, model):
    """Raise unless the model has the density of the posterior, up to a factor; of its own parameters only."""
    if any(variable.name not in described.names for variable in model.free_RVs):
        return  # another parametrisation: its moments are compared
    rng = np.random.default_rng(0)
    points = posterior.mean + STRAYING * posterior.sd * rng.standard_normal((8, posterior.n_dims))
    with pytensor.config.change_flags(mode="FAST_COMPILE"):  # it is called eight times
        log_density = model.compile_logp(jacobian=False)
        theirs = np.array([float(log_density(_values(model, described, point))) for point in points])
    ours = posterior.at(points)
    agree(f"model of {posterior.name}", theirs - theirs[0], ours - ours[0], SAME)


def _values(model, described, point):
    """What a model calls its values at a point: of each variable, behind its transform."""
    initial, values, at = model.initial_point(), {}, 0
    for name in described.names:
        variable = model[name]
        transform, own = model.rvs_to_transforms[variable], model.rvs_to_values[variable].name
        size = int(np.prod(initial[own].shape))
        value = point[at : at + size].reshape(initial[own].shape)
        at += size
        values[own] = value if transform is None else transform.forward(value, *variable.owner.inputs).eval()
    return values
