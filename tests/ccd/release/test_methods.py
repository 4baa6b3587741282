"""Every sentence of methods.md is one that the database gives: each is computed here from queries of the test's own."""

import json
from collections.abc import Iterator
from pathlib import Path

import krippendorff
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import sqlalchemy as sa

from ccd.campaign import assistance, prevalence
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.measures.agreement import Agreement, agreement
from ccd.release import Form, write_release
from ccd.splitting.leakage import IN_WORDS
from tests.ccd.build import SKIP, add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R

LABELS = [R, I, E]
FIRST = {f"x:{n}:0": ((E, E, I), (I, I, I), (R, R, R), (E, E, E))[n % 4] for n in range(24)}
FIRST |= {"x:0:0": (E, I, R), "x:1:0": (E, I, R), "x:4:0": (E, I, R)}  # ties; the first is adjudicated
FIRST |= {"x:3:0": (E, None, None), "x:5:0": (R, I, I), "x:6:0": (R, R, SKIP), "x:7:0": (E, E, None)}
SECOND = [f"x:{n}:0" for n in range(30, 36)]  # ranked
THIRD = [*(f"x:{n}:0" for n in range(40, 50)), "x:8:1"]  # at random
FOURTH = [f"x:{n}:0" for n in range(60, 68)]  # ranked; all but two are shown a prediction
REST = [*(f"x:{n}:0" for n in range(80, 90)), "bsky:did/1:0"]
POOL = len(FIRST) + len(SECOND) + len(THIRD) + len(FOURTH) + len(REST)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """Two random rounds, two ranked ones, assistance, ties, a deleted post, an answer that was set aside."""
    made = campaign(tmp_path_factory.mktemp("methods") / "c", FIRST)
    for number, arm, pairs in ((2, "active", SECOND), (3, "random", THIRD), (4, "active", FOURTH), (9, "none", REST)):
        add_pairs(made, pairs, number=number, arm=arm)
    for place, pair in enumerate((*SECOND, *THIRD, *FOURTH)):
        for worker, label in zip(("a1", "a2", "a3"), ((I, I, I), (I, I, E), (R, E, R))[place % 3], strict=True):
            judge(made, pair, worker, label)
    with made.write() as db:
        _drawn(db)
        j = schema.judgments
        db.execute(j.update().where(j.c.annotation == "x:5:0/a1").values(status="changed_task"))
        db.execute(j.update().where(j.c.pair_id.in_(FOURTH[2:])).values(prediction="n1"))
        db.execute(schema.posts.update().values(created_at="2024-05-01T00:00:00+00:00"))
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "x:40").values(created_at="2024-06-30T00:00"))
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "x:2").values(status="deleted"))
        db.execute(schema.drops.insert().values(source="t", item="1", reason="broken image"))
    judge(made, "x:5:0", "a1", I, version=2)  # given again, and counts
    judge(made, "x:7:0", "a3", SKIP, status="skipped")
    for pair, answers in {"x:0:0": (I, I), "x:4:0": (I, E), "x:8:0": (E, None)}.items():
        for worker, label in zip(("lead", "second"), answers, strict=True):
            if label:
                judge(made, pair, worker, label, role="adjudicator")
    aggregate_labels(made)
    split_campaign(made)
    return made


def _drawn(db: sa.Connection) -> None:
    """The rounds as if each had been drawn from all pairs that were in none before."""
    r, b, a = schema.rounds, schema.round_pairs, schema.assignments
    for table in (a, b, r):
        db.execute(table.delete().where(table.c.round == 9))
    db.execute(schema.pairs.update().values(collected_at="2024-07-01T00:00:00+00:00"))
    left = POOL
    for number, pairs in enumerate((list(FIRST), SECOND, THIRD, FOURTH), 1):
        of = {"pool": left, "created_at": f"2024-08-0{number}T00:00:00+00:00"}
        if number in (2, 4):
            of |= {"strategy": "implicit", "model_version": "n1"}
            for place, pair in enumerate(pairs):
                part = "random" if place == len(pairs) - 1 else "strategy"
                chance = 1 / (left - len(pairs) + 1) if part == "random" else None
                values = {"place": place, "part": part, "inclusion_probability": chance}
                db.execute(b.update().where(b.c.pair_id == pair).values(**values))
        else:
            db.execute(b.update().where(b.c.round == number).values(inclusion_probability=len(pairs) / left))
            mine = (a.c.round == number) & (a.c.annotator == "a2")
            db.execute(a.update().where(mine).values(position=100 - a.c.position))
        db.execute(r.update().where(r.c.round == number).values(**of))
        left -= len(pairs)
    for place, pair in enumerate(FOURTH):
        said = {"round": 4, "pair_id": pair, "model_version": "n1", "label": I, "score": 0.9, "shown": int(place > 1)}
        db.execute(schema.assists.insert().values(**said))


def test_every_sentence_is_one_that_the_database_gives(made: Campaign) -> None:
    rest = (write_release(made, "v1", Form.dry()).folder / "methods.md").read_text()
    with made.read() as db:
        for sentence in sentences(made, db):
            assert rest.lstrip().startswith(sentence), f"{sentence!r} is not what comes next:\n{rest.lstrip()[:400]}"
            rest = rest.lstrip().removeprefix(sentence)
            assert not rest or rest[0] in " \n", f"more is said after {sentence!r}: {rest[:100]}"
    assert rest.strip() == ""


def sentences(made: Campaign, db: sa.Connection) -> Iterator[str]:
    """The sentences that are true of the database, in order."""
    yield "# Methods: t, release v1"
    yield from of_collection(db)
    yield from of_rounds(db)
    judged = judgments(db)
    yield from of_judgments(made, db, judged)
    labels = pd.read_sql("SELECT * FROM labels", db)
    released = pd.read_sql(
        """SELECT l.*, s.split, s.leakage_group, r.arm FROM labels l JOIN splits s USING (pair_id)
        JOIN pairs p USING (pair_id) JOIN posts o USING (post_id)
        JOIN round_pairs b USING (pair_id) JOIN rounds r USING (round)
        WHERE o.status = 'live' AND l.label IS NOT NULL""",
        db,
    )
    yield from of_labels(db, judged, labels, released)
    yield from of_agreement(judged)
    yield from of_splits(made, db, labels, released)
    yield (
        "To be stated by the authors: how annotators were recruited and trained, what they were paid, whether they and "
        "those who posted gave consent, and what an ethics board decided."
    )
    yield "References:"
    yield from (f"- {each}" for each in REFERENCES)


REFERENCES = (  # as ccd/measures/coefficients.py and ccd/measures/bootstrap.py have them
    "Efron, B. and Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman and Hall.",
    "Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin 76(5), 378-382.",
    "Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high agreement. British "
    "Journal of Mathematical and Statistical Psychology 61(1), 29-48.",
    "Hesterberg, T. C. (2015). What teachers should know about the bootstrap. The American Statistician 69(4), "
    "371-386.",
    "Imbens, G. W. and Manski, C. F. (2004). Confidence intervals for partially identified parameters. Econometrica "
    "72(6), 1845-1857.",
    "Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. https://repository.upenn.edu/asc_papers/43",
)


def of_collection(db: sa.Connection) -> Iterator[str]:
    pairs = pd.read_sql("SELECT * FROM pairs", db)
    posts = pd.read_sql("SELECT * FROM posts", db)
    names = {"bsky": "Bluesky", "x": "X (Twitter)"}
    networks = " and ".join(names[name] for name in sorted(pairs.pair_id.str.partition(":")[0].unique()))
    yield (
        f"We collected {len(pairs)} image-text pairs of {len(posts)} posts with {pairs.image.nunique()} different "
        f"images from {networks}, posted between {posts.created_at.min()[:10]} and {posts.created_at.max()[:10]}."
    )
    (dropped,) = db.execute(sa.text("SELECT count(*) FROM drops WHERE reason = 'broken image'")).one()
    yield f"Photos and posts that were not kept: {dropped} broken image."
    (gone,) = db.execute(sa.text("SELECT count(*) FROM posts WHERE status = 'deleted'")).one()
    yield f"Posts that were gone from the platform since ({gone} deleted) were removed."


def of_rounds(db: sa.Connection) -> Iterator[str]:
    parts = []
    for of in pd.read_sql("SELECT * FROM rounds ORDER BY round", db).itertuples():
        drawn = pd.read_sql(sa.text("SELECT * FROM round_pairs WHERE round = :of"), db, params={"of": int(of.round)})
        if of.arm == "random":
            assert drawn.inclusion_probability.nunique() == 1
            how = "drawn at random, each with the same probability (seed 1)"
        else:
            number = drawn.part.value_counts()
            how = (
                f"chosen with the help of a model: {number['random']} at random, {number['strategy']} by the strategy "
            )
            how += f"{of.strategy} (seed 1, model {of.model_version})"
        parts.append(f"round {of.round}: {len(drawn)} of {of.pool} pairs, {how}")
    yield f"Pairs were sent out in {len(parts)} rounds ({'; '.join(parts)})."


def judgments(db: sa.Connection) -> pd.DataFrame:
    """The judgments that count: task, worker, label, role, prediction, arm, leakage_group (None: of one pair alone)."""
    found = pd.read_sql("SELECT * FROM judgments ORDER BY version, judgment_id", db).groupby("annotation").tail(1)
    found = found[found.status == "valid"].sort_values("judgment_id", kind="stable")
    arms = pd.read_sql("SELECT a.pair_id, r.arm FROM assignments a JOIN rounds r USING (round)", db).drop_duplicates()
    found = found.merge(arms, on="pair_id")
    posts = pd.read_sql("SELECT pair_id, post_id FROM pairs", db)
    found = found.merge(posts[posts.pair_id.isin(found.pair_id)], on="pair_id")
    several = found.groupby("post_id").pair_id.transform("nunique") > 1
    found["leakage_group"] = found.post_id.where(several, None)
    found["label"] = [json.loads(answers)["relation"] for answers in found.answers]
    return found.rename(columns={"pair_id": "task", "annotator": "worker"})


def of_judgments(made: Campaign, db: sa.Connection, judged: pd.DataFrame) -> Iterator[str]:
    votes = judged[judged.role == "annotator"]
    asked = pd.read_sql("SELECT pair_id, count(*) AS number FROM assignments GROUP BY pair_id", db).number.unique()
    yield (
        f"Under the protocol “{made.protocol.title}” ({' '.join(made.protocol.reference.split())}), "
        f"{votes.worker.nunique()} annotators gave {len(votes)} judgments on {votes.task.nunique()} pairs, "
        f"{asked.item()} a pair where all are in, without sight of the others'."
    )
    yield f"The pairs came {orders(db)}."
    newest = pd.read_sql("SELECT * FROM judgments ORDER BY version", db).groupby("annotation").tail(1)
    number = newest[newest.role == "annotator"].status.value_counts()
    assert (number["cannot_judge"], number["skipped"]) == (1, 1)
    yield "“Cannot judge” was answered once, and 1 task skipped."
    yield f"Of the judgments, {votes.prediction.notna().sum()} were given beside a model's prediction."
    assists = pd.read_sql("SELECT pair_id AS task, label AS model, shown FROM assists", db)
    kinds = votes.merge(assists, on="task").groupby("shown")
    share = {shown: (of.label == of.model).mean() for shown, of in kinds}
    pairs = kinds.task.nunique()
    found, _ = assistance.of_campaign(db, made.protocol.question)
    low, high = found.model.ci or (0, 0)
    yield (
        f"Which pairs stayed blind was drawn at random: the model's label is {share[1]:.1%} of the judgments on "
        f"{pairs[1]} assisted pairs and {share[0]:.1%} of those on {pairs[0]} blind pairs, "
        f"weighted to have their rounds and model labels: {100 * (share[1] - share[0]):+.1f} points "
        f"[{100 * low:+.1f}, {100 * high:+.1f}]."
    )
    yield (
        f"A comparison of so many pairs finds a difference of {100 * (found.smallest or 0):.1f} points in four of five "
        "cases."
    )


def orders(db: sa.Connection) -> str:
    """In which rounds all had one order, by the pairs of each in turn."""
    turns = pd.read_sql("SELECT * FROM assignments ORDER BY position", db)
    own, ranked = [], []
    for number, of in turns.groupby("round"):
        found = {tuple(mine.pair_id) for _, mine in of.groupby("annotator")}
        places = pd.read_sql(sa.text("SELECT * FROM round_pairs WHERE round = :n"), db, params={"n": int(str(number))})
        if found == {tuple(places.sort_values("place").pair_id)} and places.place.notna().all():
            ranked.append(str(number))
        elif len(found) > 1:
            own.append(str(number))
    assert len(own) == len(ranked) == 2
    return (
        f"to each annotator in an order of their own in rounds {', '.join(own)}; "
        f"to all in the order of the ranking in rounds {', '.join(ranked)}"
    )


def of_labels(db: sa.Connection, judged: pd.DataFrame, labels: pd.DataFrame, released: pd.DataFrame) -> Iterator[str]:
    votes = judged[judged.role == "annotator"].groupby(["task", "label"]).size().unstack(fill_value=0)
    leads = votes.eq(votes.max(axis=1), axis=0)
    given = pd.read_sql("SELECT pair_id, annotator FROM judgments WHERE status != 'changed_task'", db)
    full = given[given.annotator.isin(["a1", "a2", "a3"])].groupby("pair_id").annotator.nunique() == 3
    gone = set(db.scalars(sa.text("SELECT pair_id FROM pairs JOIN posts USING (post_id) WHERE status = 'deleted'")))
    tied = (leads.sum(axis=1) > 1) & full.reindex(leads.index) & ~leads.index.isin(list(gone))
    yield "The label of a pair is that of the majority; ties were left to an adjudicator."
    yield f"{tied.sum()} pairs in the splits or in open.jsonl had a tie."
    by = ", ".join(f"{number} {name}" for name, number in released.resolved_by.value_counts().sort_index().items())
    yield f"Of the {len(released)} released pairs, the label came about by: {by}."
    yield f"An adjudicator's answer is the label of {(released.resolved_by == 'adjudicated').sum()} released pairs."
    answers = judged[judged.role == "adjudicator"].groupby("task").label.agg(["size", "nunique", "first"])
    twice = answers[answers["size"] > 1]
    yield (
        f"Of {len(twice)} pairs that two adjudicators or more answered, {(twice['nunique'] == 1).sum()} got one label "
        "from all."
    )
    clear = answers[leads.loc[answers.index].sum(axis=1) == 1]
    same = (votes.loc[clear.index].idxmax(axis=1) == clear["first"]) & (clear["nunique"] == 1)
    assert len(clear) == 1
    yield (
        f"Of 1 pair with an adjudicator's answer on which one label led by the annotators' votes, {same.sum()} got "
        "that label."
    )
    contested = sum(votes.loc[row.pair_id].sum() > votes.loc[row.pair_id, row.label] for row in released.itertuples())
    yield (
        f"Of all labels, {contested} ({contested / len(released):.1%}) had at least one annotator's vote for another "
        "label; how many labels are wrong was not measured."
    )
    left = labels[labels.label.isna() & ~labels.pair_id.isin(gone)].resolved_by.value_counts()
    yield (
        f"Sent out and in no split: {left['incomplete']} incomplete, {left['open']} open, "
        f"{len(gone & set(labels.pair_id))} post is gone."
    )


def of_agreement(judged: pd.DataFrame) -> Iterator[str]:
    votes = judged[judged.role == "annotator"]
    counts = votes.groupby(["task", "label"]).size().unstack(fill_value=0)[LABELS].to_numpy()
    found = agreement(votes, LABELS, "nominal")
    assert (found.n_resamples, found.resample) == (1000, "pairs")
    n = counts.sum(axis=1)
    pairable = counts[n > 1]
    number = pairable.sum(axis=1)
    observed = ((pairable * (pairable - 1)).sum(axis=1) / (number * (number - 1))).mean()
    shares = (counts / n[:, None]).mean(axis=0)
    chance, gwet = (shares**2).sum(), (shares * (1 - shares)).sum() / 2
    values = {
        "Krippendorff's alpha (nominal; Krippendorff 2011)": (alpha(counts), "krippendorff_nominal"),
        "Fleiss' kappa (Fleiss 1971)": ((observed - chance) / (1 - chance), "fleiss"),
        "Gwet's AC1 (Gwet 2008)": ((observed - gwet) / (1 - gwet), "gwet_ac1"),
        "observed agreement": (observed, "percent"),
    }
    said = [f"{name} {value:.3f} {ends(found, key)}" for name, (value, key) in values.items()]
    yield (
        "Agreement over all judged pairs, with 95 % intervals of the percentile bootstrap (Efron and Tibshirani 1993), "
        "expanded for few groups (Hesterberg 2015), from 1,000 resamples of their "
        f"{votes.leakage_group.fillna(votes.task).nunique()} leakage groups: {', '.join(said)}."
    )
    each = []
    for place, label in enumerate(LABELS):
        one = np.column_stack([counts[:, place], n - counts[:, place]])
        low, high = found.per_class[label].ci or (0, 0)
        each.append(f"{label} {alpha(one):.3f} [{low:.3f}, {high:.3f}]")
    yield f"Alpha of each label against the rest: {', '.join(each)}."
    parts = []
    for arm, name in (("active", "rounds chosen with the help of a model"), ("random", "random rounds")):
        mine = votes[votes.arm == arm]
        value = alpha(mine.groupby(["task", "label"]).size().unstack(fill_value=0).to_numpy())
        of_arm = agreement(mine, LABELS, "nominal")
        parts.append(f"{name} {value:.3f} {ends(of_arm, 'krippendorff_nominal')} ({mine.task.nunique()} pairs)")
    yield f"Alpha by how the pairs were chosen: {', '.join(parts)}."
    yield (
        "Alpha depends on how common the labels are: pairs chosen so that a label is more common can have another "
        "alpha without any change in how annotators judge."
    )


def alpha(counts: npt.NDArray[np.int64]) -> float:
    return float(krippendorff.alpha(value_counts=counts[counts.sum(axis=1) > 1], level_of_measurement="nominal"))


def ends(found: Agreement, key: str) -> str:
    low, high = found.coefficients[key].ci or (0, 0)
    return f"[{low:.3f}, {high:.3f}]"


def of_splits(made: Campaign, db: sa.Connection, labels: pd.DataFrame, released: pd.DataFrame) -> Iterator[str]:
    sizes = ", ".join(f"{split} {(released.split == split).sum()}" for split in ("train", "dev", "test"))
    yield (f"The {len(released)} pairs were divided into {sizes}, stratified by label (seed {made.config.split_seed}).")
    groups = released.groupby("leakage_group").agg({"split": "nunique", "pair_id": "size"})
    assert ((groups.pair_id > 1).sum(), groups.split.max()) == (1, 1)
    ties = ", ".join(IN_WORDS[tie] for tie in made.config.split_ties)
    yield f"1 leakage group of two pairs or more (tied by {ties}) was never divided."
    assert set(released[released.split != "train"].arm) == {"random"}
    yield "Dev and test hold only pairs that were drawn at random."
    several = groups[groups.pair_id > 1].index
    large = released[released.leakage_group.isin(several)]
    assert set(large.arm) == {"random"}
    assert set(large.split) == {"train"}
    yield (
        f"1 leakage group of {len(large)} pairs or more, {len(large)} pairs in all, could have been in dev or test and "
        "is too large for them: it is in train, and dev and test have no groups of that size."
    )
    common = prevalence.of_campaign(db, made.protocol.question)
    shares = [f"{of.label} {of.share:.1%} (95 % CI {of.low:.1%} to {of.high:.1%})" for of in common.labels]
    yield f"Prevalence of the majority labels, estimated from pairs drawn at random: {', '.join(shares)}."
    drawn = pd.read_sql(
        """SELECT l.label, r.arm FROM labels l JOIN round_pairs b USING (pair_id) JOIN rounds r USING (round)
        JOIN pairs p USING (pair_id) JOIN posts o USING (post_id)
        WHERE o.status = 'live' AND (r.arm = 'random' OR b.part = 'random')""",
        db,
    )
    out = drawn.label.isna().sum()
    everything = POOL - 1 - out  # one post is deleted
    yield (
        f"Of {everything} pairs, by {len(drawn) - out} of {len(drawn)} drawn at random ({out} drawn and not settled "
        "are in no figure)."
    )
    at_random = pd.read_sql(
        "SELECT DISTINCT pair_id FROM round_pairs JOIN rounds USING (round) WHERE arm = 'random'", db
    )
    live = set(db.scalars(sa.text("SELECT pair_id FROM pairs JOIN posts USING (post_id) WHERE status = 'live'")))
    mine = labels[labels.pair_id.isin(live & set(at_random.pair_id)) & (labels.resolved_by != "incomplete")]
    left = mine.label.isna().sum()
    assert left == 1
    every = prevalence.bounds(db, made.protocol.question) or {}
    bounds = [f"{label} {every[label].least:.1%} to {every[label].most:.1%}" for label in LABELS]
    error = [f"{label} {every[label].low:.1%} to {every[label].high:.1%}" for label in LABELS]
    yield (
        f"Of {len(mine)} pairs of random rounds that were judged in full, 1 has no label and was left out of the "
        "shares; open.jsonl has the votes."
    )
    yield (
        f"With none and with all pairs without one counted for a label, its share of all pairs is: {', '.join(bounds)}."
    )
    yield f"With sampling error (95 %; Imbens and Manski 2004): {', '.join(error)}."


def test_the_sentence_of_large_groups_is_that_of_the_split(tmp_path: Path, undrawn: None) -> None:
    """Two posts of 20 photos each are too large for dev and test of 8 pairs each; all their labels are implicit."""
    votes = {f"x:{n // 20}:{n % 20}": (I, I, I) for n in range(40)}
    votes |= {f"y:{n}:0": ((E, E, E), (R, R, R), (I, I, I))[n % 3] for n in range(60)}
    made = campaign(tmp_path / "c", votes)
    aggregate_labels(made)
    found = split_campaign(made)
    groups = found.table.groupby("leakage_group").agg(pairs=("pair_id", "size"), split=("split", "first"))
    large = groups[groups.pairs > 1]
    assert (len(large), set(large.split), large.pairs.sum()) == (2, {"train"}, 40)
    label = pd.Series({pair: answers[0] for pair, answers in votes.items()})
    every, left = (some.value_counts(normalize=True) for some in (label, label[label.index.str.startswith("y")]))
    parts = ", ".join(f"{name} {left[name]:.1%} for {every[name]:.1%}" for name in sorted(set(label)))
    assert str(found.large) == (
        "2 leakage groups are too large for dev and test (40 pairs, 20 or more in a group): such pairs are in train "
        f"alone, and the pairs left for dev and test are {parts}"
    )
    said = (write_release(made, "v1", Form.dry()).folder / "methods.md").read_text()
    assert (
        "2 leakage groups of 20 pairs or more, 40 pairs in all, could have been in dev or test and are too large for "
        "them: they are in train, and dev and test have no groups of that size." in said
    )
    assert "2 leakage groups of two pairs or more (tied by " in said
