"""`ccd doctor --fix` on campaigns that are really broken: what it mends, what it leaves, and labels that stay."""

import fcntl
import hashlib
import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from apps.cli.doctor import doctor_command
from apps.mending import IN_A_CAMPAIGN
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.images import images as images_of
from ccd.campaign.tables.notes import note
from ccd.errors import CcdError
from ccd.release.images import read
from tests.campaigns import back_to_schema_5, judge, small_campaign

NO_PROCESS = 2**22 + 1  # above the largest number that Linux gives


@pytest.fixture(autouse=True)
def no_label_studio(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCD_STUDIO_ENV", str(tmp_path_factory.mktemp("environment")))


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """Two pairs with pictures on the disk, one of them judged and settled."""
    made = small_campaign(tmp_path / "c", pairs=2)
    for number, pair in enumerate(("x:0:0", "x:1:0")):
        draft = tmp_path / "draft.png"
        Image.new("RGB", (8, 8), (number, 0, 0)).save(draft)
        data = draft.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        file = made.folder / "images" / digest[:2] / f"{digest}.png"
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        values = {"sha256": digest, "file": str(file.relative_to(made.folder)), "bytes": len(data)}
        with made.write() as db:
            db.execute(
                schema.images.insert().values(
                    {"format": "PNG", "width": 8, "height": 8} | values,
                )
            )
            db.execute(schema.pairs.update().where(schema.pairs.c.pair_id == pair).values(image=digest))
    for name in ("ann", "bob", "cy"):
        judge(made, "x:0:0", name, "explicit")
    with made.write() as db:
        row = {"pair_id": "x:0:0", "question": "relevance", "label": "explicit", "resolved_by": "unanimous"}
        db.execute(schema.labels.insert().values(row | {"votes": "{}"}))
        note(db, "a", "b")
    return made


def images(campaign: Campaign) -> list[Path]:
    return sorted((campaign.folder / "images").glob("*/*.png"))


def stored(campaign: Campaign) -> dict[str, list[Any]]:
    """Every row of every table."""
    with campaign.read() as db:
        return {t.name: [tuple(row) for row in db.execute(sa.select(t))] for t in schema.metadata.sorted_tables}


def doctor(campaign: Campaign, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(doctor_command, ["--dir", str(campaign.folder), "--json", "-", *options])
    assert done.exit_code == 1, done.output  # Label Studio is not there in any of these
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fix(campaign: Campaign) -> dict[str, tuple[str, str | None]]:
    """What `ccd doctor --fix` did, by the name of the file; the database is as it was, and again there is nothing."""
    before = stored(campaign)
    facts = doctor(campaign, "--fix")
    assert stored(campaign) == before
    return {Path(one["where"]).name: (one["what"], one["done"]) for one in facts["mended"]}


def failed(campaign: Campaign) -> set[str]:
    return {check["what"] for check in doctor(campaign)["checks"] if not check["ok"]}


LABEL_STUDIO = {"Label Studio is installed", "Label Studio answers, accounts"}


def test_a_whole_campaign_needs_nothing(campaign: Campaign) -> None:
    assert fix(campaign) == {}
    assert failed(campaign) == LABEL_STUDIO


def test_a_changed_image_is_set_aside_and_shown_nowhere(campaign: Campaign) -> None:
    broken, _ = images(campaign)
    size = broken.stat().st_size
    broken.write_bytes(b"?" * size)  # of the right size: only the hash tells
    shown = campaign.folder / "studio" / "files" / broken.relative_to(campaign.folder)
    shown.parent.mkdir(parents=True)
    (campaign.folder / "studio").chmod(0o700)
    os.link(broken, shown)
    assert failed(campaign) == LABEL_STUDIO
    what, done = fix(campaign)[broken.name]
    aside = campaign.folder / "quarantine" / broken.relative_to(campaign.folder)
    assert what == "is not what was collected"
    assert done is not None
    assert "no whole copy was found" in done
    assert (aside.read_bytes(), broken.exists(), shown.exists()) == (b"?" * size, False, False)
    assert "images" in failed(campaign)
    assert fix(campaign) == {broken.name: ("is missing", None)}


def test_what_was_set_aside_before_stays(campaign: Campaign) -> None:
    broken, _ = images(campaign)
    for number in range(3):
        broken.write_bytes(b"%d" % number)
        fix(campaign)
    aside = campaign.folder / "quarantine" / broken.relative_to(campaign.folder)
    assert [file.read_bytes() for file in sorted(aside.parent.iterdir())] == [b"0", b"1", b"2"]


def test_images_come_back_from_a_release_and_from_label_studios_copy(campaign: Campaign) -> None:
    one, two = images(campaign)
    whole = {path: path.read_bytes() for path in (one, two)}
    published = campaign.folder / "releases" / "v1" / "images" / one.name
    offered = campaign.folder / "studio" / "files" / two.relative_to(campaign.folder)
    for copy, data in ((published, whole[one]), (offered, whole[two])):
        copy.parent.mkdir(parents=True)
        copy.write_bytes(data)
    (campaign.folder / "studio").chmod(0o700)
    one.write_bytes(b"cut short")
    two.unlink()
    two.parent.rmdir()
    did = fix(campaign)
    assert did[one.name][1] == (
        f"moved to quarantine/images/{one.name[:2]}/{one.name}; put back from releases/v1/images/{one.name}"
    )
    assert did[two.name] == ("is missing", f"put back from studio/files/images/{two.name[:2]}/{two.name}")
    assert {path: path.read_bytes() for path in (one, two)} == whole
    assert failed(campaign) == LABEL_STUDIO


def test_what_compliance_took_out_is_erased_when_its_days_are_over(campaign: Campaign) -> None:
    for name in ("2020-01-01T00-00-00.000000", "2999-01-01T00-00-00.000000", "images"):
        (campaign.folder / "quarantine" / name).mkdir(parents=True)
    found = list(IN_A_CAMPAIGN["quarantine is erased in time"](campaign))
    assert [(one.where.name, one.mend and one.mend()) for one in found] == [("2020-01-01T00-00-00.000000", "removed")]
    left = {path.name for path in (campaign.folder / "quarantine").iterdir()}
    assert left == {"2999-01-01T00-00-00.000000", "images"}


def test_leftovers_of_killed_runs_go_and_those_of_living_ones_stay(campaign: Campaign) -> None:
    folder = campaign.folder
    dead = [folder / f".campaign.toml.{NO_PROCESS}.part", images(campaign)[0].parent / f".ab.jpg.{NO_PROCESS}.part"]
    cache = folder / "features" / "words" / "light-1"
    alive = images(campaign)[0].parent / f".cd.jpg.{os.getpid()}.part"
    training = folder / "models" / ".ananet-1.part"
    for path in (*dead, alive):
        path.write_bytes(b"half")
    for inside in (cache / f".shard.{NO_PROCESS}.part", training, folder / "releases" / ".v1.part"):
        inside.mkdir(parents=True)
    (cache / "manifest.json").write_text("{}")
    assert "no leftovers of killed runs" in failed(campaign)
    did = fix(campaign)
    assert {done for _what, done in did.values()} == {"removed"}
    assert set(did) == {*(path.name for path in dead), f".shard.{NO_PROCESS}.part", ".v1.part"}
    assert alive.exists()
    assert training.exists()  # `ccd train` goes on there
    assert failed(campaign) == LABEL_STUDIO


def test_a_release_that_is_being_written_is_left_alone(campaign: Campaign) -> None:
    part = campaign.folder / "releases" / ".v1.part"
    part.mkdir(parents=True)
    with (part.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fix(campaign) == {}
    assert set(fix(campaign)) == {".v1.part"}


def test_secrets_are_closed(campaign: Campaign) -> None:
    studio = campaign.folder / "studio"
    studio.mkdir()
    studio.chmod(0o755)
    for path in (campaign.folder / "secret.key", studio / "credentials.json"):
        path.write_text('{"email": "a", "password": "b", "token": "c"}')
        path.chmod(0o640)  # who is in the group is another too
    assert "secrets are closed to others" in failed(campaign)
    assert set(fix(campaign)) == {"secret.key", "credentials.json", "studio"}
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (campaign.folder / "secret.key", studio)]
    assert modes == [0o600, 0o700]
    assert failed(campaign) == LABEL_STUDIO


def test_what_cannot_be_read_and_can_be_made_again_is_set_aside(campaign: Campaign) -> None:
    folder = campaign.folder
    for cache in ("features/regions/light-1", "predictions/ananet-1"):
        (folder / cache).mkdir(parents=True)
        (folder / cache / "manifest.json").write_text('{"form')
    (folder / "studio").mkdir(mode=0o700)
    (folder / "studio" / "server.json").write_text("pid=1")
    assert failed(campaign) > {"features and predictions can be read", "Label Studio's notes can be read"}
    did = fix(campaign)
    assert did["light-1"][1] == "moved to quarantine/features/regions/light-1"
    assert did["server.json"][1] == "moved to quarantine/studio/server.json"
    assert (folder / "quarantine" / "predictions" / "ananet-1" / "manifest.json").exists()
    assert failed(campaign) == LABEL_STUDIO


def test_what_only_a_backup_brings_back_is_told(campaign: Campaign) -> None:
    credentials = campaign.folder / "studio" / "credentials.json"
    credentials.parent.mkdir(mode=0o700)
    credentials.touch(0o600)
    with campaign.write() as db:
        db.execute(schema.releases.insert().values(name="v1", created_at="2026", manifest_sha256="ab"))
    assert {name: done for name, (_what, done) in fix(campaign).items()} == {"credentials.json": None, "v1": None}
    checks = {check["what"]: check for check in doctor(campaign)["checks"]}
    assert checks["releases are as written"]["remedy"] == "restore it from a backup, or from where it was published"


def test_a_database_that_is_damaged_is_told_and_left(campaign: Campaign) -> None:
    campaign.engine.dispose()
    path = campaign.folder / "campaign.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 2 :] = b"\xff" * (len(damaged) - 4096 * 2)
    path.write_bytes(damaged)
    facts = doctor(campaign, "--fix")
    (check,) = [check for check in facts["checks"] if check["what"].endswith("database")]
    assert not check["ok"]
    assert "backup" in check["remedy"] or "database_url" in check["remedy"]


def test_an_older_schema_is_brought_forward(campaign: Campaign) -> None:
    with campaign.write() as db:  # version 4 had all but the table `published`
        back_to_schema_5(db)
        db.exec_driver_sql("DROP TABLE published")
        note(db, "schema_version", 4)
    checks = {check["what"]: check["found"] for check in doctor(campaign, "--fix")["checks"]}
    assert checks["campaign.toml, protocol, database"].endswith(f"schema {schema.SCHEMA_VERSION}")


def test_a_folder_without_a_campaign_is_left_as_it_is(tmp_path: Path) -> None:
    done = CliRunner().invoke(doctor_command, ["--dir", str(tmp_path), "--fix"])
    assert done.exit_code == 1
    assert "ccd init" in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_metadata_are_taken_out_of_photos_that_are_there(campaign: Campaign) -> None:
    noted = PngInfo()
    noted.add_text("Author", "Jane Doe")
    draft = campaign.folder / "draft.png"
    Image.new("RGB", (8, 8), (9, 9, 9)).save(draft, pnginfo=noted)
    data = draft.read_bytes() + b"and a street"
    draft.unlink()
    digest = hashlib.sha256(data).hexdigest()
    file = f"images/{digest[:2]}/{digest}.png"
    paths = [campaign.folder / file, campaign.folder / "studio" / "files" / file]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (campaign.folder / "studio").chmod(0o700)
    row = {"sha256": digest, "file": file, "format": "PNG", "width": 8, "height": 8, "bytes": len(data)}
    with campaign.write() as db:
        db.execute(schema.images.insert().values(row))
        db.execute(schema.pairs.update().where(schema.pairs.c.pair_id == "x:1:0").values(image=digest))
    with pytest.raises(CcdError, match="holds more than its picture; run `ccd doctor --fix`"):
        read(paths[0], digest)
    assert failed(campaign) == LABEL_STUDIO | {"images hold nothing but their picture"}

    for _again in range(2):  # the second time as where it was killed before the file was written
        (one,) = doctor(campaign, "--fix")["mended"]
        assert (one["what"], one["done"]) == (
            "holds metadata, or bytes after its end",
            "taken out; the pixels are the same",
        )
        for path in paths:
            assert b"Jane" not in path.read_bytes()
            assert b"street" not in path.read_bytes()
            with Image.open(path) as image:
                assert image.getpixel((0, 0)) == (9, 9, 9)
        assert failed(campaign) == LABEL_STUDIO
        assert fix(campaign) == {}
        with campaign.read() as db:
            (found,) = [row for row in images_of(db, shown=True) if row.sha256 == digest]
        assert read(paths[0], found.content) == paths[0].read_bytes()
        paths[0].write_bytes(data)
