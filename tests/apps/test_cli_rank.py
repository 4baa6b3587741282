"""`ccd rank` as it is typed, and what it stores, without a Label Studio."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from apps.cli.campaign import status_command
from apps.cli.rank import rank_command
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.predictions import Predictions, begin, write
from ccd.campaign.revisions import current
from ccd.campaign.rounds import new_round
from ccd.campaign.tables import schema
from model.acquisition.campaign import candidates
from tests.campaigns import judge, small_campaign

PAIRS = 80


def call(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(rank_command, ["--dir", str(folder), "--json", "-", *arguments])


def rank(folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    done = call(folder, *arguments)
    assert done.exit_code == 0, done.stderr or done.exception
    return json.loads(done.stdout), done.stderr


def true_label(pair: str) -> str:
    return ("irrelevant", "implicit", "explicit", "explicit")[int(pair.split(":")[1]) % 4]


def made(folder: Path, annotators: str = "ann bob cy", first: int = 20) -> Campaign:
    """A campaign whose first round is judged and settled."""
    campaign = small_campaign(folder, PAIRS, annotators)
    new_round(campaign, first, seed=1)
    a = schema.assignments.c
    with campaign.read() as db:
        rows = db.execute(sa.select(a.pair_id, a.annotator)).all()
    for pair, annotator in rows:
        judge(campaign, pair, annotator, true_label(pair))
    aggregate_labels(campaign)
    return campaign


def predict(campaign: Campaign, leave: int = 0) -> None:
    """Predictions that know the labels somewhat, of all pairs but the last `leave`."""
    labels, draw = campaign.protocol.labels, np.random.default_rng(0)
    pairs = tuple(f"x:{n}:0" for n in range(PAIRS - leave))
    near = np.eye(3)[[labels.index(true_label(pair)) for pair in pairs]]
    p = (draw.dirichlet([1, 1, 1], len(pairs)) / 2 + near / 2).astype(np.float32)
    folder = begin(campaign, "made-1", {"labels": list(labels)})
    write(folder, Predictions("made-1", labels, pairs, p, p, p, p.astype(np.float16), None))


def queue(campaign: Campaign, number: int) -> list[tuple[str, str, float | None]]:
    t = schema.round_pairs.c
    query = sa.select(t.pair_id, t.part, t.inclusion_probability).where(t.round == number).order_by(t.place)
    with campaign.read() as db:
        return [tuple(row) for row in db.execute(query)]


def test_a_ranked_round_is_in_one_order_for_everybody(tmp_path: Path) -> None:
    campaign = made(tmp_path)
    predict(campaign, leave=2)
    facts, shown = rank(tmp_path, "--size", "20")
    assert (facts["round"], facts["label"], facts["model_version"]) == (2, "implicit", "made-1")
    assert facts["parts"] == {"strategy": 12, "diverse": 4, "random": 4}
    assert facts["assigned"] == {"ann": 20, "bob": 20, "cy": 20}
    rows = queue(campaign, 2)
    assert [pair for pair, _, _ in rows[:10]] == [one["pair_id"] for one in facts["top"]]
    best = [pair for pair, part, _ in rows if part == "strategy"]
    assert sum(true_label(pair) == "implicit" for pair in best) > 9  # of the 12
    assert {chance for _, part, chance in rows if part != "random"} == {None}
    assert [chance for _, part, chance in rows if part == "random"] == pytest.approx([4 / facts["pool"]] * 4)
    a, r = schema.assignments.c, schema.rounds.c
    with campaign.read() as db:
        for name in ("ann", "bob", "cy"):
            mine = sa.select(a.pair_id).where(a.round == 2, a.annotator == name).order_by(a.position)
            assert list(db.scalars(mine)) == [pair for pair, _, _ in rows]
        stored = db.execute(sa.select(r.arm, r.strategy, r.seed, r.size, r.pool, r.model_version).where(r.round == 2))
        assert tuple(stored.one()) == ("active", "implicit", 1, 20, facts["pool"], "made-1")
        drawn = set(db.scalars(sa.select(schema.round_pairs.c.pair_id).where(schema.round_pairs.c.round == 1)))
    assert not drawn & {pair for pair, _, _ in rows}
    missing = len({f"x:{n}:0" for n in (PAIRS - 2, PAIRS - 1)} - drawn)
    assert facts["unpredicted"] == 2
    assert facts["labelled"] == 20 - (2 - missing)
    assert facts["pool"] == PAIRS - 20, "also those without a prediction can be drawn at random"
    assert "First in every queue" in shown
    assert "drawn at random with probability" in shown

    told = json.loads(CliRunner().invoke(status_command, ["--dir", str(tmp_path), "--json", "-"]).stdout)
    assert [one["inclusion_probability"] for one in told["rounds"]] == [0.25, None]


def test_once_the_round_is_judged_status_says_whether_it_paid(tmp_path: Path) -> None:
    campaign = made(tmp_path)
    predict(campaign)
    rank(tmp_path, "--size", "20", "--seed", "3")
    for pair, _, _ in queue(campaign, 2):
        for name in ("ann", "bob", "cy"):
            judge(campaign, pair, name, true_label(pair))
    aggregate_labels(campaign)
    done = CliRunner().invoke(status_command, ["--dir", str(tmp_path)])
    said = " ".join(done.stdout.split())
    assert "Of 80 pairs, by 24 of 24 drawn at random: irrelevant" in said
    assert "still to find" in said
    assert "Ranking (1 round) found implicit in 12 of 12 pairs: 100.0%" in said
    assert said.count("ranking pays") == 1


def test_one_photo_with_many_texts_is_many_pairs_and_only_a_copy_counts_as_one(tmp_path: Path) -> None:
    """All pairs are one duplicate group; two are copies of the first pair drawn, in picture and text."""
    campaign = made(tmp_path)
    with campaign.read() as db:
        drawn = set(db.scalars(sa.select(schema.round_pairs.c.pair_id)))
        pairs = set(db.scalars(sa.select(schema.pairs.c.pair_id)))
    first, (original, *_) = min(drawn), sorted(pairs - drawn)
    with campaign.write() as db:
        db.execute(schema.pairs.update().values(duplicate_group="x:0:0"))
        db.execute(schema.pairs.update().where(schema.pairs.c.pair_id == first).values(copy_of=original))
    predict(campaign)
    assert "59 pairs can be ranked" not in call(tmp_path, "--size", "58").stderr
    facts, _ = rank(tmp_path, "--size", "2")
    assert facts["pool"] == PAIRS - 20 - 58
    told = candidates(campaign, "made-1", str)
    assert list(told.beyond) in ([], [original]), "it says nothing new, and can be drawn at random alone"
    ranked = [pair for pair, part, _ in queue(campaign, 2) if part != "random"]
    assert len(ranked) == 46
    assert original not in ranked


def test_every_pair_of_one_photo_with_many_texts_can_be_ranked(tmp_path: Path) -> None:
    """One picture under 80 texts, as a meme: one duplicate group, and every pair linked to one drawn at random."""
    campaign = made(tmp_path)
    with campaign.write() as db:
        p = schema.pairs
        one = db.scalar(sa.select(p.c.image).order_by(p.c.pair_id))
        db.execute(p.update().values(image=one, duplicate_group="x:0:0"))
        db.execute(p.update().values(text=sa.literal("text of ") + p.c.pair_id, text_sha256=p.c.pair_id))
        drawn = set(db.scalars(sa.select(schema.round_pairs.c.pair_id)))
        pairs = set(db.scalars(sa.select(p.c.pair_id)))
    predict(campaign)
    facts, shown = rank(tmp_path, "--size", "60")
    assert (facts["pool"], facts["size"], facts["linked"]) == (60, 60, 60)
    assert facts["parts"]["strategy"] + facts["parts"]["diverse"] == 48
    assert {pair for pair, _, _ in queue(campaign, 2)} == pairs - drawn
    assert "60 linked ones were ranked too" in " ".join(shown.split())


def test_mixed_revisions_are_said(tmp_path: Path) -> None:
    campaign = made(tmp_path)
    with campaign.write() as db:
        current(db, campaign.protocol)
        current(db, replace(campaign.protocol, guideline="Another."))
        db.execute(schema.judgments.update().where(schema.judgments.c.annotator == "cy").values(revision=2))
    facts, shown = rank(tmp_path, "--size", "5", "--strategy", "random")
    assert "(revision 1, 40 judgments; revision 2, 20 judgments)" in facts["mixed"]
    assert facts["mixed"] in shown


def test_without_predictions_random_and_profile_are_left(tmp_path: Path) -> None:
    campaign = made(tmp_path)
    lacking = call(tmp_path, "--size", "10")
    assert lacking.exit_code == 2
    assert "ranks by predictions, and there are none; run `ccd train` and `ccd predict`" in lacking.stderr
    assert "name encoders of one space" in call(tmp_path, "--size", "10", "--strategy", "profile").stderr
    facts, _ = rank(tmp_path, "--size", "10", "--strategy", "random")
    assert facts["parts"] == {"strategy": 0, "diverse": 0, "random": 10}
    assert [chance for _, part, chance in queue(campaign, 2) if part == "random"] == pytest.approx([10 / 60] * 10)


def test_relabel_gives_an_old_pair_to_an_annotator_who_has_not_had_it(tmp_path: Path) -> None:
    campaign = made(tmp_path, "ann bob cy dee", first=60)
    predict(campaign)
    split = "x:0:0"
    with campaign.write() as db:  # two of its judges say otherwise
        j = schema.judgments.c
        said = list(db.scalars(sa.select(j.judgment_id).where(j.pair_id == split)))
        for number, label in zip(said, ("implicit", "explicit"), strict=False):
            answers = json.dumps({"relation": label})
            db.execute(schema.judgments.update().where(j.judgment_id == number).values(answers=answers))
    facts, shown = rank(tmp_path, "--size", "20", "--strategy", "relabel")
    assert facts["again"] > 0
    assert "get one more judgment" in shown
    a = schema.assignments.c
    with campaign.read() as db:
        judges = db.execute(sa.select(a.pair_id, sa.func.count()).where(a.round == 2).group_by(a.pair_id)).all()
        twice = db.execute(sa.select(a.pair_id, a.annotator, sa.func.count()).group_by(a.pair_id, a.annotator)).all()
        before = set(db.scalars(sa.select(a.pair_id).where(a.round == 1)))
    assert dict(judges) == {pair: 1 if pair in before else 3 for pair, _, _ in queue(campaign, 2)}
    assert {number for *_, number in twice} == {1}


def test_relabel_needs_somebody_to_spare(tmp_path: Path) -> None:
    predict(made(tmp_path))
    assert "name more annotators in campaign.toml" in call(tmp_path, "--size", "5", "--strategy", "relabel").stderr


def test_asking_for_too_many_is_one_line_and_stores_nothing(tmp_path: Path) -> None:
    campaign = made(tmp_path)
    predict(campaign)
    done = call(tmp_path, "--size", "61")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == ["ccd: --size 61: 60 pairs can be ranked; ask for fewer"]
    assert queue(campaign, 2) == []
