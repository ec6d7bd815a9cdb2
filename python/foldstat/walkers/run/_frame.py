"""Runs as tables with one row for each draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from foldstat._common.frames import FrameKind, frame_of_columns
from foldstat._common.room import room_for
from foldstat.walkers.run._labelled import CHAIN, DRAW, check_names
from foldstat.walkers.run._walked import Walked


def to_frame(run: Walked, kind: FrameKind) -> Any:
    """Make a table: all draws of the first walker, then those of the second, and so on."""
    check_names(run, "to_frame()", "a column of the table")
    n_walkers, n_draws, n_dims = run.draws.shape
    with room_for(f"a table of {n_walkers * n_draws} draws in {n_dims} dimensions"):
        numbers = {
            CHAIN: np.repeat(np.arange(n_walkers), n_draws),
            DRAW: np.tile(np.arange(n_draws), n_walkers),
        }
        columns = {name: run.draws[..., dim].reshape(-1) for dim, name in enumerate(run.names)}
        return frame_of_columns(kind, numbers | columns)
