"""Programs in processes of their own, for what may abort, hang or leave an interpreter unusable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def outcome(program: str, seconds: float = 60, **environment: str) -> Any:
    """Run a program that ends well in that time, and read the JSON in its last line."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])
