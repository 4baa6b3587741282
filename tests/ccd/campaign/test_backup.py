"""Backup and restore: the folder is wiped and comes back as it was, also where commands were at work; or one line."""

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.backup import _names, backup, restore
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection.store import collect
from collection.synthetic.records import records
from tests.campaigns import judge, people


def silent(name: str, total: int) -> Any:
    return lambda number: None


@pytest.fixture
def full(tmp_path: Path) -> Campaign:
    """A campaign with pairs, photos, judgments, labels, and a file of every folder."""
    campaign = Campaign.create(
        tmp_path / "c", name="é", annotators=people("ann", "bob", "cy"), adjudicators=people("lead")
    )
    posts, _truth = records(12, 1, tmp_path / "drawn")
    collect(campaign, posts, "t.csv")
    with campaign.read() as db:
        pairs = sorted(db.scalars(sa.select(schema.pairs.c.pair_id)))
    for pair in pairs:
        for name in ("ann", "bob", "cy"):
            judge(campaign, pair, name, "implicit", annotation=f"{pair} {name}", created_at="2024-01-01T00:00:00.0Z")
    for name in ("raw/1.json.gz", "models/a/weights.safetensors", "predictions/a/1.parquet", "releases/v1/card.md"):
        (campaign.folder / name).parent.mkdir(parents=True)
        (campaign.folder / name).write_bytes(os.urandom(3000))
    (campaign.folder / "secret.key").write_text("5" * 64)
    (campaign.folder / "secret.key").chmod(0o600)
    (campaign.folder / "my notes é.txt").write_text("kept")
    (campaign.folder / "releases" / ".v2.part").mkdir()
    for name in ("releases/.v2.part/half", ".push.lock", "features/words/x.npy", "studio/credentials.json"):
        (campaign.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (campaign.folder / name).write_text("NOT SAVED")
    os.utime(campaign.folder / "models" / "a" / "weights.safetensors", (1_700_000_000, 1_700_000_000.5))
    return campaign


def rows(campaign: Campaign) -> dict[str, list[Any]]:
    with campaign.read() as db:
        return {table.name: sorted(map(repr, db.execute(sa.select(table)))) for table in schema.metadata.sorted_tables}


def files(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Content, time to the millisecond and rights of every file but the database."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("campaign.db"):
            state = path.stat()
            told = path.read_bytes(), state.st_mtime_ns // 1_000_000, stat.S_IMODE(state.st_mode)
            found[path.relative_to(folder).as_posix()] = told
    return found


LEFT_OUT = {
    "releases/.v2.part/half",
    ".push.lock",
    ".compliance.lock",
    "features/words/x.npy",
    "studio/credentials.json",
}


def test_wiped_and_restored_all_is_there(full: Campaign, tmp_path: Path) -> None:
    before, there = rows(full), files(full.folder)
    file = tmp_path / "saved.tar"
    done = CliRunner().invoke(cli, ["backup", str(file), "--dir", str(full.folder), "--json", "-"])
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["rows"]["judgments"], facts["bytes"]) == (36, file.stat().st_size)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"NOT SAVED" not in file.read_bytes()

    full.engine.dispose()
    shutil.rmtree(full.folder)
    done = CliRunner().invoke(cli, ["restore", str(file), "--dir", str(full.folder), "--json", "-"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["database"] == "restored"
    assert files(full.folder) == {name: told for name, told in there.items() if name not in LEFT_OUT}
    back = Campaign.open(full.folder)
    assert rows(back) == before
    assert back.uid == full.uid
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_only_the_campaigns_own_studio_and_features_are_left_out(tmp_path: Path) -> None:
    for name in ("studio/secret", "features/a/b", "reports/studio/a", "reports/features/b", ".hidden", "reports/.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert _names(tmp_path) == ["reports/features/b", "reports/studio/a"]


def test_nothing_is_overwritten(full: Campaign, tmp_path: Path) -> None:
    file = tmp_path / "saved.tar"
    backup(full, file, silent)
    data = file.read_bytes()
    with pytest.raises(CcdError, match="is there already; name another file"):
        backup(full, file, silent)
    with pytest.raises(CcdError, match="lies in the campaign"):
        backup(full, full.folder / "raw" / "b.tar", silent)
    before = files(full.folder)
    with pytest.raises(CcdError, match="is there already and not empty"):
        restore(file, full.folder, silent)
    assert (files(full.folder), file.read_bytes()) == (before, data)


@pytest.mark.parametrize("cut", [0, 100, 10_240, 0.5, 0.97])
def test_a_backup_that_was_cut_off_restores_nothing(full: Campaign, tmp_path: Path, cut: float) -> None:
    file = tmp_path / "saved.tar"
    backup(full, file, silent)
    data = file.read_bytes()
    file.write_bytes(data[: int(cut * len(data)) if isinstance(cut, float) else cut])
    with pytest.raises(CcdError, match=r"is no whole backup|is missing or not what was saved"):
        restore(file, tmp_path / "back", silent)
    assert not (tmp_path / "back").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_changed_byte_restores_nothing(full: Campaign, tmp_path: Path) -> None:
    file = tmp_path / "saved.tar"
    backup(full, file, silent)
    with tarfile.open(file) as tar:
        at = tar.getmember("raw/1.json.gz").offset_data + 17
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    with pytest.raises(CcdError, match=r"raw/1\.json\.gz is missing or not what was saved"):
        restore(file, tmp_path / "back", silent)
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt"])
def test_no_file_outside_the_folder(tmp_path: Path, name: str) -> None:
    file = tmp_path / "evil.tar"
    (tmp_path / "x").write_text("x")
    with tarfile.open(file, "w") as tar:
        tar.add(tmp_path / "x", "x")
        tar.getmembers()
        entry = tarfile.TarInfo(name)
        tar.addfile(entry)
    with pytest.raises(CcdError, match="which no backup does"):
        restore(file, tmp_path / "deep" / "back", silent)
    assert not list((tmp_path / "deep").iterdir())


def test_no_link_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as tar:
        entry = tarfile.TarInfo("images")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(entry)
    with pytest.raises(CcdError, match="which no backup does"):
        restore(file, tmp_path / "back", silent)


def changed(file: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup with other files, and a manifest that agrees with them."""
    with tarfile.open(file) as tar:
        content = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    told = json.loads(content.pop("backup.json"))
    change(content)
    told["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    with tarfile.open(target, "w") as tar:
        for name, data in (content | {"backup.json": json.dumps(told).encode()}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return target


def with_statement(content: dict[str, bytes], statement: str) -> None:
    """Run an SQL statement on the backup's database."""
    db = sqlite3.connect(":memory:")
    db.deserialize(content["campaign.db"])
    db.execute(statement)
    db.commit()
    content["campaign.db"] = db.serialize()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("campaign.db"), "holds no campaign.db, so it is no backup of a campaign"),
        (lambda c: c.pop("campaign.toml"), "holds no campaign.toml, so it is no backup of a campaign"),
        (lambda c: c.update({"campaign.db": b"junk" * 5000}), "is no database of a campaign"),
        (lambda c: c.update({"campaign.db": b""}), "is no database of a campaign"),
        (lambda c: c.update({"campaign.db": c["campaign.db"][:5000] + b"\xff" * 3000}), "its campaign.db is"),
        (
            lambda c: with_statement(c, "DELETE FROM judgments WHERE annotator = 'ann'"),
            "24 rows 'judgments' where 36",
        ),
        (lambda c: with_statement(c, "DROP TABLE events"), "no table 'events' where"),
        (lambda c: with_statement(c, "UPDATE meta SET value = 'x' WHERE key = 'uid'"), "is of another campaign than"),
        (
            lambda c: with_statement(c, "UPDATE meta SET value = '99' WHERE key = 'schema_version'"),
            "upgrade the toolkit",
        ),
        (lambda c: c.update({"campaign.toml": b"name = "}), "campaign.toml: not valid TOML"),
    ],
    ids=range(10),
)
def test_nothing_is_put_in_place_before_the_database_opens_and_agrees(
    full: Campaign, tmp_path: Path, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    backup(full, tmp_path / "saved.tar", silent)
    file = changed(tmp_path / "saved.tar", tmp_path / "other.tar", change)
    with pytest.raises(CcdError, match=re.escape(said)) as caught:
        restore(file, tmp_path / "back", silent)
    assert str(caught.value).startswith(str(file))
    assert not (tmp_path / "back").exists()
    assert not list(tmp_path.glob(".*"))


ENTRIES: dict[str, dict[str, Any]] = {
    "a name of 2,000 folders": {"name": "a/" * 2000 + "b"},
    "a name of 5,000 characters": {"name": "a" * 5000},
    "a pipe": {"type": tarfile.FIFOTYPE},
    "a device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
    "a link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "a hard link": {"type": tarfile.LNKTYPE, "linkname": "campaign.toml"},
    "a folder": {"type": tarfile.DIRTYPE},
    "a file with holes of 8 EB": {"pax_headers": {"GNU.sparse.size": str(1 << 63), "GNU.sparse.map": "0,0"}},
    "a time that is none": {"pax_headers": {"mtime": "nan"}},
    "a time far away": {"pax_headers": {"mtime": "1e300"}},
    "a name twice": {"name": "campaign.toml"},
    "a file as folder": {"name": "campaign.toml/b"},
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_no_backup_has_is_one_sentence(full: Campaign, tmp_path: Path, entry: dict[str, Any]) -> None:
    saved, file = tmp_path / "saved.tar", tmp_path / "other.tar"
    backup(full, saved, silent)
    with tarfile.open(saved) as source, tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for each in source:
            if each.name == "backup.json":
                odd = tarfile.TarInfo("odd")
                for name, value in entry.items():
                    setattr(odd, name, value)
                tar.addfile(odd)
            tar.addfile(each, source.extractfile(each))
    done = CliRunner().invoke(cli, ["restore", str(file), "--dir", str(tmp_path / "back")])
    assert done.exit_code == 2, done.output
    assert len(done.stderr) < 600
    assert "which no backup does; use one of `ccd backup`" in done.stderr
    assert not (tmp_path / "back").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_no_backup(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "b.tar"
    {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: path.symlink_to("/dev/zero")}[kind](file)
    with pytest.raises(CcdError, match="it is a"):
        restore(file, tmp_path / "back", silent)


@pytest.mark.soak
def test_taken_while_collect_writes_it_is_one_consistent_state(tmp_path: Path) -> None:
    campaign = Campaign.create(tmp_path / "c", name="c", annotators=people("ann", "bob", "cy"), adjudicators=())
    posts, _truth = records(20, 2, tmp_path / "drawn")
    photos = [str(post.photos[0].source) for post in posts]
    table = tmp_path / "pairs.jsonl"
    lines = [{"id": str(10**17 + i), "text": f"Text {i}", "image": photos[i % 20]} for i in range(4000)]
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-m", "apps.cli.main", "collect", "table", str(table), "--dir", str(campaign.folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        taken = []
        while process.poll() is None:
            taken.append(tmp_path / f"{len(taken)}.tar")
            backup(campaign, taken[-1], silent)
        assert process.returncode == 0
    seen = set()
    for file in taken:
        restore(file, tmp_path / file.stem, silent)
        back = Campaign.open(tmp_path / file.stem)
        with back.read() as db:
            assert db.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert db.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            images = db.scalars(sa.select(schema.images.c.file)).all()
            number = db.scalar(sa.select(sa.func.count()).select_from(schema.pairs))
        assert all((back.folder / image).is_file() for image in images)
        seen.add(number)
        back.engine.dispose()
    assert len(taken) > 1
    last = tmp_path / taken[-1].stem
    done = CliRunner().invoke(cli, ["collect", "table", str(table), "--dir", str(last), "--json", "-"])
    assert done.exit_code == 0, done.stderr
    with Campaign.open(last).read() as db:  # a restored campaign goes on where it was saved
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.pairs)) == 4000
