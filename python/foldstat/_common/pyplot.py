"""matplotlib, where a picture is asked for."""

from __future__ import annotations

from typing import Any


def import_pyplot(what: str) -> Any:
    """Import matplotlib for what is about to draw."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError(
            f'{what} draws with matplotlib, which is not installed: pip install "foldstat[plot]"'
        ) from error
    return pyplot
