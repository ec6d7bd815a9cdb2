"""Runs as notebooks show them: what was run, how, whether it is to be trusted, and the table."""

from __future__ import annotations

from html import escape

import numpy as np

from foldstat._common.html import table_html
from foldstat.walkers.run._table import SummaryTable
from foldstat.walkers.run._walked import Walked

_CONVERGED = {True: "yes", False: "no", None: "not known"}


def run_html(run: Walked, table: SummaryTable | None) -> str:
    """Show a run; there is no table without draws."""
    what = table_html([type(run).__name__, ""], list(_facts(run).items()))
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in run.problems)
    listed = f"<ul>{problems}</ul>" if problems else ""
    return f"<div>{what}{listed}{'' if table is None else table._repr_html_()}</div>"


def _facts(run: Walked) -> dict[str, str]:
    every = "" if run.thin == 1 else f", {run.thin} steps apart"
    steps = f"{run.n_steps:,} after {min(run.burn_in, run._ensemble.step):,} of burn-in"
    return {
        "walkers": f"{run.n_walkers:,}",
        "dimensions": f"{run.n_dims:,}",
        "steps": steps + (" (interrupted)" if run.interrupted else ""),
        "draws": f"{run.n_draws:,} of each walker{every}" + (", moments only" if run.keep == "moments" else ""),
        "density": run.density_kind,
        "move": repr(run.move),
        "acceptance": _acceptance(run),
        "converged": _CONVERGED[run.converged],
    }


def _acceptance(run: Walked) -> str:
    rates = run.acceptance_rate
    if not np.isfinite(rates).all():
        return "none yet"
    return f"{rates.mean():.3f} (of walkers {rates.min():.3f} to {rates.max():.3f})"
