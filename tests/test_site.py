"""The pages build as a site: every link and anchor leads somewhere, and nothing is loaded from another server."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


class Loaded(HTMLParser):
    """Addresses that a browser asks for by itself when it shows a page; links wait for a click."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        loads = tag in ("script", "img", "iframe", "source") or given.get("rel") in ("stylesheet", "icon", "preconnect")
        if loads:
            self.addresses += [value for key in ("src", "href") if (value := given.get(key))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    mkdocs = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder))
    done = subprocess.run(mkdocs, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.with_suffix(".html").name).is_file()
    start = (site / "start.html").read_text(encoding="utf-8")
    assert 'href="campaign.html"' in start
    assert "A campaign in five minutes" in start


def test_nothing_comes_from_another_server(site: Path) -> None:
    asked = 0
    for page in site.glob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        asked += len(loaded.addresses)
        assert [address for address in loaded.addresses if re.match(r"(?:https?:)?//", address)] == [], page.name
    assert asked
    assert not [
        css for css in site.rglob("*.css") if re.search(r"url\((?:https?:)?//", css.read_text(encoding="utf-8"))
    ]
