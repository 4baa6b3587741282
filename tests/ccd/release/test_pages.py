"""What the pages of a release say is what its data say: card, methods, datasheet, citation, pictures."""

import copy
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
import sqlalchemy as sa
import yaml
from PIL import Image

from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.release import Form, write_release
from ccd.release.card import front_matter, release_card
from ccd.release.datasheet import citation, datasheet
from ccd.release.methods import methods
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R

VOTES = {f"x:{n}:0": (label, label, E) for n in range(30) for label in (E, I, R)[n % 3 : n % 3 + 1]}
ACTIVE = [f"y:{n}:0" for n in range(6)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """Thirty random pairs, a tie that was adjudicated, six pairs of the active arm, and some that were dropped."""
    made = campaign(tmp_path_factory.mktemp("pages") / "campaign", VOTES | {"x:90:0": (E, I, R), "x:91:0": (E, I, R)})
    judge(made, "x:90:0", "lead", I, role="adjudicator")
    add_pairs(made, ACTIVE, number=2, arm="active")
    for pair in ACTIVE:
        for worker in ("a1", "a2", "a3"):
            judge(made, pair, worker, I)
    with made.write() as db:
        for number in range(3):
            db.execute(schema.drops.insert().values(source="t", item=str(number), reason="broken image"))
        db.execute(schema.posts.update().values(created_at="2014-05-01T00:00:00+00:00"))
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "x:5").values(status="deleted"))
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "x:1").values(sensitive=1))
    aggregate_labels(made)
    split_campaign(made)
    return made


@pytest.fixture(scope="module")
def folder(made: Campaign) -> Path:
    return write_release(made, "v1").folder


@pytest.fixture(scope="module")
def facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "release.json").read_text())
    return found


def test_the_facts(facts: dict[str, Any]) -> None:
    assert facts["arms"] == {"active": 6, "random": 30}
    assert facts["excluded"] == {"open": 1, "post is gone": 1}
    assert facts["resolved_by"] == {"adjudicated": 1, "majority": 19, "unanimous": 16}
    assert facts["collected"]["dropped"] == {"broken image": 3}
    assert facts["collected"]["gone"] == {"deleted": 1}
    assert facts["judgments"]["adjudicated"] == 1
    assert facts["images"] == "files"
    shares = {each["label"]: each for each in facts["prevalence"]}
    assert list(shares) == [R, I, E]
    assert shares[I]["pairs"] == 17  # 10 - 0 gone + 1 adjudicated + 6 active
    assert shares[I]["prevalence"] == pytest.approx(shares[I]["share"])  # as every pair is labelled


def test_dev_and_test_are_random_only(folder: Path) -> None:
    for split in ("dev", "test"):
        assert {json.loads(line)["arm"] for line in (folder / f"{split}.jsonl").open()} == {"random"}


def test_methods_are_written_from_the_data(folder: Path, facts: dict[str, Any]) -> None:
    told = (folder / "methods.md").read_text()
    for piece in (
        "We collected 38 image-text pairs of 38 posts",
        "posted between 2014-05-01 and 2014-05-01",
        "3 broken image",
        "(1 deleted) were removed",
        "2 rounds (round 1: 32 of 32 pairs, drawn at random, each with the same probability (seed 1); round 2: 6 of 6",
        "The pairs came to all in one order in rounds 1, 2.",
        "3 annotators gave 114 judgments on 38 pairs",
        "ties were left to an adjudicator. 2 pairs in the splits or in open.jsonl had a tie.",
        "An adjudicator's answer is the label of 1 released pair.",
        "How reliable adjudication is was not measured: no pair was answered by two adjudicators",
        "Of all labels, 20 (55.6%) had at least one annotator's vote for another label;",
        "percentile bootstrap (Efron and Tibshirani 1993), from 1,000 resamples of pairs",
        "Alpha by how the pairs were chosen: rounds chosen with the help of a model undefined (one label only: chance",
        "To be stated by the authors: how annotators were recruited and trained, what they were paid",
        "- Gwet, K. L. (2008).",
        "1 adjudicated, 19 majority, 16 unanimous",
        "Sent out and in no split: 1 open, 1 post is gone.",
        "Dev and test hold only pairs that were drawn at random.",
    ):
        assert piece in told
    alpha = facts["agreement"]["relation"]["coefficients"]["krippendorff_nominal"]
    low, high = alpha["ci"]
    assert f"Krippendorff's alpha (nominal; Krippendorff 2011) {alpha['value']:.3f} [{low:.3f}, {high:.3f}]" in told


def test_methods_say_how_each_round_was_drawn_and_handed_out(tmp_path: Path) -> None:
    """Two random rounds, one of them thinned by groups, and a ranked one, a third of which its strategy chose."""
    made = campaign(tmp_path / "c", {f"x:{n}:0": (E, E, E) for n in range(6)})
    add_pairs(made, [f"y:{n}:0" for n in range(4)], number=2)
    add_pairs(made, [f"z:{n}:0" for n in range(6)], number=3, arm="active")
    for pair in (f"{post}:{n}:0" for post, size in (("y", 4), ("z", 6)) for n in range(size)):
        for worker in ("a1", "a2", "a3"):
            judge(made, pair, worker, I)
    b, a = schema.round_pairs, schema.assignments
    with made.write() as db:
        third = schema.rounds.update().where(schema.rounds.c.round == 3)
        db.execute(third.values(strategy="implicit", model_version="n1"))
        db.execute(b.update().where(b.c.pair_id.in_(("y:0:0", "y:1:0"))).values(inclusion_probability=0.25))
        for n in range(6):
            part = "strategy" if n < 2 else "random" if n < 5 else "diverse"
            ranked = b.update().where(b.c.pair_id == f"z:{n}:0")
            db.execute(ranked.values(part=part, place=n, inclusion_probability=0.1 if part == "random" else None))
        of_one = a.c.round.in_((1, 2)) & (a.c.annotator == "a2")
        db.execute(a.update().where(of_one).values(position=100 - a.c.position))
        late = (a.c.annotator == "a3") & (a.c.round == 3)
        db.execute(a.update().where(late).values(position=10 + a.c.position))
    aggregate_labels(made)
    split_campaign(made)
    text = (write_release(made, "v1", Form.dry()).folder / "methods.md").read_text()
    for piece in (
        "round 1: 6 of 6 pairs, drawn at random, each with the same probability (seed 1)",
        "round 2: 4 of 4 pairs, drawn at random, with inclusion probabilities from 0.25 to 1 (seed 1)",
        "round 3: 6 of 6 pairs, chosen with the help of a model: 1 as unlike the others, 3 at random, "
        "2 by the strategy implicit (seed 1, model n1)",
        "to each annotator in an order of their own in rounds 1, 2; to all in the order of the ranking in round 3.",
        "No two pairs are tied by",
    ):
        assert piece in text
    for falsehood in ("uniformly", "each in an order of their own", "chosen by implicit"):
        assert falsehood not in text


def test_a_leakage_group_is_two_released_pairs_or_more(tmp_path: Path) -> None:
    """Three pairs of one post, two of another whose label is open in one, and pairs that are tied to none."""
    votes = {f"x:{n}:0": (E, E, E) for n in range(12)} | {f"y:1:{n}": (I, I, E) for n in range(3)}
    made = campaign(tmp_path / "c", votes | {"z:1:0": (E, E, E), "z:1:1": (E, I, R)})
    aggregate_labels(made)
    split = split_campaign(made)
    sizes = split.table["leakage_group"].value_counts()
    folder = write_release(made, "v1", Form.dry()).folder
    facts = json.loads((folder / "release.json").read_text())
    lines = [line for name in ("train", "dev", "test") for line in (folder / f"{name}.jsonl").open()]
    released = Counter(json.loads(line)["leakage_group"] for line in lines)
    assert facts["groups"] == sum(size > 1 for size in released.values()) == int((sizes > 1).sum()) == 1
    assert "1 leakage group of two pairs or more (tied by" in (folder / "methods.md").read_text()
    with made.write() as db:
        db.execute(schema.labels.update().where(schema.labels.c.pair_id.in_(("y:1:0", "y:1:1"))).values(label=None))
    facts = json.loads((write_release(made, "v2", Form.dry()).folder / "release.json").read_text())
    assert facts["groups"] == 0


LINKS = (
    "[Play](javascript:alert(1))",
    "![x](javascript:x)",
    "<javascript:x>",
    "<script>x</script>",
    r"\\[a](javascript:x)",
    "[a]: javascript:x\n\n[a]",
    "[a](&#106;avascript:x)",
    "<img src=x onerror=x>",
)


@pytest.mark.parametrize("text", LINKS)
def test_what_others_wrote_is_no_link_and_no_html_on_a_page(facts: dict[str, Any], text: str) -> None:
    of = copy.deepcopy(facts)
    of |= {"campaign": text, "name": text, "license": text, "authors": [text], "excluded": {text: 1}}
    of["protocol"] |= {"title": text, "reference": text, "mixed": text}
    of["questions"] = of.get("questions", {}) | {"other": next(iter(of["questions"].values())) | {"title": text}}
    of["agreement"]["other"] = next(iter(of["agreement"].values()))
    for page in (methods(of), datasheet(of), release_card(of, (), "0" * 64).partition("\n---\n")[2]):
        shown = tags(markdown.markdown(page))
        assert not [tag for tag in shown if tag[0] in ("script", "img") or "javascript" in str(tag[1])], shown


def test_a_licence_and_a_name_end_no_line_of_the_front_matter(facts: dict[str, Any]) -> None:
    evil = "mit\nconfigs:\n- data_files: https://evil.example/x.parquet"
    read = yaml.safe_load(front_matter(facts | {"license": evil, "name": evil, "campaign": evil}, "0" * 64)[4:-4])
    plain = yaml.safe_load(front_matter(facts, "0" * 64)[4:-4])
    assert read.keys() == plain.keys() | {"license"}
    assert read["configs"][0]["data_files"] == plain["configs"][0]["data_files"]
    assert len(read["configs"]) == 1


def tags(page: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Every tag of a page, and its attributes."""
    found: list[tuple[str, list[tuple[str, str | None]]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append((tag, attrs))  # type: ignore[method-assign]
    parser.feed(page)
    return found


def test_the_card_and_the_citation_can_be_parsed(folder: Path, made: Campaign) -> None:
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert front["license"] == "unknown"
    assert front["size_categories"] == ["n<1K"]
    assert "No licence is stated" in (folder / "README.md").read_text()
    toml = made.folder / "campaign.toml"
    text = toml.read_text()
    toml.write_text(
        text.replace("[release]", '[release]\nlicense = "cc-by-4.0"\nauthors = ["Ada \\"L\\" Lovelace", "李明"]\n', 1)
    )
    stated = write_release(Campaign.open(made.folder), "v2", Form.dry()).folder
    toml.write_text(text)
    front = yaml.safe_load((stated / "README.md").read_text().split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    cited = yaml.safe_load((stated / "CITATION.cff").read_text())
    assert [author["name"] for author in cited["authors"]] == ['Ada "L" Lovelace', "李明"]
    assert (cited["license"], cited["version"], cited["type"]) == ("CC-BY-4.0", "v2", "dataset")
    with made.read() as db:
        last = db.scalar(schema.judgments.select().with_only_columns(sa.func.max(schema.judgments.c.created_at)))
    assert str(cited["date-released"]) == last[:10]
    sheet = (folder / "datasheet.md").read_text()
    assert all(f"## {name}" in sheet for name in ("Motivation", "Composition", "Uses", "Distribution", "Maintenance"))
    assert "To be stated by the authors" in sheet


def test_a_licence_that_spdx_does_not_know_is_in_the_card_alone(facts: dict[str, Any]) -> None:
    """CITATION.cff allows no other: `cffconvert --validate` refuses them."""
    assert "license" not in yaml.safe_load(citation(facts | {"license": "odc-by"}))
    assert "license: odc-by\n" in front_matter(facts | {"license": "odc-by"}, "0" * 64)


def test_pictures_are_there_and_sensitive_posts_are_not_in_them(made: Campaign, folder: Path) -> None:
    names = {path.name for path in (folder / "pictures").iterdir()}
    assert names == {"agreement.png", "examples.png", "shares.png"}
    for name in names:
        with Image.open(io.BytesIO((folder / "pictures" / name).read_bytes())) as picture:
            picture.load()
            assert min(picture.size) > 200
        assert f"](pictures/{name})" in (folder / "README.md").read_text()
    from ccd.release.content import pairs
    from ccd.release.tally import Tally

    tally = Tally.of(made.protocol.questions)
    with made.read() as db:
        for pair in pairs(db, made):
            tally.take(pair)
        shown = tally.examples(db)
    for label, examples in shown.items():
        assert {pair.row["label"] for pair in examples} == {label}
        assert {pair.split for pair in examples} == {"train"}
        assert "x:1" not in {pair.row["post_id"] for pair in examples}
        assert len(examples) == 4


def test_numbers_agree_with_nouns_where_there_is_one_of_each(tmp_path: Path, undrawn: None) -> None:
    votes = {"x:1:0": ("explicit", "explicit", "implicit"), "x:2:0": ("explicit", "implicit", "irrelevant")}
    for name, some in (("one", {"x:1:0": votes["x:1:0"]}), ("two", votes)):
        made = campaign(tmp_path / name, some)
        aggregate_labels(made)
        split_campaign(made)
        folder = write_release(made, "v1").folder
        for page in ("README.md", "methods.md", "datasheet.md"):
            text = (folder / page).read_text()
            wrong = re.findall(
                r"(?<![\d,.])1 (?:\w+ )?(?:pairs|posts|judgments|annotators|images|groups|rounds)\b", text
            )
            assert wrong == [], page
