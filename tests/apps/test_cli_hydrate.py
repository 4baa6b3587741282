"""`ccd hydrate` as it is typed: from a stand-in of the X API, from an archive, interrupted, and with posts gone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apps.cli.hydrate import hydrate_command
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.release import Form, verify, write_release
from collection import photos, reading, x, x_api
from tests.campaigns import people
from tests.ccd.build import judge
from tests.collection import photo_server, replay

pytestmark = pytest.mark.usefixtures("undrawn")

SPLITS = ("train", "dev", "test")
POSTS = range(101, 113)


@pytest.fixture(scope="module")
def pictures() -> Iterator[photo_server.Server]:
    with photo_server.serving() as server:
        yield server


@pytest.fixture
def api(pictures: photo_server.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[replay.X]:
    """The stand-in, whose photos are on this machine."""
    monkeypatch.setenv("CCD_ALLOW_PRIVATE_HOSTS", pictures.address)
    with replay.serving() as state:
        monkeypatch.setenv("X_API_BASE_URL", state.url)
        monkeypatch.setenv("X_BEARER_TOKEN", replay.TOKEN)
        state.add(*(replay.post(number) for number in POSTS))
        with_includes = state._with_includes

        def nearby(posts: list[replay.Json], params: dict[str, str]) -> replay.Json:
            page = with_includes(posts, params)
            for medium in page.get("includes", {}).get("media", []):
                medium["url"] = pictures.url(f"photo/{medium['media_key'].removeprefix('3_')}")
            return page

        monkeypatch.setattr(state, "_with_includes", nearby)
        yield state


@pytest.fixture
def released(api: replay.X, pictures: photo_server.Server, tmp_path: Path) -> Campaign:
    """A campaign that was collected from the stand-in, judged and released twice: whole, and dehydrated."""
    made = Campaign.create(tmp_path / "c", name="c", annotators=people("ann", "bob", "cy"), adjudicators=())
    ids = [str(number) for number in POSTS]
    x.hydrate(made, x_api.XApi.from_environment(), ids, reading.Limits(1000))
    photos.download(made, private_hosts=[pictures.address])
    with made.write() as db:
        pairs = sorted(db.scalars(schema.pairs.select().with_only_columns(schema.pairs.c.pair_id)))
        db.execute(
            schema.rounds.insert().values(
                round=1, arm="random", strategy="random", seed=1, size=12, pool=12, created_at="2026"
            )
        )
        for place, pair in enumerate(pairs):
            db.execute(schema.round_pairs.insert().values(round=1, pair_id=pair, inclusion_probability=1.0))
            for name in ("ann", "bob", "cy"):
                db.execute(schema.assignments.insert().values(pair_id=pair, annotator=name, round=1, position=place))
    for number, pair in enumerate(pairs):
        for name in ("ann", "bob", "cy"):
            other = name == "cy" and pair in ("x:103:0", "x:104:0")
            judge(made, pair, name, made.protocol.labels[(number + other) % 3])
    aggregate_labels(made)
    split_campaign(made)
    write_release(made, "whole")
    write_release(made, "ids", Form.dry())
    api.sold.clear()
    return made


def hydrate(made: Campaign, *words: str) -> Result:
    return CliRunner().invoke(hydrate_command, [str(made.folder / "releases" / "ids"), "--json", "-", *words])


def content(folder: Path) -> dict[str, bytes]:
    rows = [folder / f"{split}.{end}" for split in (*SPLITS, "open") for end in ("jsonl", "parquet")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in (*rows, *folder.glob("images/*"))}


def test_it_gives_the_same_rows_and_images(released: Campaign) -> None:
    result = hydrate(released)
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    out = Path(facts["folder"])
    assert (facts["pairs"], facts["gone"], facts["posts"], out.name) == (12, {}, 12, "ids-hydrated")
    assert content(out) == content(released.folder / "releases" / "whole")
    assert verify(out) == []
    assert not out.with_name(".ids-hydrated.work").exists()
    again = hydrate(released)
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_what_is_gone_is_listed_and_left_out(released: Campaign, api: replay.X) -> None:
    del api.posts["103"]
    api.forbidden.add("107")
    result = hydrate(released)
    facts = json.loads(result.stdout)
    assert facts["gone"] == {"x:103:0": "post not found", "x:107:0": "post forbidden"}
    assert facts["pairs"] == 10
    out = Path(facts["folder"])
    assert sorted(json.loads(line)["pair_id"] for line in (out / "gone.jsonl").open()) == ["x:103:0", "x:107:0"]
    assert verify(out) == []
    assert "2 gone when hydrated" in (out / "README.md").read_text()
    said = "Of the 10 released pairs, the label came about by: 1 majority, 9 unanimous."
    assert said in (out / "methods.md").read_text()
    assert "Of all labels, 1 (10.0%) had at least one annotator's vote" in (out / "methods.md").read_text()
    assert "2 are gone" in result.stderr


def test_the_cap_holds_and_nothing_is_bought_twice(released: Campaign, api: replay.X) -> None:
    capped = hydrate(released, "--max-posts", "6")  # an id can bring three posts, so two are asked for at first
    assert capped.exit_code == 1
    facts = json.loads(capped.stdout)
    assert (facts["folder"], facts["pairs"]) == (None, 0)
    assert facts["waiting"] == 8
    assert not (released.folder / "releases" / "ids-hydrated").exists()
    assert hydrate(released, "--max-posts", "1000").exit_code == 0
    assert set(api.sold.values()) == {1}


def test_from_an_archive_on_this_disk(
    released: Campaign, api: replay.X, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = sorted((released.folder / "raw" / "x").rglob("*.jsonl.gz"))
    monkeypatch.delenv("X_BEARER_TOKEN")
    result = hydrate(released, "--archive", str(pages[0]))
    assert result.exit_code == 0, result.stderr
    out = Path(json.loads(result.stdout)["folder"])
    assert content(out) == content(released.folder / "releases" / "whole")
    assert api.sold == {}


def test_errors_are_one_line(released: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("X_BEARER_TOKEN")
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"data": [replay.post(7)]}) + "\n")
    for words, told in (
        ([str(tmp_path)], "is no release"),
        ([str(released.folder / "releases" / "whole")], "has its texts and images"),
        ([str(released.folder / "releases" / "ids")], "no token for X"),
        ([str(released.folder / "releases" / "ids"), "--images", str(tmp_path)], "--images goes with --archive"),
        ([str(released.folder / "releases" / "ids"), "--archive", str(other)], "none of its pairs was found"),
    ):
        result = CliRunner().invoke(hydrate_command, words)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.stderr
        assert told in result.stderr
