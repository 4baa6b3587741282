"""docs/measured.md: what a benchmark handed over and printed is kept, and outlives one that fails."""

from pathlib import Path

import pytest

from benchmarks import measured
from benchmarks.measured import Benchmark

GOOD = """
from benchmarks import hand_over
hand_over("a count", "s", 2.0, "another way", 5.0)
print("counted")
"""


def test_a_section_is_kept_until_a_whole_run_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "benchmarks"
    package.mkdir()
    source = Path(measured.__file__).parent
    (package / "__init__.py").write_text((source / "__init__.py").read_text())
    (package / "count.py").write_text(GOOD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measured, "PAGE", tmp_path / "measured.md")
    benchmark = Benchmark("counting", "How fast?", "another way", "count", versions=("no-such-package",))
    other = Benchmark("later", "How far?", "none", "later")
    monkeypatch.setattr(measured, "BENCHMARKS", (benchmark, other))
    monkeypatch.setattr("sys.argv", ["measured", "counting"])
    measured.main()
    page = measured.PAGE.read_text()
    assert "| a count | 2 s | another way | 5 s | 2.50 |" in page
    assert "```text\ncounted\n```" in page
    assert "no-such-package not installed" in page
    assert "How far? Peer: none. Not run yet." in page

    (package / "count.py").write_text("print('half of it')\nraise SystemExit(1)")
    with pytest.raises(SystemExit, match="keep what they had: counting"):
        measured.main()
    assert measured.PAGE.read_text() == page
