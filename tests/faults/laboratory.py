"""What the matrix is made in: a small disk, warm processes that commands are forked from, servers, and the chain."""

import contextlib
import functools
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.collection import photo_server, replay, social_replay, test_bluesky, test_mastodon
from tests.faults.cable import Cable
from tests.faults.commands import Chain, Command, Zygote, make_inputs
from tests.faults.faults import FAULTS, Disk

# What the commands of the chain import
LOADED = (
    "apps.cli.main", "apps.mending", "ccd.campaign.backup", "ccd.campaign.adjudication", "ccd.release",
    "ccd.reports.report", "ccd.campaign.gold_labels", "ccd.splitting.split",
    "collection.archive", "collection.compliance", "collection.duplicates", "collection.photos", "collection.store",
    "collection.bluesky", "collection.mastodon", "collection.table", "collection.tir", "collection.synthetic.folder",
    "collection.x", "model.acquisition", "model.prediction", "model.replay", "model.reproduce",
    "model.training", "model.attention", "sqlalchemy.dialects.sqlite", "PIL.JpegImagePlugin",
    "rich.console", "rich.progress",
)  # fmt: skip
LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@dataclass
class Laboratory:
    """All that a cell of the matrix needs."""

    chain: Chain
    disk: Disk
    plain: Callable[[], Zygote]
    cables: tuple[Cable, ...]

    def cell(self, command: Command, fault: str, seed: object, keep: Path | None = None) -> str:
        """Disturb a command; gives how it ended, and a copy of the campaign at the end in `keep`.

        Raises NotHere where it cannot be done, AssertionError for a fault.
        """
        self.disk.keep = keep
        more: dict[str, Any] = {"cables": self.cables} if fault == "network cut" else {}
        if fault == "LC_ALL=C":
            more["zygote"] = self.plain()
        self.chain.ready(command)
        return FAULTS[fault](self.chain, command, self.disk, random.Random(f"{command.name} {fault} {seed}"), **more)


@contextlib.contextmanager
def laboratory(base: Path) -> Iterator[Laboratory]:
    """Set all up in the empty folder `base`, and run the chain undisturbed."""
    inputs = base / "in"
    inputs.mkdir()
    make_inputs(inputs)
    with contextlib.ExitStack() as stack:
        disk = Disk(base / "disk")
        stack.callback(disk.close)
        usual, plain = zygotes(base, stack, LOADED)
        env, cables, ready = stack.enter_context(_servers())
        chain = Chain(base / "before", disk.folder / "é 日本", inputs, usual(), env, ready)
        chain.build()
        yield Laboratory(chain, disk, plain, cables)


def zygotes(base: Path, stack: contextlib.ExitStack, loaded: tuple[str, ...]) -> Iterator[Callable[[], Zygote]]:
    """One in the usual locale, one in C; each is started when it is first asked for."""
    for name, more in (("usual", {}), ("plain", LOCALE)):
        (base / name).mkdir()

        @functools.cache
        def zygote(folder: Path = base / name, env: dict[str, str] = os.environ | more) -> Zygote:
            started = Zygote(folder, env, loaded)
            stack.callback(started.close)
            return started

        yield zygote


@contextlib.contextmanager
def _servers() -> Iterator[tuple[dict[str, str], tuple[Cable, ...], Callable[[Command], None]]]:
    """Stand-ins of the networks and a photo server: the environment of commands, the cables, and what readies them."""
    bluesky, mastodon = social_replay.Bluesky(), social_replay.Mastodon()
    with (
        photo_server.serving() as pictures,
        replay.serving() as x,
        social_replay.serving(bluesky),
        social_replay.serving(mastodon),
    ):
        urls = x.url, f"http://{pictures.address}", bluesky.url, mastodon.url
        cables = tuple(Cable(url) for url in urls)
        photos = f"{cables[1].url}/photo"
        for number in range(3):
            bluesky.posts.append(sky := test_bluesky.post(number))
            sky["embed"]["images"][0]["fullsize"] = f"{photos}/{7000 + number}"
            mastodon.posts.append(toot := test_mastodon.status(number))
            toot["media_attachments"][0]["url"] = f"{photos}/{8000 + number}"
        found = [replay.post(900 + number) for number in range(6)]
        labelled = [replay.post(911 + number) for number in range(4)]
        plain = x._with_includes

        def nearby(some: list[replay.Json], params: dict[str, str]) -> replay.Json:
            page = plain(some, params)
            for medium in page.get("includes", {}).get("media", []):
                medium["url"] = f"{photos}/{medium['media_key'].removeprefix('3_')}"
            return page

        def ready(command: Command) -> None:
            """Searches find six posts; one of them is gone by the time that somebody asks."""
            x.posts.clear()
            x.add(*(labelled if command.name == "collect tir" else found))
            if command.name == "compliance":
                x.add(*labelled)
                x.posts.pop("905")

        x._with_includes = nearby  # type: ignore[method-assign]
        env = {"X_API_BASE_URL": cables[0].url, "X_BEARER_TOKEN": replay.TOKEN}
        env["CCD_ALLOW_PRIVATE_HOSTS"] = cables[1].url.removeprefix("http://")
        env |= {"BLUESKY_HANDLE": "me.example.org", "BLUESKY_APP_PASSWORD": social_replay.PASSWORD}
        env |= {"BLUESKY_SERVICE": cables[2].url, "MASTODON": cables[3].url}
        try:
            yield env, cables, ready
        finally:
            for cable in cables:
                cable.close()
