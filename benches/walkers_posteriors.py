"""The default walk over published posteriors, against emcee per evaluation and nutpie per CPU second.

    python benches/walkers_posteriors.py                    all of them, half an hour or so
    python benches/walkers_posteriors.py --only 'nes*'      some of them
    python benches/walkers_posteriors.py --quick            few steps: does it run?

foldstat is told the function, its data, its bounds and where to start, and nothing else. emcee has the
same compiled function, as many walkers, as many steps, and starts where these walkers are after two
steps, as its walkers must not start together. What counts is the bulk ESS of the worst coordinate for
1000 evaluations after the burn-in. Draws count for nothing whose R-hat exceeds 1.05, or whose standard
deviations are 10 % from those known: emcee's DESnookerMove has half of the logarithm of Hastings'
factor that its source has, and its draws are up to 14 % too narrow.

nutpie has PyMC models of the same densities (seen to be the same before they are sampled) and its
defaults. CPU seconds are those of all threads of a whole call, with burn-in and tuning and without
compilation, which stands beside them in seconds of the clock. It needs an environment of its own, as
PyMC and foldstat's tests want different versions of numba: `pip install 'foldstat[posteriors]'`.
"""

import argparse
import fnmatch
import functools
import importlib.metadata
import importlib.util
import json
import sys
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cases import SEED
from foldstat import diagnostics
from foldstat import walkers as w
from foldstat.walkers.density import log_densities
from posteriors import posteriors
from results import agree, aligned, machine
from walkers import emcee
from walkers_ess import WORST_R_HAT

OUTPUT = Path(__file__).resolve().parent.parent / "build" / "posteriors.json"
N_WALKERS = 64
PEERS = ("numba", "emcee", "nutpie", "pymc")
FEW = {"live_dangerously": True}  # also with fewer walkers than twice the dimensions
WORST_SD = 0.1  # of what is known
MOMENTS = 0.25  # standard deviations that means of both sides may be apart


@dataclass(frozen=True)
class Lengths:
    """How many steps and draws are taken, and whether they suffice to be compared."""

    steps: int = 4000
    burn_in: int = 4000
    nutpie: dict = field(default_factory=dict)  # its defaults
    compared: bool = True


QUICK = Lengths(steps=50, burn_in=100, nutpie={"draws": 20, "tune": 20}, compared=False)


@dataclass(frozen=True)
class Walked:
    """What draws are worth, and what they have cost."""

    ess: float
    """Of the worst coordinate; 0 where chains disagree, with each other or with what is known."""
    r_hat: float
    per_evaluation: float
    mean: np.ndarray
    sd_off: float
    """How far standard deviations are from those known, the worst of them."""
    cpu: float = 0.0
    compiling: float = 0.0

    @classmethod
    def of(cls, draws, sd, lengths, **cost):
        r_hat = float(diagnostics.r_hat(draws).max())
        sd_off = float(np.abs(draws.std(axis=(0, 1)) / sd - 1).max())
        trusted = (r_hat <= WORST_R_HAT and sd_off <= WORST_SD) or not lengths.compared
        ess = float(diagnostics.ess_bulk(draws).min()) if trusted else 0.0
        size = draws.shape[0] * draws.shape[1]
        return cls(ess, r_hat, ess / size, draws.mean(axis=(0, 1)), sd_off, **cost)

    @property
    def per_cpu_second(self):
        return self.ess / self.cpu

    def as_json(self):
        return {
            "ess": self.ess,
            "ess_per_1000_evaluations": 1000 * self.per_evaluation,
            "r_hat": self.r_hat,
            "sd_off": self.sd_off,
            "cpu_seconds": self.cpu,
            "compile_seconds": self.compiling,
        }


def clocked(function):
    """What a function gives, its CPU seconds of all threads, and those of the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    result = function()
    return result, time.process_time() - cpu, time.perf_counter() - clock


# ---------------------------------------------------------------- the contestants


def ours(posterior, steps, burn_in):
    return w.sample(
        posterior.log_density, posterior.starts, steps, burn_in, n_walkers=N_WALKERS, args=posterior.args,
        bounds=posterior.bounds, call="point", rng=SEED, progress=False,
    )  # fmt: skip


def density_of(posterior, run):
    """The compiled function at many points at once, for emcee; zero beyond the bounds."""
    low, high = posterior.bounds.T

    def log_density(points):
        values = np.full(len(points), -np.inf)
        inside = ((points >= low) & (points <= high)).all(axis=1)
        if inside.any():
            values[inside] = log_densities(run._density, points[inside], log=True)
        return values

    return log_density


def emcee_moves():
    moves = emcee().moves
    return {
        "Stretch": moves.StretchMove(**FEW),
        "DE + Snooker": [(moves.DEMove(**FEW), 0.8), (moves.DESnookerMove(**FEW), 0.2)],
    }


def emcee_draws(log_density, start, moves, lengths):
    sampler = emcee().EnsembleSampler(*start.shape, log_density, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(SEED).get_state()
    state = sampler.run_mcmc(start, lengths.burn_in, skip_initial_state_check=True)
    sampler.reset()
    sampler.run_mcmc(state, lengths.steps, skip_initial_state_check=True)
    return sampler.get_chain().swapaxes(0, 1)


def nutpie_walks(posterior, lengths):
    """What nutpie gives for each PyMC model of a posterior, by its name."""
    if not has_nutpie():
        return {}
    from posteriors_pymc import MODELS, ready, same_density, sampled

    walks = {}
    for name, described in MODELS.get(posterior.name, {}).items():
        model = described.model(posterior)
        same_density(posterior, described, model)
        compiled, _, compiling = clocked(functools.partial(ready, model))
        trace, cpu, _ = clocked(functools.partial(sampled, compiled, **lengths.nutpie))
        walks[name] = Walked.of(described.draws(trace), posterior.sd, lengths, cpu=cpu, compiling=compiling)
    return walks


def has_nutpie():
    return all(importlib.util.find_spec(name) for name in ("nutpie", "pymc"))


# ---------------------------------------------------------------- one posterior


@dataclass(frozen=True)
class Compared:
    """A posterior, and what all contestants made of it."""

    name: str
    n_dims: int
    kind: str  # how our density is called
    ours: Walked
    emcee: dict
    nutpie: dict

    @property
    def best_of_emcee(self):
        return max(self.emcee, key=lambda name: self.emcee[name].per_evaluation)

    @property
    def verdict(self):
        """Whether we have at least as many effective samples per evaluation as emcee's best."""
        mine, best = self.ours.per_evaluation, self.emcee[self.best_of_emcee].per_evaluation
        if mine == best == 0:
            return "found by neither"
        return "reached" if mine >= best else "SHORT"

    def as_json(self):
        return {
            "name": self.name,
            "dimension": self.n_dims,
            "density": self.kind,
            "foldstat": self.ours.as_json(),
            "emcee": {name: walked.as_json() for name, walked in self.emcee.items()},
            "nutpie": {name: walked.as_json() for name, walked in self.nutpie.items()},
        }


def compared(posterior, lengths):
    """Let everybody walk over a posterior, turn by turn."""
    warm, _, compiling = clocked(lambda: ours(posterior, 1, 1))
    run, cpu, _ = clocked(lambda: ours(posterior, lengths.steps, lengths.burn_in))
    log_density = density_of(posterior, warm)
    theirs = {
        name: Walked.of(emcee_draws(log_density, warm.positions, moves, lengths), posterior.sd, lengths)
        for name, moves in emcee_moves().items()
    }
    mine = Walked.of(run.draws, posterior.sd, lengths, cpu=cpu, compiling=compiling)
    peers = nutpie_walks(posterior, lengths)
    result = Compared(posterior.name, posterior.n_dims, run.density_kind, mine, theirs, peers)
    same_means(posterior, result)
    return result


def same_means(posterior, result):
    """Raise unless all whose chains agree have about the known means."""
    contestants = {"foldstat": result.ours} | result.emcee | result.nutpie
    for name, walked in contestants.items():
        if walked.r_hat <= WORST_R_HAT:
            z = (walked.mean - posterior.mean) / posterior.sd
            agree(f"means of {posterior.name} by {name or 'nutpie'}", z, np.zeros(posterior.n_dims), MOMENTS)


# ---------------------------------------------------------------- tables


def per_evaluation(results):
    """Effective samples per 1000 evaluations, and emcee's best."""
    rows = [
        ("posterior", "d", "foldstat", "emcee", "ratio", "R-hat", "emcee's", "sd off", "emcee's", "best of emcee", "")
    ]
    for result in results:
        best = result.emcee[result.best_of_emcee]
        mine = result.ours
        rows.append((
            result.name, str(result.n_dims), f"{1000 * mine.per_evaluation:.1f}", f"{1000 * best.per_evaluation:.1f}",
            quotient(mine.per_evaluation, best.per_evaluation), f"{mine.r_hat:.3f}", f"{best.r_hat:.3f}",
            f"{mine.sd_off:.1%}", f"{best.sd_off:.1%}", result.best_of_emcee,
            result.verdict,
        ))  # fmt: skip
    return aligned(rows, left=(0, 9, 10))


def per_cpu_second(results):
    """Effective samples per CPU second, and what compilation takes."""
    rows = [("posterior", "d", "foldstat", "nutpie", "ratio", "R-hat", "nutpie's", "compiling", "nutpie's")]
    for result in results:
        mine = result.ours
        for name, walked in result.nutpie.items():
            rows.append((
                f"{result.name} {name and f'({name})'}".strip(), str(result.n_dims), f"{mine.per_cpu_second:.0f}",
                f"{walked.per_cpu_second:.0f}", quotient(mine.per_cpu_second, walked.per_cpu_second),
                f"{mine.r_hat:.3f}", f"{walked.r_hat:.3f}", f"{mine.compiling:.1f} s", f"{walked.compiling:.1f} s",
            ))  # fmt: skip
    return aligned(rows, left=(0,))


def quotient(mine, theirs):
    if theirs > 0:
        return f"{mine / theirs:.2f}"
    return "-" if mine == 0 else "∞"


# ---------------------------------------------------------------- the program


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="posteriors, * allowed")
    parser.add_argument("--json", type=Path, default=OUTPUT, help="(build/posteriors.json)")
    return parser.parse_args()


def chosen(patterns):
    names = [name for name in posteriors() if any(fnmatch.fnmatch(name, p) for p in patterns or "*")]
    if not names:
        raise SystemExit(f"No posterior is named {' or '.join(patterns)}.")
    return names


def main():
    options = arguments()
    warnings.simplefilter("ignore", w.NotConvergedWarning)  # R-hat stands in the table
    warnings.filterwarnings("ignore", "x has shape")  # a quick run has more chains than draws
    lengths = QUICK if options.quick else Lengths()
    results, failures = measure(chosen(options.only), lengths)
    peers = [name for name in PEERS if importlib.util.find_spec(name)]
    where = machine(threads="all") | {name: importlib.metadata.version(name) for name in peers}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": where, "results": [result.as_json() for result in results]}
    options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(f"{key}: {value}" for key, value in where.items()), end="\n\n")
    print("Effective samples per 1000 evaluations\n", *per_evaluation(results), sep="\n")
    verdicts = Counter(result.verdict for result in results)
    counted = ", ".join(f"{verdict} on {n}" for verdict, n in verdicts.items())
    print(f"\nAt least as many as emcee's best on each of {len(results)} posteriors: {counted}.\n")
    if has_nutpie():
        print("Effective samples per CPU second\n", *per_cpu_second(results), sep="\n")
    else:
        print("nutpie and PyMC are not installed: pip install 'foldstat[posteriors]'")
    print(f"\nWritten to {options.json}")
    for failure in failures:
        print(f"NOT MEASURED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def measure(names, lengths):
    """Take posterior after posterior; one that fails, or Ctrl-C, loses no others and is told at the end."""
    results, failures = [], []
    for name in tqdm(names, unit="posterior", file=sys.stderr):
        try:
            results.append(compared(posteriors()[name], lengths))
        except KeyboardInterrupt:
            failures.append(f"{name} and those after it: interrupted")
            break
        except Exception as error:
            traceback.print_exc()
            failures.append(f"{name}: {type(error).__name__}: {error}")
    return results, failures


if __name__ == "__main__":
    sys.exit(main())
