"""The commands that write, in the order of a campaign, and what each of them leaves on the disk.

`Chain` runs them one after another, undisturbed, and keeps a copy of the folder before and after each: what a fault may
do to a command is then seen by running it on the copy from before.
"""

import contextlib
import gzip
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.notes import SERVER_CLOCK
from collection.synthetic.records import records
from tests.campaigns import judge

TIMES = {"at", "collected_at", "pulled_at", "checked_at", "created_at"}  # columns that tell when, not what
COUNTED = {"event_id", "tries", "judgment_id", "digest"}  # how often, and what is made of random ids
STAMP = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?|review:[0-9a-f-]{36}")
SECONDS = re.compile(rb'(?m)"seconds": [0-9.e-]+|^.*,seconds,.*$')


@dataclass(frozen=True)
class Command:
    """A command that writes. In `argv`, {c} is the campaign, {root} its parent, {in} the folder of inputs.

    `once`: a second run does another thing, as draw another round, or is refused. `online`: talks to a server. `code`:
    how it ends here.
    """

    name: str
    argv: tuple[str, ...]
    once: bool = False
    online: bool = False
    again: tuple[str, ...] = ()  # what a person adds when the network was at fault
    database: bool = True  # there is one before it starts, and it needs it
    code: int = 0


def _(name: str, argv: str, **kind: Any) -> Command:
    return Command(name, tuple(argv.split()), **kind)


COMMANDS = (
    _("init", "init {c} --name c", once=True, database=False),
    _("protocol new", "protocol new {root}/own.toml", once=True, database=False),
    _("collect table", "collect table {in}/pairs.jsonl --dir {c}"),
    _("collect archive", "collect archive {in}/archive.jsonl --dir {c}"),
    _("collect x", "collect x search cat --max-posts 9999 --dir {c}", online=True),
    _("collect tir", "collect tir {in}/tir.csv --dir {c}", online=True),
    _("collect bluesky", "collect bluesky search cat --dir {c}", online=True),
    _("collect mastodon", "collect mastodon tag cats --instance {MASTODON} --dir {c}", online=True),
    _("collect photos", "collect photos --dir {c}", online=True, again=("--retry-failed",)),
    _("duplicates", "duplicates --dir {c}"),
    _("round new", "round new --size 30 --seed 1 --dir {c}", once=True),
    _("labels", "labels --dir {c}"),
    _("review: a decision", "decide {c} {pair} implicit", once=True),
    _("agreement", "agreement --folds 100 --dir {c}"),
    _("split", "split --dir {c}"),
    _("release", "release v1 --dir {c}", once=True),
    _("release ids", "release ids --dehydrate --dir {c}", once=True),
    _("hydrate", "hydrate {c}/releases/ids --archive {in}/all.jsonl --images {in}", once=True, database=False),
    _("encode", "encode --workers 1 --dir {c}"),
    _("train", "train --model ananet --epochs 2 --precision fp32 --threads 1 --dir {c}"),
    _("predict", "predict --threads 1 --dir {c}"),
    _("explain", "explain {pair} --threads 1 --out {root}/seen.png --dir {c}"),
    _("reproduce", "reproduce table6 --data {c}/releases/v1 --seeds 1 --epochs 1 --threads 1 --dir {c}"),
    _("replay", "replay --data {in}/labelled --strategy margin --seeds 1 --threads 1 --dir {c}"),
    _("rank", "rank --size 6 --seed 1 --dir {c}", once=True),
    _("doctor --fix", "doctor --fix --dir {c}", code=1),  # no Label Studio runs here
    _("compliance", "compliance --yes --dir {c}", online=True),
    _("backup", "backup {root}/saved.tar --dir {c}", once=True),
    _("restore", "restore {root}/saved.tar --dir {root}/back", once=True, database=False),
    _("world", "world --out {root}/world --pairs 20 --workers 1", database=False),
)  # fmt: skip


class Zygote:
    """Runs commands in processes that are forked from one that has loaded what they import."""

    def __init__(self, folder: Path, env: dict[str, str], loaded: tuple[str, ...]) -> None:
        self._folder = folder
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote", *loaded], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=env,
        )  # fmt: skip
        self._read()

    def _read(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def _ask(self, **asked: Any) -> int:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def start(self, argv: list[str], env: dict[str, str], code: int = 0, **fault: Any) -> "Running":
        """Start a command that ends with `code`; `fault` is what its process does to itself first, see zygote.py."""
        self._number += 1
        err = self._folder / f"{self._number}.err"
        return Running(self._ask(argv=argv, env=env, err=str(err), **fault), err, self, code)

    def wait(self, pid: int) -> int:
        return self._ask(wait=pid)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


@dataclass
class Running:
    """A command at work."""

    pid: int
    err: Path
    zygote: Zygote
    wanted: int

    def end(self) -> "Ended":
        code = self.zygote.wait(self.pid)
        said = self.err.read_text(encoding="utf-8", errors="replace") if self.err.exists() else ""  # killed at once
        return Ended(code, said, self.wanted)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    err: str
    wanted: int

    def is_done(self) -> bool:
        """With the exit code of an undisturbed run."""
        return self.code == self.wanted

    def is_clear(self) -> bool:
        """Done, or one clear line and exit code 2."""
        told = [line for line in self.err.splitlines() if line.startswith("ccd: ")]
        return "Traceback" not in self.err and (self.is_done() or (self.code == 2 and len(told) == 1))


@dataclass
class Chain:
    """All commands in order, undisturbed: the folder before and after each, its `seconds`, the bytes it has `grown`."""

    base: Path  # where the copies go
    root: Path  # where it runs, and where each cell runs again
    inputs: Path
    zygote: Zygote
    env: dict[str, str]
    ready: Callable[[Command], None]  # readies servers for a command
    commands: tuple[Command, ...] = COMMANDS
    ignored: frozenset[str] = frozenset()  # columns that a server numbers
    pair: str = ""
    after: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    twice: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    grown: dict[str, int] = field(default_factory=dict)

    def argv(self, command: Command, root: Path) -> list[str]:
        places = {"c": str(root / "c"), "root": str(root), "in": str(self.inputs), "pair": self.pair}
        places |= self.env
        return [word.format(**places) for word in command.argv]

    def start(self, command: Command, root: Path, **fault: Any) -> Running:
        return self.zygote.start(self.argv(command, root), self.env, command.code, **fault)

    def stage(self, command: Command) -> Path:
        """The folder as it is before the command."""
        return self.base / command.name.replace(" ", "-")

    def state(self, root: Path) -> dict[str, Any]:
        return state(root, self.ignored)

    def build(self) -> None:
        """Run the chain."""
        root = self.root
        root.mkdir(exist_ok=True)
        for command in self.commands:
            self.ready(command)
            self._prepare(command, root)
            shutil.copytree(root, self.stage(command))
            self.before[command.name] = self.state(root)
            size = _size(root)
            begin = time.monotonic()
            ended = self.start(command, root).end()
            self.seconds[command.name] = time.monotonic() - begin
            assert ended.is_done(), f"{command.name}: code {ended.code}: {ended.err}"
            self.grown[command.name] = _size(root) - size
            self.after[command.name] = self.state(root)
            if command.once:
                kept = shutil.copytree(root, self.base / "kept")
                self.start(command, root).end()
                self.twice[command.name] = self.state(root)
                shutil.rmtree(root)
                shutil.move(kept, root)
        shutil.rmtree(root)

    def _prepare(self, command: Command, root: Path) -> None:
        """What people do between two commands, and a secret that is the same in every run."""
        if command.name == "collect table":
            (root / "c" / "secret.key").write_text("0" * 64)
        if command.name == "labels":
            answer(Campaign.open(root / "c"))
        if command.name == "review: a decision":
            with contextlib.closing(sqlite3.connect(root / "c" / "campaign.db")) as db:
                (self.pair,) = db.execute("SELECT pair_id FROM labels ORDER BY pair_id LIMIT 1").fetchone()
        if command.name == "doctor --fix":
            for name in (".campaign.toml.1.part", "features/words/spoilt/manifest.json"):
                (root / "c" / name).parent.mkdir(parents=True, exist_ok=True)
                (root / "c" / name).write_text("{")
            (root / "c" / "secret.key").chmod(0o644)


def answer(campaign: Campaign) -> None:
    """Everybody's answer to every assigned pair, as a pull would store them."""
    labels = campaign.protocol.labels
    with campaign.read() as db:
        a = schema.assignments.c
        rows = db.execute(sa.select(a.pair_id, a.annotator).order_by(a.pair_id, a.annotator)).all()
    for place, (pair, annotator) in enumerate(rows):
        number = sum(pair.encode()) + (annotator == "ann3" and sum(pair.encode()) % 5 == 0)
        at = f"2024-01-01T00:{place // 60:02}:{place % 60:02}.000000Z"
        judge(campaign, pair, annotator, labels[number % 3], created_at=at)
    campaign.engine.dispose()


def make_inputs(folder: Path) -> None:
    """A table and archives of posts, and their pictures."""
    posts, _truth = records(24, 1, folder)
    rows = [
        {"id": str(10**17 + i), "text": f"{p.text} 🙂 é", "image": str(p.photos[0].source)} for i, p in enumerate(posts)
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pages = [_tweet(folder, 5 * 10**17 + i) for i in range(8)]
    (folder / "archive.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages))
    whole = [_tweet(folder, 10**17 + i, row["text"], Path(row["image"]).name) for i, row in enumerate(rows)]
    (folder / "all.jsonl").write_text("".join(json.dumps(page) + "\n" for page in [*whole, *pages]))
    header = "tweet_id,text_is_represented,image_adds,both,adds,represented,neither\n"
    (folder / "tir.csv").write_text(header + "".join(f"{911 + i},0,1,0,1,0,0\n" for i in range(4)))
    (folder / "labelled" / "images").mkdir(parents=True)
    for row in rows:
        shutil.copy(row["image"], folder / "labelled" / "images")
    for split, size in (("train", 460), ("dev", 40), ("test", 20)):
        (folder / "labelled" / f"{split}.jsonl").write_text(
            "".join(json.dumps(_labelled(rows[number % len(rows)], split, number)) + "\n" for number in range(size))
        )


def _labelled(row: dict[str, str], split: str, number: int) -> dict[str, Any]:
    """A pair as a release has it, with the photo and the words of a row of the table."""
    label = number % 7 % 3
    return {
        "pair_id": f"{split}:{number}",
        "post_id": f"{split}:{number}",
        "text": f"{row['text']} {number}",
        "image": f"images/{Path(row['image']).name}",
        "label": ("irrelevant", "implicit", "explicit")[label],
        "label_id": label,
    }


def _tweet(folder: Path, number: int, text: str = "", name: str = "") -> dict[str, Any]:
    """A post as an archive of v1.1 has it, and its photo under the name in its URL."""
    if not name:
        name = f"{number}.png"
        from tests.collection.photo_server import photo

        (folder / name).write_bytes(photo(number % 1000 + 300, "PNG"))
    media = {"type": "photo", "id_str": f"7{number}", "media_url_https": f"https://pbs.twimg.com/media/{name}"}
    return {
        "id_str": str(number), "full_text": text or f"Archived post {number}", "lang": "en",
        "created_at": "Wed Oct 10 20:19:24 +0000 2018", "user": {"id_str": "77"},
        "extended_entities": {"media": [media | {"url": "https://t.co/x", "expanded_url": "https://x.org"}]},
    }  # fmt: skip


def state(root: Path, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
    """All that is on the disk under `root` and in its databases, but times, uids and locks: name → content."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() or path.name.endswith((".lock", "-wal", "-shm", "-journal")) or "secret.key" in name:
            continue
        if "quarantine/" in name:  # a folder a run: a killed one and the next share what one alone would have
            continue
        if path.name == "campaign.db":
            found |= {f"{name}:{table}": rows for table, rows in _tables(path, ignored).items()}
        elif path.suffix == ".tar":
            found[name] = _saved(path)
        else:
            found[name] = _digest(path.read_bytes(), path.suffix)
    return found


def _digest(data: bytes, suffix: str) -> str:
    if suffix == ".gz":
        data = gzip.decompress(data)
    if suffix not in (".parquet", ".safetensors", ".npy", ".jpg", ".png"):
        data = SECONDS.sub(b"", STAMP.sub(b"", data))
    return hashlib.sha256(data).hexdigest()


def _tables(path: Path, ignored: frozenset[str]) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = {}
        for name in names:
            rows = [dict(row) for row in db.execute(f"SELECT * FROM {name}")]
            told = [
                {k: v for k, v in row.items() if k not in TIMES | COUNTED | ignored}
                for row in rows
                if row.get("key") not in ("uid", SERVER_CLOCK)
            ]
            tables[name] = sorted(STAMP.sub(b"", json.dumps(row, sort_keys=True).encode()) for row in told)
        return tables


def _saved(path: Path) -> Any:
    """What a backup holds: names, and the rows of its tables."""
    with tarfile.open(path) as tar:
        told = json.loads(tar.extractfile("backup.json").read())  # type: ignore[union-attr]
    return {name: sha for name, sha in told["files"].items() if name != "campaign.db"}, told["rows"]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def differences(found: dict[str, Any], *wanted: dict[str, Any]) -> list[str]:
    """The names in which a state differs from the first of the wanted ones; none where it is one of them."""
    if found in wanted:
        return []
    first = wanted[0]
    return sorted(name for name in found.keys() | first.keys() if found.get(name) != first.get(name))
