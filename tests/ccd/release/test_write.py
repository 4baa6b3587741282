"""A release is whole or not there, the same bytes from the same state, and every damage to it is found."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from ccd.campaign.agreement import of_campaign
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.release import Form, verify, write, write_release
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import TWO, E, I, R
from tests.conftest import PIXEL

pytestmark = pytest.mark.usefixtures("undrawn")

VOTES = {f"x:{n}:0": (label, label, E) for n in range(30) for label in (E, I, R)[n % 3 : n % 3 + 1]} | {
    "x:900:0": (E, I, R),
    "x:901:0": (E, None, None),
}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settled and split campaign, to be copied."""
    made = campaign(tmp_path_factory.mktemp("ready") / "campaign", VOTES)
    aggregate_labels(made)
    split_campaign(made)
    made.engine.dispose()
    return made.folder


@pytest.fixture
def made(ready: Path, tmp_path: Path) -> Campaign:
    shutil.copytree(ready, tmp_path / "campaign")
    return Campaign.open(tmp_path / "campaign")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for split in ("train", "dev", "test") for line in (folder / f"{split}.jsonl").open()]


def rehash(folder: Path, name: str) -> None:
    """What somebody does who changes a file and wants nobody to see it."""
    lines = (folder / "MANIFEST.sha256").read_text().splitlines()
    fresh = f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
    lines = [fresh if line.endswith(f"  {name}") else line for line in lines]
    (folder / "MANIFEST.sha256").write_text("\n".join(lines) + "\n")


def test_pairs_sent_out_since_labels_were_settled_are_counted_as_incomplete(tmp_path: Path) -> None:
    made = campaign(tmp_path / "c", {f"x:{n}:0": ("explicit",) * 3 for n in range(12)})
    aggregate_labels(made)
    split_campaign(made)
    add_pairs(made, ["y:0:0", "y:1:0"], number=2)
    done = write_release(made, "v1")
    assert done.excluded == {"incomplete": 2}
    assert "2 incomplete." in (done.folder / "methods.md").read_text()
    assert verify(done.folder) == []


def test_what_is_in_it(made: Campaign) -> None:
    done = write_release(made, "v1")
    assert done.excluded == {"incomplete": 1, "open": 1}
    assert sum(counts["all"] for counts in done.counts.values()) == 30
    found = rows(done.folder)
    assert sorted(str(row["pair_id"]) for row in found) == sorted(f"x:{n}:0" for n in range(30))
    row = next(row for row in found if row["pair_id"] == "x:1:0")
    assert row | {"image": None} == {
        "pair_id": "x:1:0",
        "post_id": "x:1",
        "text": "text of x:1:0",
        "image": None,
        "label": I,
        "label_id": 1,
        "resolved_by": "majority",
        "votes": {R: 0, I: 2, E: 1},
        "arm": "random",
        "inclusion_probability": 1.0,
        "weight": 1.0,
        "leakage_group": "x:1:0",
    }
    assert all((done.folder / str(row["image"])).is_file() for row in found)
    facts = json.loads((done.folder / "release.json").read_text())
    assert facts["counts"] == done.counts
    assert facts["protocol"]["fingerprint"] == made.protocol.fingerprint
    assert facts["agreement"]["relation"]["n_pairs"] == 32
    assert facts["synthetic"] is False
    assert json.loads((done.folder / "protocol.json").read_text())["questions"][0]["name"] == "relation"
    subprocess.run(["sha256sum", "-c", "--quiet", "MANIFEST.sha256"], cwd=done.folder, check=True)
    assert verify(done.folder) == []
    with made.read() as db:
        assert db.scalar(sa.select(schema.releases.c.manifest_sha256)) == done.manifest_sha256


@pytest.mark.parametrize("form", [Form("none"), Form.dry()])
def test_unsettled_pairs_are_released_with_their_votes(made: Campaign, form: Form) -> None:
    folder = write_release(made, "v1", form).folder
    row = {"pair_id": "x:900:0", "post_id": "x:900", "resolved_by": "open", "votes": {R: 1, I: 1, E: 1}}
    row |= {"arm": "random", "inclusion_probability": 1.0}
    assert [json.loads(line) for line in (folder / "open.jsonl").open()] == [row]
    assert pq.read_table(folder / "open.parquet").to_pylist() == [row]
    assert verify(folder) == []
    facts = json.loads((folder / "release.json").read_text())
    found = facts["counts"]
    bounds = {
        label: [number / 31, (number + 1) / 31]
        for label, number in ((label, sum(found[split][label] for split in found)) for label in (R, I, E))
    }
    assert facts["bounds"] == {"pairs": 31, "unsettled": 1, "labels": bounds}
    said = "Of 31 pairs of random rounds that were judged in full, 1 has no label and was left out of"
    assert said in " ".join((folder / "README.md").read_text().split())
    assert f"{I} {10 / 31:.1%} to {11 / 31:.1%}" in (folder / "methods.md").read_text()


def test_ties_that_were_dropped_are_released_too(made: Campaign) -> None:
    toml = made.folder / "campaign.toml"
    text = toml.read_text()
    assert 'tie_rule = "adjudicate"' in text
    toml.write_text(text.replace('tie_rule = "adjudicate"', 'tie_rule = "drop"'))
    made = Campaign.open(made.folder)
    aggregate_labels(made)
    folder = write_release(made, "v1", Form.dry()).folder
    assert [json.loads(line)["resolved_by"] for line in (folder / "open.jsonl").open()] == ["dropped"]
    assert verify(folder) == []


def test_no_unsettled_pair_leaves_the_shares_as_they_are(made: Campaign) -> None:
    judge(made, "x:900:0", "lead", I, role="adjudicator")
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1", Form.dry()).folder
    assert (folder / "open.jsonl").read_text() == ""
    assert pq.read_table(folder / "open.parquet").num_rows == 0
    assert json.loads((folder / "release.json").read_text())["bounds"] is None
    assert verify(folder) == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"pair_id": "x:1:0"}, "open.jsonl: pair x:1:0 stands twice, first in "),
        ({"votes": {"vague": 1}}, "open.jsonl, line 1: label 'vague' is not in protocol.json"),
        ({"arm": "active"}, "open.parquet, row 1: differs from open.jsonl"),
        (None, "open.jsonl: 0 pairs, release.json says 1"),
    ],
)
def test_damage_to_unsettled_pairs_is_found(release: Path, damage: dict[str, object] | None, problem: str) -> None:
    row = json.loads((release / "open.jsonl").read_text())
    (release / "open.jsonl").write_text("" if damage is None else json.dumps(row | damage) + "\n")
    rehash(release, "open.jsonl")
    assert any(found.startswith(problem) for found in verify(release))


def test_agreement_is_that_of_the_campaign(made: Campaign) -> None:
    facts = json.loads((write_release(made, "v1").folder / "release.json").read_text())
    with made.read() as db:
        found = of_campaign(db, made.protocol)
    assert facts["agreement"] == json.loads(
        json.dumps({name: each.to_dict(names=False) for name, each in found.items()})
    )


SECRETS = ("Ann.Other_Name", "ann@example.org", "lead@example.org", "KatieHandle", "AAAA-secret-token-0123456789")


@pytest.mark.parametrize("form", [Form(), Form("tar"), Form("none"), Form.dry()])
def test_no_name_handle_token_or_path_is_in_it(tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotators, authors' handles, tokens and absolute paths: not in any byte of any file."""
    monkeypatch.setenv("X_BEARER_TOKEN", SECRETS[-1])
    place = tmp_path / "Home-of-somebody"
    made = Campaign.create(
        place,
        name="t",
        annotators=tuple(Person(name, f"{name}@example.org") for name in ("ann", "Ann.Other_Name", "bob")),
        adjudicators=(Person("lead", "lead@example.org"),),
    )
    add_pairs(made, [f"x:{n}:0" for n in range(12)], number=1, source=f"{place}/tweets.tsv")
    for n in range(12):
        for worker in ("ann", "Ann.Other_Name", "bob"):
            judge(made, f"x:{n}:0", worker, E)
    told = "RT @KatieHandle: see https://twitter.com/KatieHandle/status/1 and @KatieHandle.bsky.social"
    with made.write() as db:
        db.execute(schema.pairs.update().values(text=schema.pairs.c.text + f" {told}"))
        db.execute(schema.posts.update().values(author_key="0123456789abcdef"))
        db.execute(
            schema.drops.insert().values(source=f"{place}/a", item="1", reason="broken image", detail=f"{place}/b")
        )
        db.execute(schema.judgments.update().values(comment="Ann.Other_Name says hello"))
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1", form).folder
    # "ann" and "bob" are parts of words; as values of a table they would stand alone, in quotes or cells
    for name, content in tree(folder).items():
        for secret in (*SECRETS, str(tmp_path), "Home-of-somebody", "0123456789abcdef", '"ann"', '"bob"', '"lead"'):
            assert secret.encode() not in content, name
            assert secret not in name
    for path in folder.rglob("*.parquet"):
        cells = {str(value) for column in pq.read_table(path).to_pydict().values() for value in column}
        assert not cells & {"ann", "Ann.Other_Name", "bob", "lead"}
        assert not any(secret in cell for secret in SECRETS for cell in cells)
    assert "RT @USER: see https://twitter.com/i/status/1" in "".join(str(row.get("text")) for row in rows(folder)) or (
        form.dehydrated
    )


def test_a_dehydrated_release_has_no_content(made: Campaign) -> None:
    whole, dry = write_release(made, "v1").folder, write_release(made, "v1-ids", Form.dry()).folder
    assert not list(dry.rglob("*.png")) or {path.parent.name for path in dry.rglob("*.png")} == {"pictures"}
    assert "examples.png" not in tree(dry / "pictures")
    for row, full in zip(rows(dry), rows(whole), strict=True):
        assert row == {key: value for key, value in full.items() if key not in ("text", "image")}
        for content in tree(dry).values():
            assert str(full["text"]).encode() not in content
    assert verify(dry) == []


@pytest.mark.slow
def test_the_same_state_gives_the_same_bytes(ready: Path, tmp_path: Path) -> None:
    """Also in another process, with another order of sets, another place, time zone, locale and taste in pictures."""
    trees = []
    style = tmp_path / "matplotlibrc"
    style.write_text("axes.facecolor: red\nsavefig.dpi: 20\n")
    write = "import sys; from ccd.release import *; from pathlib import Path; "
    write += "from ccd.campaign.campaign import Campaign; "
    write += "[write_release(Campaign.open(Path(sys.argv[1])), form, Form(form)) for form in ('files', 'tar')]"
    for place in ("one", "two"):
        shutil.copytree(ready, tmp_path / place)
        seeded = os.environ | {"PYTHONHASHSEED": str(len(trees) + 1), "TZ": f"UTC{len(trees)}"}
        seeded |= {"LC_ALL": ("C", "C.UTF-8")[len(trees)], "PYTHONUTF8": str(len(trees))}
        seeded |= {"MATPLOTLIBRC": str(style)} if trees else {}
        subprocess.run([sys.executable, "-c", write, str(tmp_path / place)], check=True, env=seeded)
        trees.append(tree(tmp_path / place / "releases"))
    assert trees[0] == trees[1]
    assert {name.partition("/")[0] for name in trees[0]} == {"files", "tar", ".lock"}


def test_a_release_is_never_overwritten(made: Campaign) -> None:
    before = tree(write_release(made, "v1").folder)
    with pytest.raises(CcdError, match="released already"):
        write_release(made, "v1")
    assert tree(made.folder / "releases" / "v1") == before
    (made.folder / "releases" / "v2").mkdir()
    with pytest.raises(CcdError, match="is there already"):
        write_release(made, "v2")
    with made.read() as db:
        assert db.scalars(sa.select(schema.releases.c.name)).all() == ["v1"]


def test_two_at_once_do_not_meet(made: Campaign) -> None:
    releases = made.folder / "releases"
    releases.mkdir()
    with (releases / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CcdError, match="another release is being written"):
            write_release(made, "v1")
    assert verify(write_release(made, "v1").folder) == []


@pytest.mark.parametrize("name", ["", "../v1", ".v1", "a/b", "a b", "v1.", "x" * 65])
def test_a_name_is_a_plain_slug(made: Campaign, name: str) -> None:
    with pytest.raises(CcdError, match="no name for a release"):
        write_release(made, name)


KILLED = f"""
import os, signal, sys
from pathlib import Path
import ccd.reports.plots
import ccd.release.write as write
from ccd.campaign.campaign import Campaign

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

ccd.reports.plots.png = lambda _figure: {PIXEL}
moment, folder = sys.argv[1:]
if moment == "before the rename":
    Path.rename = die
if moment == "after the rename":
    write._sync = lambda path: die() if path.name == "releases" else None
if moment == "among the images":
    write._OFTEN = 1
write.write_release(
    Campaign.open(Path(folder)), "v1", started=lambda name, total: die if moment == "among the images" else print
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["among the images", "before the rename", "after the rename"])
def test_killed_anywhere_and_run_again(made: Campaign, ready: Path, tmp_path: Path, moment: str) -> None:
    before = tree(write_release(made, "v0").folder)
    made.engine.dispose()
    done = subprocess.run([sys.executable, "-c", KILLED, moment, str(made.folder)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    releases = made.folder / "releases"
    if moment != "after the rename":
        assert not (releases / "v1").exists()
        assert (releases / ".v1.part").exists()
    with made.read() as db:
        assert db.scalars(sa.select(schema.releases.c.name)).all() == ["v0"]
    assert tree(releases / "v0") == before
    write_release(made, "v1")
    assert sorted(os.listdir(releases)) == [".lock", "v0", "v1"]
    shutil.copytree(ready, tmp_path / "calm")
    assert tree(releases / "v1") == tree(write_release(Campaign.open(tmp_path / "calm"), "v1").folder)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    with pytest.raises(CcdError, match="no labels yet; run `ccd labels`"):
        write_release(made, "v1")
    with pytest.raises(CcdError, match="no pair has a label yet; run `ccd labels`"):
        split_campaign(made)
    aggregate_labels(made)
    with pytest.raises(CcdError, match="no splits yet; run `ccd split`"):
        write_release(made, "v1")


def test_a_changed_or_missing_image_stops_it(made: Campaign) -> None:
    image = next(path for path in (made.folder / "images").rglob("*.png"))
    image.write_bytes(image.read_bytes() + b"x")
    with pytest.raises(CcdError, match="was changed since it was collected"):
        write_release(made, "v1")
    image.unlink()
    with pytest.raises(CcdError, match="the image is gone"):
        write_release(made, "v1")
    assert os.listdir(made.folder / "releases") == [".lock"]


def test_a_full_disk_is_told_and_leaves_nothing(ready: Path, tmp_path: Path) -> None:
    """At whatever byte it is full: images, Parquet, pages, the database."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        shutil.copytree(ready, folder / "c")
        made = Campaign.open(folder / "c")
        at_first = shutil.disk_usage(folder).free
        before = tree(write_release(made, "v1").folder)
        free = shutil.disk_usage(folder).free
        for part in (0.0, 0.1, 0.3, 0.5, 0.7):  # of the room that a release took
            with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                ballast.write(bytes(free - int(part * (at_first - free))))
            with pytest.raises(CcdError, match="free space"):
                write_release(made, "v2")
            (folder / "ballast").unlink()
            assert sorted(os.listdir(made.folder / "releases")) == [".lock", "v1"]
            assert tree(made.folder / "releases" / "v1") == before
            with made.read() as db:
                assert db.scalars(sa.select(schema.releases.c.name)).all() == ["v1"]
        assert verify(write_release(made, "v2").folder) == []
        made.engine.dispose()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_database_that_cannot_take_it_leaves_no_release(made: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(write, "_sync", full)  # the last thing before the commit
    with pytest.raises(CcdError, match="database or disk is full"):
        write_release(made, "v1")
    assert os.listdir(made.folder / "releases") == [".lock"]
    monkeypatch.undo()
    assert verify(write_release(made, "v1").folder) == []


def test_pairs_settled_after_the_split_are_told(made: Campaign) -> None:
    for worker in ("a2", "a3"):
        judge(made, "x:901:0", worker, E)
    aggregate_labels(made)
    assert write_release(made, "v1").excluded == {"not split": 1, "open": 1}


def test_dev_and_test_stay_from_release_to_release(made: Campaign) -> None:
    v1 = write_release(made, "v1").folder
    first = {row["pair_id"]: name for name in ("dev", "test") for row in _of(v1, name)}
    more = [f"y:{n}:0" for n in range(30)]
    add_pairs(made, more, number=2)
    for pair in more:
        for worker in ("a1", "a2", "a3"):
            judge(made, pair, worker, R)
    toml = made.folder / "campaign.toml"
    toml.write_text(toml.read_text().replace("seed = 1", "seed = 2"))
    again = Campaign.open(made.folder)
    aggregate_labels(again)
    split_campaign(again)
    second = write_release(again, "v2").folder
    now = {row["pair_id"]: name for name in ("dev", "test") for row in _of(second, name)}
    assert {pair: now[pair] for pair in first} == first
    assert len(now) > len(first)
    assert verify(second) == []


def _of(folder: Path, split: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / f"{split}.jsonl").open()]


def test_a_protocol_of_two_questions(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    pairs = [f"x:{n}:0" for n in range(4)]
    made = campaign(tmp_path, dict.fromkeys(pairs, (None, None, None)), protocol="two.toml")
    for pair in pairs:
        for worker in ("a1", "a2", "a3"):
            judge(made, pair, worker, {"tone": "light", "fit": 4})
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1").folder
    assert [row["labels"] for row in rows(folder)] == [{"tone": "light", "fit": 4.0}] * 4
    assert verify(folder) == []


def test_synthetic_pairs_are_called_so(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    add_pairs(made, ["s:1:0", "s:2:0"], number=2, source="synthetic")
    for pair in ("s:1:0", "s:2:0"):
        for worker in ("a1", "a2", "a3"):
            judge(made, pair, worker, E)
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1").folder
    assert json.loads((folder / "release.json").read_text())["synthetic"] is True
    assert "**Synthetic**" in (folder / "README.md").read_text()


@pytest.fixture(scope="module")
def written(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, to be copied."""
    copy = shutil.copytree(ready, tmp_path_factory.mktemp("written") / "campaign")
    return write_release(Campaign.open(copy), "v1").folder


@pytest.fixture
def release(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "v1"))


def edit(folder: Path, split: str, **changes: object) -> None:
    """Change the first row of a split, and hash the file anew."""
    file = folder / f"{split}.jsonl"
    first, *rest = file.read_text().splitlines(keepends=True)
    file.write_text(json.dumps(json.loads(first) | changes) + "\n" + "".join(rest))
    rehash(folder, file.name)


@pytest.mark.parametrize(
    ("shares", "problem"),
    [
        ([(0.5, 0.4, 0.6), (0.5, 0.4, 0.6)], ""),
        ([(0.5, 0.4, 0.6), (0.449, 0.4, 0.6)], "do not add up to 1"),
        ([(1.2, 0.9, 1.3), (-0.2, -0.3, 0.1)], "the prevalence of explicit is outside its interval, or outside 0 to 1"),
        ([(0.7, 0.4, 0.6), (0.3, 0.2, 0.4)], "the prevalence of explicit is outside"),
    ],
)
def test_shares_that_cannot_be_are_found(release: Path, shares: list[tuple[float, float, float]], problem: str) -> None:
    facts = json.loads((release / "release.json").read_bytes())
    said = [
        {"label": label, "pairs": 1, "share": 0.5, "prevalence": share, "low": low, "high": high}
        for label, (share, low, high) in zip(("explicit", "implicit"), shares, strict=True)
    ]
    for each in (facts, *facts["questions"].values()):
        each["prevalence"] = said
    (release / "release.json").write_text(json.dumps(facts))
    rehash(release, "release.json")
    problems = [found for found in verify(release) if found.startswith("release.json") and "weights" not in found]
    assert any(problem in found for found in problems) if problem else problems == []


def test_a_changed_missing_or_added_file_is_found(release: Path) -> None:
    image = sorted(path.name for path in (release / "images").iterdir())[0]
    (release / "images" / image).write_bytes(b"another picture")  # a byte is enough
    (release / "README.md").unlink()
    (release / "images" / "new.png").write_bytes(b"")
    assert verify(release)[:3] == [
        "README.md: missing",
        "images/new.png: added, not in MANIFEST.sha256",
        f"images/{image}: changed",
    ]


def test_a_label_outside_the_protocol_is_found(release: Path) -> None:
    edit(release, "train", label="vague")
    assert any("label 'vague' is not in protocol.json" in problem for problem in verify(release))


def test_a_wrong_label_id_is_found(release: Path) -> None:
    edit(release, "train", label_id=7)
    label = _of(release, "train")[0]["label"]
    assert verify(release) == [
        f"train.jsonl, line 1: label '{label}' has id 7, protocol.json says {(R, I, E).index(label)}",
        "train.parquet, row 1: differs from train.jsonl",
        "README.md, line 13: not what ccd-toolkit 0.1.0 writes of these files",  # it has their digest
    ]


def test_a_leakage_group_in_two_splits_is_found(release: Path) -> None:
    group = _of(release, "train")[0]["leakage_group"]
    edit(release, "test", leakage_group=group)
    assert f"test.jsonl: leakage group {group} is also in train.jsonl" in verify(release)


def test_a_pair_twice_and_an_image_that_is_not_there_are_found(release: Path) -> None:
    pair = _of(release, "train")[0]["pair_id"]
    edit(release, "test", pair_id=pair, image="images/none.png")
    problems = verify(release)
    assert "test.jsonl, line 1: image images/none.png is not in MANIFEST.sha256" in problems
    assert f"test.jsonl: pair {pair} stands twice, first in train.jsonl" in problems


def test_other_counts_than_released_are_found(release: Path) -> None:
    lines = (release / "train.jsonl").read_text().splitlines(keepends=True)
    (release / "train.jsonl").write_text("".join(lines[1:]))
    rehash(release, "train.jsonl")
    problems = verify(release)
    assert f"train.jsonl: {len(lines) - 1} pairs all, release.json says {len(lines)}" in problems


def test_a_label_that_release_json_does_not_count_is_found(release: Path) -> None:
    facts = json.loads((release / "release.json").read_text())
    number = facts["counts"]["train"].pop(I)
    (release / "release.json").write_text(json.dumps(facts))
    assert f"train.jsonl: {number} pairs {I}, release.json says None" in verify(release)


def test_a_broken_image_is_found_though_its_hash_is_right(release: Path) -> None:
    image = min((release / "images").iterdir())
    data = image.read_bytes()[:40]
    name = f"images/{hashlib.sha256(data).hexdigest()}.png"
    (release / name).write_bytes(data)
    image.unlink()
    for split in ("train", "dev", "test"):
        for end in ("jsonl", "parquet"):
            _replace(release / f"{split}.{end}", f"images/{image.name}", name)
    lines = (release / "MANIFEST.sha256").read_text().splitlines()
    lines = [f"{Path(name).stem}  {name}" if image.name in line else line for line in lines]
    (release / "MANIFEST.sha256").write_text("\n".join(lines) + "\n")
    for split in ("train", "dev", "test"):
        rehash(release, f"{split}.jsonl")
        rehash(release, f"{split}.parquet")
    assert any(problem.startswith(f"{name}: no whole picture") for problem in verify(release))


def _replace(file: Path, old: str, new: str) -> None:
    if file.suffix == ".jsonl":
        file.write_text(file.read_text().replace(old, new))
        return
    table = pq.read_table(file)
    place = table.column_names.index("file_name")
    names = [new if name == old else name for name in table["file_name"].to_pylist()]
    pq.write_table(table.set_column(place, "file_name", [names]), file)


def test_parquet_and_card_that_say_another_thing_are_found(release: Path) -> None:
    table = pq.read_table(release / "dev.parquet")
    pq.write_table(table.slice(1), release / "dev.parquet")
    rehash(release, "dev.parquet")
    page = release / "README.md"
    page.write_text(page.read_text().replace("| all | ", "| all | 9"))
    rehash(release, "README.md")
    problems = verify(release)
    assert "dev.parquet, row 1: differs from dev.jsonl" in problems
    assert "README.md: its counts are not those of release.json" in problems


def test_a_judgment_outside_the_protocol_is_found(release: Path) -> None:
    table = pq.read_table(release / "judgments.parquet")
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", [["vague"] * len(table)]), release / "judgments.parquet")
    rehash(release, "judgments.parquet")
    assert "judgments.parquet, row 1: 'vague' is no answer in protocol.json" in verify(release)


@pytest.mark.parametrize("damage", ["{", "[]", '{"pair_id": 1}', '"text"'])
@pytest.mark.parametrize("name", ["release.json", "protocol.json", "train.jsonl", "open.jsonl"])
def test_rubbish_is_a_problem_and_no_crash(release: Path, name: str, damage: str) -> None:
    (release / name).write_text(damage)
    problems = verify(release)
    assert f"{name}: changed" in problems
    assert any(problem.startswith("labels and counts: cannot be checked") for problem in problems)


def test_a_folder_without_manifest_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="no MANIFEST"):
        verify(tmp_path)
