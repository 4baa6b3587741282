"""Where the shared real data lies; tests that need it skip where it is absent."""

from pathlib import Path

_folder = Path(__file__).resolve().parents[2] / "shared" / "data"
SHARED: Path | None = _folder if _folder.is_dir() else None
