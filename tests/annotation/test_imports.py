"""`ccd import`: what other tools export becomes judgments, each once, whoever wrote the file."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from PIL import Image

from annotation.exported import Left
from annotation.imports import NO_PAIR, read
from apps.cli.imports import import_command
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import CONFIG, Person
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.judgments import valid_judgments
from ccd.judgment_tables.columns import Named
from ccd.measures.agreement import agreement
from ccd.release import verify, write_release
from collection.store import collect
from collection.table import read as read_posts
from tests.annotation.desks import Office

EXPORTS = Path(__file__).parent / "exports"
LABELS = ("irrelevant", "implicit", "explicit")
TEXTS = ("Green gate", "Old bridge", "New shoes")
VOTES = {
    "Green gate": "explicit explicit implicit",
    "Old bridge": "irrelevant irrelevant irrelevant",
    "New shoes": "implicit explicit",
}
PEOPLE = ("ann", "bob", "cy")
# file, tool, records that are no answer, whether it has seconds, whether it has times
FORMS: list[tuple[str, str, dict[str, int], bool, bool]] = [
    ("label-studio.json", "label-studio", {"golden": 1}, True, True),
    ("label-studio-min.json", "label-studio-min", {}, True, True),
    ("label-studio.csv", "label-studio-min", {}, True, True),
    ("doccano/*.jsonl", "doccano", {"without an answer": 1}, False, False),
    ("prodigy.jsonl", "prodigy", {"answered with reject, which is no label": 1}, False, True),
    ("argilla.json", "argilla", {}, False, False),
    ("argilla-1.jsonl", "argilla", {}, False, False),
    ("argilla-datasets.jsonl", "argilla", {}, False, False),
    ("potato/*/annotated_instances.jsonl", "potato", {"without an answer": 1}, True, False),
    ("mturk.csv", "mturk", {"rejected": 1, "golden": 1}, True, True),
    ("toloka.tsv", "toloka", {"rejected": 1, "golden": 1}, False, True),
    ("long.csv", "table", {"without an answer": 1}, True, True),
    ("wide.tsv", "table", {"without an answer": 1}, False, False),
    ("long.parquet", "table", {"without an answer": 1}, False, False),
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Campaign:
    images = tmp_path / "media"
    images.mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (40, 30 + number), (60 * number, 20, 90)).save(images / f"{number}.png")
    people = tuple(Person(name, f"{name}@lab.example") for name in PEOPLE)
    return Campaign.create(
        tmp_path / "c", name="t", protocol="ccd", annotators=people, adjudicators=(Person("lead", "lead@lab.example"),)
    )


def in_docs(place: int) -> tuple[int, int]:
    """The records and the judgments of a fixture, as the table in docs/import.md has them."""
    page = (Path(__file__).parents[2] / "docs" / "import.md").read_text().splitlines()
    cells = [line.split("|") for line in page if line.startswith("| ")][1 + place]
    return int(cells[3]), int(cells[4].split(",")[0])


def run(made: Campaign, *words: object) -> Result:
    images = str(made.folder.parent / "media")
    return CliRunner().invoke(
        import_command, ["--dir", str(made.folder), "--images", images, *map(str, words)], catch_exceptions=False
    )


def facts(made: Campaign, *words: object) -> dict[str, Any]:
    result = run(made, *words, "--json", "-")
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def judgments(made: Campaign) -> list[Any]:
    with made.read() as db:
        return list(db.execute(sa.select(schema.judgments, schema.pairs.c.text).join(schema.pairs)))


@pytest.mark.parametrize(("files", "tool", "left", "seconds", "times"), FORMS, ids=[form[0] for form in FORMS])
def test_rows_in_are_rows_out(
    made: Campaign, files: str, tool: str, left: dict[str, int], seconds: bool, times: bool
) -> None:
    names = sorted(EXPORTS.glob(files))
    found = facts(made, *names)
    assert {source.partition(":")[0] for source in found["source"]} == {tool}
    assert found["left"] == left
    assert (found["read"], sum(found["new"].values())) == in_docs([form[0] for form in FORMS].index(files))
    assert (sum(found["new"].values()), found["known"], found["unknown"]) == (found["read"] - sum(left.values()), 0, {})
    assert (found["new"]["valid"], found["pairs"], found["collected"], found["annotators"]) == (8, 3, 3, 3)
    rows = judgments(made)
    said = {
        text: Counter(json.loads(row.answers)["relation"] for row in rows if row.text == text and row.answers)
        for text in TEXTS
    }
    assert said == {text: Counter(votes.split()) for text, votes in VOTES.items()}
    assert all((row.seconds is not None) == seconds for row in rows if row.status == "valid")
    assert all((row.answered_at is not None) == times for row in rows)
    with made.read() as db:
        assert db.execute(sa.select(schema.rounds.c.arm, schema.rounds.c.size)).all() == [("imported", 3)]
        assert all(name.startswith(f"import:{tool}:") for name in db.scalars(sa.select(schema.posts.c.source)))
    again = facts(made, *names)
    assert (again["new"], again["known"], again["collected"]) == ({}, sum(found["new"].values()), 0)
    assert judgments(made) == rows


def test_times_of_mturk_and_prodigy_are_utc(made: Campaign) -> None:
    facts(made, EXPORTS / "mturk.csv")
    assert {(row.answered_at, row.seconds) for row in judgments(made)} == {("2024-03-01T18:00:07+00:00", 7.0)}


def test_annotators_are_known_by_their_address_and_adjudicators_do_not_vote(made: Campaign) -> None:
    facts(made, EXPORTS / "label-studio.json")
    assert {row.annotator for row in judgments(made)} == set(PEOPLE)
    tasks = json.loads((EXPORTS / "label-studio.json").read_text())
    tasks[0]["annotations"][0]["completed_by"]["email"] = "Lead@lab.example"
    other = made.folder.parent / "lead.json"
    other.write_text(json.dumps(tasks[:1]))
    assert facts(made, other)["left"] == {"of an adjudicator of this campaign": 1}


def test_a_changed_answer_is_a_newer_version(made: Campaign) -> None:
    facts(made, EXPORTS / "long.csv")
    other = made.folder.parent / "long.csv"
    text = (EXPORTS / "long.csv").read_text()
    other.write_text(text.replace("n1;cy;implicit", "n1;cy;explicit"))
    assert facts(made, other)["new"] == {"valid": 1}
    with made.read() as db:
        votes = valid_judgments(db, "relation")
    gate = {row.pair_id for row in judgments(made) if row.text == "Green gate"}
    assert votes[votes["task"].isin(gate)]["label"].tolist() == ["explicit"] * 3


def test_labels_elsewhere_are_mapped_in_campaign_toml(made: Campaign) -> None:
    file = made.folder.parent / "votes.csv"
    file.write_text(
        (EXPORTS / "long.csv")
        .read_text()
        .replace("explicit", "Related")
        .replace("implicit", "2")
        .replace("irrelevant", "unclear")
    )
    found = facts(made, file, "--label-column", "relation")
    assert found["unknown"] == {"unclear": 3, "Related": 3, "2": 2}
    assert found["new"] == {}
    result = run(made, file, "--label-column", "relation")
    assert result.exit_code == 1
    assert "'Related' (3)" in result.output
    assert "[import.labels]" in result.output
    toml = made.folder / CONFIG
    toml.write_text(
        toml.read_text().replace(
            '# "related" = "explicit"', 'related = "explicit"\n"2" = "implicit"\nunclear = "cannot_judge"'
        )
    )
    assert facts(Campaign.open(made.folder), file, "--label-column", "relation")["new"] == {
        "valid": 5,
        "cannot_judge": 3,
    }
    toml.write_text(toml.read_text().replace('unclear = "cannot_judge"', 'unclear = "unclear"'))
    result = run(made, file)
    assert result.exit_code == 2
    assert (
        "campaign.toml, [import.labels]: 'unclear' is 'unclear', no label of protocol ccd; write one of"
        in result.output
    )


def test_imported_pairs_are_never_taken_for_drawn_at_random(made: Campaign) -> None:
    facts(made, EXPORTS / "long.csv")
    aggregate_labels(made)
    split_campaign(made)
    with made.read() as db:
        assert set(db.scalars(sa.select(schema.splits.c.split))) == {"train"}
        assert list(db.scalars(sa.select(schema.round_pairs.c.inclusion_probability))) == [None] * 3


@pytest.mark.usefixtures("undrawn")
def test_a_release_says_what_was_imported(made: Campaign) -> None:
    facts(made, EXPORTS / "mturk.csv")
    aggregate_labels(made)
    split_campaign(made)
    written = write_release(made, "v1").folder
    assert verify(written) == []
    said = (written / "methods.md").read_text()
    assert "in 1 round (round 1: 3 pairs that came with imported judgments)." in said
    assert (
        "3 annotators gave 8 judgments on 3 pairs, 3 a pair where all are in. Of the judgments, 8 were made in" in said
    )
    assert "without sight" not in said
    assert "ANN" not in "".join(path.read_text(errors="replace") for path in written.glob("*.*"))


def test_an_item_is_found_by_its_pair_its_post_or_its_text(made: Campaign) -> None:
    facts(made, EXPORTS / "long.csv")
    pair = {row.text: row.pair_id for row in judgments(made)}
    file = made.folder.parent / "more.csv"
    lines = [f"{pair['Green gate']},dee,explicit,", f"{pair['Old bridge'].removesuffix(':0')},dee,irrelevant,"]
    file.write_text(
        "\n".join(["task,worker,label,text", *lines, "n77,dee,implicit,New shoes", "n78,dee,implicit,Nothing"])
    )
    result = run(made, file)
    assert result.exit_code == 1
    assert f"1 {NO_PAIR} (first: more.csv, line 5)" in result.output
    with made.read() as db:
        votes = valid_judgments(db, "relation")
    assert votes[votes["worker"] == "dee"]["task"].tolist() == [pair[text] for text in TEXTS]


def test_a_tools_own_number_is_no_posts(made: Campaign) -> None:
    file = made.folder.parent / "t.csv"
    file.write_text("task,worker,label,image,text\nid:1:0,ann,explicit,1.png,Green gate\n")
    table = made.folder.parent / "posts.csv"
    table.write_text("post_id,text,image\n1,A wholly other post,media/1.png\n")
    collect(made, list(read_posts(table, network="other")), "posts.csv")
    found = facts(made, EXPORTS / "label-studio.json", EXPORTS / "label-studio.csv", EXPORTS / "doccano" / "ann.jsonl")
    assert found["collected"] == 3
    assert {row.pair_id for row in judgments(made)}.isdisjoint({"id:1:0"})
    same = made.folder.parent / "same.csv"
    same.write_text("id,worker,label,text\n1,dee,explicit,Another text\n")
    assert facts(made, same)["left"] == {NO_PAIR: 1}
    same.write_text("id,worker,label,text\n1,dee,explicit,A wholly other post\n")
    assert facts(made, same)["new"] == {"valid": 1}


def test_a_truth_of_every_row_marks_none(made: Campaign) -> None:
    facts(made, EXPORTS / "long.csv")
    lines = (EXPORTS / "long.csv").read_text().replace(";ann;", ";dee;").splitlines()
    file = made.folder.parent / "gold.csv"
    file.write_text("\n".join([f"{lines[0]};gold", *(f"{line};explicit" for line in lines[1:])]))
    assert facts(made, file)["new"] == {"valid": 3}


def test_one_bad_file_is_said_before_anything_is_imported(made: Campaign) -> None:
    bad = made.folder.parent / "bad.csv"
    bad.write_text("")
    assert run(made, EXPORTS / "long.csv", bad).exit_code == 2
    assert judgments(made) == []


def test_one_bad_record_never_stops_the_rest(made: Campaign) -> None:
    file = made.folder.parent / "p.jsonl"
    lines = (EXPORTS / "prodigy.jsonl").read_text().splitlines()
    file.write_text("\n".join(["{", "[1]", '{"_input_hash": 5, "accept": 7}', *lines]))
    found = facts(made, file)
    assert found["new"] == {"valid": 8, "skipped": 1}
    assert found["left"] == {"unreadable": 2, "without a worker": 1, "answered with reject, which is no label": 1}


def test_several_labels_and_pictures_inside_a_file(made: Campaign) -> None:
    import base64

    inside = base64.b64encode((made.folder.parent / "media" / "1.png").read_bytes()).decode()
    record = {"text": "Green gate", "image": f"data:image/png;base64,{inside}", "_input_hash": 1, "answer": "accept"}
    rows = [
        record | {"accept": some, "_annotator_id": who}
        for who, some in (("ann", ["explicit"]), ("bob", ["explicit", "implicit"]))
    ]
    file = made.folder.parent / "p.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    found = facts(made, file)
    assert (found["new"], found["left"], found["collected"]) == (
        {"valid": 1},
        {"several labels for one question": 1},
        1,
    )


def test_a_photo_outside_the_folder_is_not_read(made: Campaign) -> None:
    shutil.copy(made.folder.parent / "media" / "1.png", made.folder.parent / "secret.png")
    file = made.folder.parent / "t.csv"
    file.write_text("task,worker,label,image,text\n1,ann,explicit,../secret.png,Green gate\n")
    assert facts(made, file)["left"] == {NO_PAIR: 1}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.json", "", "no JSON objects"),
        ("e.csv", "", "the file is empty"),
        ("e.csv", "task,worker,label\n", "no answer of anybody (it is empty)"),
        ("e.csv", "task,worker,label,label\n1,a,b,c\n", "is there twice"),
        ("e.csv", "a,b\n1,2\n", "the column 'task' is missing"),
        ("e.csv", b"task,worker,label\n1,a,\xff\xfe\n", "UTF-8"),
        ("gone.csv", None, "cannot be read"),
        ("e.csv", "task,worker,one,two\n1,a,explicit,implicit\n", "one, two may answer 'relation'; name one with"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(made: Campaign, name: str, content: str | bytes | None, said: str) -> None:
    file = made.folder.parent / name
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run(made, file)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("ccd: ")
    assert said in line
    assert judgments(made) == []


@pytest.mark.parametrize("name", ["t.json", "t.csv"])
def test_a_pipe_is_not_waited_for(made: Campaign, name: str) -> None:
    os.mkfifo(made.folder.parent / name)
    result = run(made, made.folder.parent / name)
    assert (result.exit_code, "it is a pipe or a device" in result.stderr) == (2, True)


def test_a_table_of_two_questions_a_person(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text("id,text1,image1,text2,image2\n7,positive,neutral,negative,neutral\n")
    _tool, found = read(file, None, Named())
    assert [(each.worker, each.said) for each in found if not isinstance(each, Left)] == [
        ("1", {"text": "positive", "image": "neutral"}),
        ("2", {"text": "negative", "image": "neutral"}),
    ]


@pytest.mark.parametrize("form", ["json", "json_min"])
def test_a_project_exported_and_imported_agrees_as_one_that_was_pulled(tmp_path: Path, form: str) -> None:
    """Label Studio → export → `ccd import` gives the agreement of `ccd pull`, in another campaign of the same pairs."""
    (tmp_path / "media").mkdir()
    office = Office(tmp_path / "a", pairs=12)
    office.push()
    for place, name in enumerate(PEOPLE):
        for number, task in enumerate(office.tasks(name)):
            label = LABELS[(number * (place + 1) + place // 2) % 3]
            office.answer(name, task, label, seconds=2.0 + number)
    office.pull()
    other = Office(tmp_path / "b", pairs=12).campaign
    with other.write() as db:
        for table in (schema.assignments, schema.round_pairs, schema.rounds):
            db.execute(table.delete())
    for name in PEOPLE:
        (tmp_path / f"{name}.json").write_text(json.dumps([*exported(office, name, form)]))
    run(other, *(tmp_path / f"{name}.json" for name in PEOPLE))
    with office.campaign.read() as here, other.read() as there:
        pulled, imported = (valid_judgments(db, "relation") for db in (here, there))
    same = ["task", "label", "seconds"]
    assert sorted(pulled[same].values.tolist()) == sorted(imported[same].values.tolist())
    one, two = (agreement(votes, LABELS, "nominal", n_resamples=0).coefficients for votes in (pulled, imported))
    assert {name: found.value for name, found in one.items()} == {name: found.value for name, found in two.items()}
    assert facts(office.campaign, *(tmp_path / f"{name}.json" for name in PEOPLE))["new"] == {}


def exported(office: Office, name: str, form: str) -> Iterator[dict[str, Any]]:
    """A desk's tasks as Label Studio exports them."""
    for task in office.tasks(name):
        annotations = [a for a in office.server.annotations.values() if a.task == task.id]
        if form == "json":
            yield {"id": task.id, "data": task.data, "annotations": [asdict(a) for a in annotations], "predictions": []}
            continue
        for a in annotations:
            said = {part["from_name"]: part["value"]["choices"][0] for part in a.result}
            meta = {"id": task.id, "annotator": a.completed_by, "annotation_id": a.id, "lead_time": a.lead_time}
            yield task.data | said | meta | {"created_at": a.created_at, "updated_at": a.updated_at}
