"""Functions of moves that were saved: what is left is their name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True)
class Lost:
    """Stands where a function of the user was."""

    function: str

    @staticmethod
    def config_of(function: Any) -> dict[str, str]:
        """Give what is saved of a function."""
        if isinstance(function, Lost):
            return {"function": function.function}
        return {"function": str(getattr(function, "__qualname__", type(function).__qualname__))}

    def __call__(self, *arguments: Any) -> NoReturn:
        raise RuntimeError(f"{self.function} was not saved with the move: give the move again")
