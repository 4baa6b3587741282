"""notebooks/quickstart.ipynb runs from the top, and is kept without outputs: they would tell of another version."""

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "quickstart.ipynb"


# Read by the kernel before all cells: what they give to bash is run in the kernel, which has torch loaded already.
IN_PROCESS = """
import contextlib, os, shlex, subprocess
from IPython import get_ipython
from apps.cli.main import cli

def bash(line, cell):
    with contextlib.chdir("."):
        for words in map(shlex.split, cell.splitlines()):
            if words[0] == "ccd":
                cli.main(words[1:], standalone_mode=False)
            elif words[0] == "cd":
                os.chdir(words[1])
            else:
                print(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

get_ipython().register_magic_function(bash, "cell")
"""


@pytest.mark.parametrize("first", [IN_PROCESS, pytest.param(None, marks=pytest.mark.soak)], ids=["one process", "bash"])
def test_the_quickstart_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str | None) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = nbformat.read(NOTEBOOK, as_version=4)
    if first is not None:
        book.cells.insert(0, nbformat.v4.new_code_cell(first))
    NotebookClient(book, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell["outputs"]]
    told = "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)
    assert "all files, images, labels, splits and counts are as released" in told
    assert "Next: ccd push" in told
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_it_is_kept_without_outputs() -> None:
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs"), "clear the outputs before committing"
        assert cell.get("execution_count") is None


def test_the_notebook_uses_the_public_face() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "import ccd" in text
    assert not re.search(r"sqlalchemy|from ccd\.", text)
