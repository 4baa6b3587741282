"""One real Label Studio for all end-to-end tests, started as a user would; campaigns of their own beside it."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from annotation import client, predictions, tasks
from annotation import studio as local
from annotation.client import Studio
from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from collection.store import collect
from collection.synthetic.records import records
from tests.e2e.postgres import running
from tests.e2e.proxy import Proxy

PEOPLE = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
LEAD = (Person("lead", "lead@example.org"),)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker("e2e")


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str
    facts: Any


def ccd(folder: Path, *command: str, code: int = 0, env: dict[str, str] | None = None) -> Ran:
    """Run a command with its real command line, in this process, and expect its exit code."""
    umask = os.umask(0)
    os.umask(umask)
    try:
        done = CliRunner().invoke(cli, [*command, "--dir", str(folder), "--json", "-"], env=env, catch_exceptions=False)
    finally:
        os.umask(umask)  # `ccd studio start` narrows it, for its own process
    assert done.exit_code == code, done.output
    if code == 2:
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("ccd: ")
        assert done.stdout == ""
    return Ran(done.exit_code, done.stdout, done.stderr, json.loads(done.stdout) if done.stdout else None)


@dataclass(frozen=True)
class Server:
    """The Label Studio of the session: its address, its admin's token, everybody's password, its campaign's folder."""

    url: str
    token: str
    passwords: dict[str, str]
    folder: Path


@pytest.fixture(scope="session", autouse=True)
def _short_pauses() -> Iterator[None]:
    """Between two tries of a request that failed: the servers here are at work again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "BACKOFF", 0.01)
        for module in (predictions, tasks):
            patch.setattr(module, "PAUSES", (0.1,) * len(module.PAUSES))
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server") / "campaign"
    Campaign.create(folder, name="main", annotators=PEOPLE, adjudicators=LEAD)
    made = ccd(folder, "studio", "start").facts
    try:
        token = json.loads((folder / "studio" / "credentials.json").read_text())["token"]
        passwords = {name: account["password"] for name, account in made["accounts"].items()}
        yield Server(made["url"], token, passwords, folder)
    finally:
        assert ccd(folder, "studio", "stop").facts["stopped"]
        assert local.status(folder) is None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of our own on a socket in a temporary folder; gives its database_url."""
    with running() as socket:
        yield f"postgresql+psycopg://ccd@/postgres?host={socket}"


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.url)
    yield proxy
    proxy.close()


def campaign_on(url: str, folder: Path, pairs: int, **settings: str) -> tuple[Campaign, dict[str, str]]:
    """A campaign of synthetic pairs, one round drawn, on an existing server; and the true labels."""
    Campaign.create(folder, name=folder.name, annotators=PEOPLE, adjudicators=LEAD)
    edit(folder, '# url = "http://127.0.0.1:8080"', f'url = "{url}"')
    for old, new in settings.items():
        edit(folder, old, new)
    campaign = Campaign.open(folder)
    posts, truth = records(pairs, 1, folder / "drawn")
    collect(campaign, posts, "synthetic")
    ccd(folder, "round", "new", "--size", str(pairs), "--seed", "1")
    return campaign, truth


def edit(folder: Path, old: str, new: str) -> None:
    """Change campaign.toml as a person would."""
    path = folder / "campaign.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def api(server: Server) -> Studio:
    """The server as its administrator, to look at it from outside the toolkit's own commands."""
    return Studio(server.url, server.token)


@pytest.fixture(autouse=True)
def _token(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "server" in request.fixturenames:
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", request.getfixturevalue("server").token)
