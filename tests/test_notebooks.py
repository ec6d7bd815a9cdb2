"""Every notebook runs from top to bottom, on small data."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
ROWS = 20_000

# What the first sentence of each says about its size.
SIZES = {
    "fold_anywhere": f"{ROWS:,} rows of data",
    "parallel_em": f"{ROWS:,} rows of data",
    "hyperparameter_search": "100 machines with 10 configurations each",
    "random_walkers": f"{ROWS:,} steps in plain Python",
}


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == set(SIZES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


# What walkers say of themselves where they are few steps long, or stay on one hill, as the notebook shows.
OF_FEW_STEPS = ("NotConvergedWarning: not to be trusted", "as emcee gives them, are x.swapaxes(0, 1)")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDSTAT_NOTEBOOK_ROWS", str(ROWS))
    # Compiled cells are cached here; an empty directory means that they are compiled.
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    # An exception would have ended the run; a warning is printed on stderr.
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not [text for text in complaints if not any(words in text for words in OF_FEW_STEPS)]
    prose = [output.data["text/markdown"] for output in outputs if is_prose(output)]
    assert SIZES[path.stem] in prose[0]
    assert not [text for text in prose if "nan" in text.split() or "inf" in text.split()]
    assert any("image/png" in output.get("data", {}) for output in outputs)


def is_prose(output):
    return output.output_type == "display_data" and "text/markdown" in output.data
