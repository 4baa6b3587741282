"""`ccd explain` as it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from apps.cli.main import cli


def run(*typed: str) -> Result:
    return CliRunner().invoke(cli, typed)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made world and two small networks trained on it."""
    folder = tmp_path_factory.mktemp("explain")
    made = run("world", "--pairs", "60", "--out", str(folder / "world"), "--workers", "1")
    assert made.exit_code == 0, made.output
    for model in ("text", "ananet"):
        done = run(
            "train", "--data", str(folder / "world"), "--dir", str(folder), "--epochs", "1", "--threads", "1",
            "--model", model, "--regions", "names:world/detections.jsonl",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    return folder


def of_test(folder: Path) -> dict[str, str]:
    pair: dict[str, str] = json.loads((folder / "world" / "test.jsonl").read_text().splitlines()[0])
    return pair


def test_a_pair_is_explained(trained: Path) -> None:
    pair = of_test(trained)
    picture = trained / "all.png"
    typed = ["explain", pair["pair_id"], "--dir", str(trained), "--data", str(trained / "world"), "--out", str(picture)]
    done = run(*typed, "--json", "-")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["label"], facts["synthetic"], facts["picture"]) == (pair["label"], True, str(picture))
    assert len(facts["weights"]) == len(facts["tokens"]) > 0
    for row, best in zip(facts["weights"], facts["strongest"], strict=True):
        assert len(row) == len(facts["boxes"]) > 0
        assert sum(row) == pytest.approx(1, abs=1e-3)
        assert row[best] == max(row)
    assert list(facts["answers"]) == ["together", "association", "alignment"]
    assert Image.open(picture).width == 960
    assert "association says" in done.stderr
    assert "synthetic pair" in done.stderr


def test_one_word_alone(trained: Path) -> None:
    pair = of_test(trained)
    picture = trained / "word.png"
    typed = ["explain", pair["pair_id"], "--dir", str(trained), "--data", str(trained / "world"), "--out", str(picture)]
    wrong = run(*typed, "--word", "xylophones")
    assert wrong.exit_code == 2
    assert "no word 'xylophones'; its words are" in wrong.stderr
    assert not picture.exists()
    word = json.loads(run(*typed, "--json", "-").stdout)["tokens"][0]
    whole = picture.read_bytes()
    refused = run(*typed, "--word", word)
    assert refused.exit_code == 2
    assert f"{picture}: is there already, with other content" in refused.stderr
    assert picture.read_bytes() == whole
    typed[-1] = str(trained / "one.png")
    assert run(*typed, "--word", word).exit_code == 0
    assert Image.open(trained / "one.png").width == 480


def test_what_cannot_be_explained_is_told(trained: Path) -> None:
    pair = of_test(trained)["pair_id"]
    where = ["--dir", str(trained), "--data", str(trained / "world"), "--out", str(trained / "no.png")]
    text = next((trained / "models").glob("text-*")).name
    for typed, said in (
        ([pair, *where, "--model", text], "explain with ananet or paper"),
        (["x:1:0", *where], "no pair 'x:1:0'"),
        ([pair, *where[:-1], str(trained / "not" / "there.png")], "there.png: cannot be written"),
        ([pair, *where, "--model", "nothing"], "no trained network"),
        ([pair, "--dir", str(trained)], "campaign"),
    ):
        done = run("explain", *typed)
        assert done.exit_code == 2, done.output
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (trained / "no.png").exists()


def test_a_pair_of_a_campaign(trained: Path, tmp_path: Path) -> None:
    people = [word for name in ("ann", "bob", "cy") for word in ("--annotator", f"{name}={name}@example.org")]
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("id,text,image\n1,One small @ann,a.png\n")
    campaign = tmp_path / "campaign"
    for typed in (
        ["init", str(campaign), *people],
        ["collect", "table", str(tmp_path / "t.csv"), "--dir", str(campaign)],
        ["train", "--data", str(trained / "world"), "--dir", str(campaign), "--epochs", "1", "--threads", "1"],
    ):
        done = run(*typed)
        assert done.exit_code == 0, done.output
    import sqlalchemy as sa

    from ccd.campaign.campaign import Campaign
    from ccd.campaign.tables import schema

    with Campaign.open(campaign).read() as db:
        pair = db.scalar(sa.select(schema.pairs.c.pair_id))
    assert pair is not None
    done = run("explain", pair, "--dir", str(campaign), "--out", str(tmp_path / "a-pair.png"), "--json", "-")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["tokens"] == ["One", "small", "@USER"]
    assert (facts["label"], facts["synthetic"]) == (None, False)
