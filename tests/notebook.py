"""Running the cells of a notebook in IPython, without a notebook."""

from __future__ import annotations

import contextlib
import os
import sys

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class Notebook:
    """Cells run one after the other, as IPython runs them, in names of their own."""

    def __init__(self, shell):
        self.shell = shell

    def run(self, cell):
        """Execute a cell, magics and all; what it raises is raised."""
        result = self.shell.run_cell(cell)
        result.raise_error()

    def __getitem__(self, name):
        return self.shell.user_ns[name]


@contextlib.contextmanager
def notebook(directory):
    """Start IPython with its files in `directory`, and leave the process afterwards as it was."""
    main, path = sys.modules["__main__"], os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # for the processes that cells start
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, ipython_dir=str(directory))
    try:
        yield Notebook(shell)
    finally:
        shell.restore_sys_module_state()
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = main
        os.environ.pop("PYTHONPATH")
        if path is not None:
            os.environ["PYTHONPATH"] = path
