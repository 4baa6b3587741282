"""Every number and sentence of a release that follows from its rows and judgments is computed again by `ccd verify`."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.release import verify, write_release
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import TWO, E, I, R

FIRST = {f"x:{n // 2}:{n % 2}": ((E, E, I), (I, I, I), (R, R, R), (E, E, E))[n % 4] for n in range(24)}
FIRST |= {"y:1:0": (E, I, R), "y:2:0": (E, I, R)}  # ties, one of them adjudicated


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a random round and a ranked one, with a tie, an adjudication, groups and shown predictions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ccd.reports.plots.png", lambda _figure: b"")
        made = campaign(tmp_path_factory.mktemp("recount") / "c", FIRST)
        ranked = [f"z:{n}:0" for n in range(6)]
        add_pairs(made, ranked, number=2, arm="active")
        for place, pair in enumerate(ranked):
            for worker, label in zip(("a1", "a2", "a3"), ((I, I, I), (I, I, E))[place % 2], strict=True):
                judge(made, pair, worker, label)
        judge(made, "y:1:0", "lead", I, role="adjudicator")
        with made.write() as db:
            j = schema.judgments
            db.execute(j.update().where(j.c.pair_id.in_(ranked[:2])).values(prediction="n1"))
        aggregate_labels(made)
        split_campaign(made)
        return write_release(made, "v1").folder


@pytest.fixture
def release(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "v1"))


def rehash(folder: Path, name: str) -> None:
    lines = (folder / "MANIFEST.sha256").read_text().splitlines()
    fresh = f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
    lines = [fresh if line.endswith(f"  {name}") else line for line in lines]
    (folder / "MANIFEST.sha256").write_text("\n".join(lines) + "\n")


def change(folder: Path, place: str, by: Callable[[Any], Any]) -> None:
    """Change one value of release.json, named by its keys, and hash the file anew."""
    facts = json.loads((folder / "release.json").read_bytes())
    *way, last = place.split("/")
    inside: Any = facts
    for key in way:
        inside = inside[int(key) if isinstance(inside, list) else key]
    key: Any = int(last) if isinstance(inside, list) else last
    inside[key] = by(inside[key])
    (folder / "release.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    rehash(folder, "release.json")


def test_an_untouched_release_has_no_problem(release: Path) -> None:
    assert verify(release) == []


@pytest.mark.parametrize(
    "place",
    [
        "judgments/tied",
        "judgments/adjudicated",
        "judgments/assisted",
        "groups",
        "arms/random",
        "contested",
        "bounds/unsettled",
        "bounds/labels/explicit/1",
        "resolved_by/majority",
        "collected/networks/x",
        "questions/relation/tied",
        "questions/relation/counts/train/explicit",
        "questions/relation/resolved_by/unanimous",
        "prevalence/0/share",
        "prevalence/1/prevalence",
        "questions/relation/prevalence/0/share",
        "agreement/relation/n_judgments",
        "agreement/relation/n_pairs",
        "agreement/relation/annotators",
        "agreement/relation/bootstrap/groups",
        "agreement/relation/coefficients/percent/value",
        "agreement/relation/coefficients/krippendorff_nominal/value",
        "agreement/relation/coefficients/krippendorff_nominal/ci/0",
        "agreement/relation/coefficients/gwet_ac1/value",
        "agreement/relation/coefficients/per_class/explicit/value",
        "agreement_by_arm/active/n_pairs",
        "agreement_by_arm/random/coefficients/fleiss/value",
    ],
)
def test_a_changed_number_in_release_json_is_named(release: Path, place: str) -> None:
    change(release, place, lambda value: value + 1 if isinstance(value, int) else value * 0.9)
    named = [problem for problem in verify(release) if problem.startswith("release.json")]
    assert any(place.split("/")[-1] in problem for problem in named), named


def test_shares_that_the_weights_do_not_give_are_named(release: Path) -> None:
    facts = json.loads((release / "release.json").read_bytes())
    shares = [each["prevalence"] for each in facts["prevalence"]]
    moved = [shares[0] + 0.01, shares[1] - 0.01, *shares[2:]]  # they add up, and are the same under questions
    for place in ("prevalence", "questions/relation/prevalence"):
        for number, share in enumerate(moved):
            change(release, f"{place}/{number}/prevalence", lambda _, share=share: share)
            change(release, f"{place}/{number}/low", lambda _: 0)
            change(release, f"{place}/{number}/high", lambda _: 1)
    named = [problem for problem in verify(release) if problem.startswith("release.json")]
    assert len(named) == 2
    assert all("by the rows' weights it is" in problem for problem in named)


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        ("methods.md", "2 pairs in", "3 pairs in"),
        ("methods.md", "without sight of the others'", "in sight of the others'"),
        ("README.md", "Only pairs of random rounds", "All pairs"),
        ("datasheet.md", "judgments.parquet", "nowhere"),
        ("CITATION.cff", "title:", "title: My"),
        ("croissant.json", "Image-text pairs", "Images"),
    ],
)
def test_a_page_that_was_edited_is_named(release: Path, page: str, old: str, new: str) -> None:
    text = (release / page).read_text()
    assert old in text
    (release / page).write_text(text.replace(old, new, 1))
    rehash(release, page)
    number = text[: text.index(old)].count("\n") + 1
    assert verify(release) == [f"{page}, line {number}: not what ccd-toolkit 0.1.0 writes of these files"]


def test_bounds_that_cannot_be_are_named(release: Path) -> None:
    change(release, "population_bounds/explicit/least", lambda value: value + 1)
    assert "release.json: population_bounds of explicit are not in order from 0 to 1" in verify(release)


def test_a_page_of_another_version_is_not_compared(release: Path) -> None:
    change(release, "toolkit", lambda _: "ccd-toolkit 0.0.9")
    assert verify(release) == []


def test_a_label_that_its_votes_do_not_give_is_named(release: Path) -> None:
    first, *rest = (release / "train.jsonl").read_text().splitlines(keepends=True)
    row = json.loads(first)
    other = next(label for label in (R, I, E) if label != row["label"])
    row |= {"label": other, "label_id": (R, I, E).index(other)}
    (release / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n" + "".join(rest))
    rehash(release, "train.jsonl")
    said = f"train.jsonl, line 1: label {other!r} by {row['resolved_by']}, and its votes do not give it"
    assert said in verify(release)


def judgments(folder: Path, table: pa.Table) -> list[str]:
    pq.write_table(table, folder / "judgments.parquet")
    rehash(folder, "judgments.parquet")
    return [problem for problem in verify(folder) if "judgments.parquet" in problem]


def test_a_judgment_taken_out_changed_or_given_twice_is_found(release: Path) -> None:
    table = pq.read_table(release / "judgments.parquet")
    number = len(table.filter(pa.compute.equal(table["role"], "annotator")))
    said = f"release.json: agreement.relation.n_judgments is {number}, by judgments.parquet it is {number - 1}"
    assert said in judgments(release, table.slice(1))
    labels = table["label"].to_pylist()
    labels[0] = next(label for label in (R, I, E) if label != labels[0])
    place = table.column_names.index("label")
    changed = judgments(release, table.set_column(place, "label", [labels]))
    assert any("agreement.relation.coefficients.percent.value" in problem for problem in changed)
    twice = judgments(release, pa.concat_tables([table.slice(0, 1), table]))
    assert twice == [f"judgments.parquet, row 2: a second judgment of 'A1' on {table['task'][0].as_py()!r}"]


def test_judgments_of_deleted_posts_count_and_are_not_missed(tmp_path: Path, undrawn: None) -> None:
    made = campaign(tmp_path / "c", {f"x:{n}:0": (E, E, I) if n % 3 else (I, I, I) for n in range(12)})
    aggregate_labels(made)
    split_campaign(made)
    with made.write() as db:
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "x:1").values(status="deleted"))
    folder = write_release(made, "v1").folder
    assert json.loads((folder / "release.json").read_text())["agreement"]["relation"]["n_pairs"] == 12
    assert verify(folder) == []


def test_every_question_is_computed_again(tmp_path: Path, undrawn: None) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    pairs = [f"x:{n}:0" for n in range(6)]
    made = campaign(tmp_path, dict.fromkeys(pairs, (None, None, None)), protocol="two.toml")
    for place, pair in enumerate(pairs):
        for number, worker in enumerate(("a1", "a2", "a3")):
            judge(made, pair, worker, {"tone": "light" if place % 2 else "dark", "fit": 1 + (place + number) % 4})
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1").folder
    assert verify(folder) == []
    change(folder, "agreement/fit/coefficients/krippendorff_interval/value", lambda value: value + 0.1)
    assert any("agreement.fit.coefficients.krippendorff_interval.value" in each for each in verify(folder))
