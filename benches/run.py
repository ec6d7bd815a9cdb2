"""Measure foldstat against its peers on this machine, in one run.

    python benches/run.py                   everything, some ten minutes
    python benches/run.py --quick           the same on small data: does it run?
    python benches/run.py --only 'full-*'   some rows (names are printed by --list)

Prints a table and writes it as JSON. Peers run on the same data, from the same
start, with the same number of threads, turn by turn with foldstat; results are
compared before times are. The exit status is 1 if results disagree or a row
could not be measured; a figure below its bar is reported as SHORT and does not
change the exit status.
"""

import argparse
import fnmatch
import sys
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

import bayesian
import diagnostics
import em
import memory
import scaling
import selection
import streaming
import streaming_describe
import streaming_memory
import summary
import summary_cost
import walkers
import walkers_cost
import walkers_ess
import whole
from cases import CASES
from results import machine, table, write

# Each has its rows by their names.
MODULES = (
    bayesian,
    streaming,
    streaming_describe,
    streaming_memory,
    summary,
    summary_cost,
    walkers,
    walkers_ess,
    walkers_cost,
    diagnostics,
    selection,
)

OUTPUT = Path(__file__).resolve().parent.parent / "build" / "bench.json"


@dataclass(frozen=True)
class Settings:
    """How large and how often."""

    threads: int
    repeats: int  # the best one counts
    factor: int  # by which data is smaller
    seconds: float  # that a contestant's longer fit should take

    def reduced(self, case):
        return case.reduced(self.factor) if self.factor > 1 else case


def jobs(settings):
    """Name of each row and the call that measures it."""
    cases = [settings.reduced(case) for case in CASES]
    headlines = [case for case in cases if case.headline]
    first_three = cases[: len(scaling.FIRST_THREE)]
    named = {case.key: lambda c=case: em.against_sklearn(c, settings) for case in cases}
    named["cython"] = lambda: em.against_cython(settings)
    named["fit-large"] = lambda: whole.fit_large(settings)
    named["fit-iris"] = lambda: whole.fit_iris(settings)
    named["one-row"] = lambda: whole.one_row(settings)
    named["predict-proba"] = lambda: whole.predict_proba(settings)
    for case in headlines:
        named[f"memory-{case.key}"] = lambda c=case: memory.memory(c, settings)
    for case in first_three:
        named[f"threads-{case.key}"] = lambda c=case: scaling.two_threads(c, settings)
    named["linear-rows"] = lambda: scaling.in_rows(settings)
    named["linear-components"] = lambda: scaling.in_components(settings)
    for case in headlines:
        named[f"float32-{case.key}"] = lambda c=case: scaling.float32(c, settings)
    for module in MODULES:
        named |= {name: lambda row=row: row(settings) for name, row in module.ROWS.items()}
    return named


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small data, one repeat")
    parser.add_argument("--only", metavar="NAME", action="append", help="rows, * allowed")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--threads", type=int, default=2, help="for every contestant (2)")
    parser.add_argument("--repeats", type=int, default=3, help="the best counts (3)")
    parser.add_argument("--json", type=Path, default=OUTPUT, help="(build/bench.json)")
    return parser.parse_args()


def chosen(named, patterns):
    """The rows asked for; a pattern that names none is an error."""
    if not patterns:
        return list(named)
    for pattern in patterns:
        if not fnmatch.filter(named, pattern):
            raise SystemExit(f"No row is named {pattern!r}; see --list.")
    return [name for name in named if any(fnmatch.fnmatch(name, p) for p in patterns)]


def main():
    # Fits here run a fixed number of iterations, so hardly any of them converges.
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = arguments()
    quick = Settings(options.threads, repeats=1, factor=500, seconds=0.01)
    full = Settings(options.threads, options.repeats, factor=1, seconds=0.4)
    settings = quick if options.quick else full
    named = jobs(settings)
    if options.list:
        print("\n".join(named))
        return 0
    results, failures = measure(named, chosen(named, options.only))
    where = machine(settings.threads)
    write(options.json, results, where)
    print("\n".join(f"{key}: {value}" for key, value in where.items()), end="\n\n")
    print("\n".join(table(results)), end="\n\n")
    print(f"Written to {options.json}")
    for failure in failures:
        print(f"NOT MEASURED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def measure(named, names):
    """Measure row by row; a row that fails is told at the end and does not stop the others."""
    results, failures = [], []
    with tqdm(names, unit="row", file=sys.stderr) as bar:
        for name in bar:
            bar.set_description(name)
            try:
                results += named[name]()
            except Exception as error:
                traceback.print_exc()
                failures.append(f"{name}: {type(error).__name__}: {error}")
    return results, failures


if __name__ == "__main__":
    sys.exit(main())
