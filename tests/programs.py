"""Programs in processes of their own, for what may abort, hang or leave an interpreter unusable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any


def outcome(program: str, seconds: float = 60, **environment: str) -> Any:
    """Run a program that ends well in that time, and read the JSON in its last line."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def exit_status(child: int, seconds: float) -> int | None:
    """Wait for a forked child; None if it hangs, and then it is killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
