"""Whole campaigns on a real Label Studio: real tweets with a real browser, and the same on PostgreSQL."""

import json
import shutil
import subprocess
import threading
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from annotation.desks import known_desks
from annotation.simulated import Simulated, work
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.tables import schema
from tests.data import SHARED
from tests.e2e.browser import label_by_keyboard
from tests.e2e.conftest import LEAD, PEOPLE, Server, api, campaign_on, ccd

PAIRS = 24
KEYS = {"explicit": "1", "implicit": "2", "irrelevant": "3"}


def judge(campaign: Campaign, server: Server, truth: dict[str, str], names: list[str]) -> None:
    """Simulated people answer all tasks of their desks at the same time, through Label Studio's API."""
    people = {p.name: p for p in PEOPLE + LEAD}
    failures = []

    def one(name: str) -> None:
        desk = ADJUDICATION_DESK if name == "lead" else name
        accuracy = 1.0 if name == "lead" else 0.85
        person = Simulated(
            people[name].email, server.passwords[name], accuracy, accuracy - 0.3, ("implicit",), names.index(name)
        )
        try:
            work(person, server.url, known_desks(campaign)[desk].project_id, campaign.protocol, truth, lambda n: None)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def recount(server: Server, campaign: Campaign) -> dict[str, tuple[str | None, str]]:
    """Majority labels counted again from Label Studio's own export, with nothing of the toolkit's arithmetic."""
    votes: dict[str, list[str]] = {}
    answered: Counter[str] = Counter()
    final = {}
    for desk, row in known_desks(campaign).items():
        for task in api(server).get(f"/api/projects/{row.project_id}/export", exportType="JSON"):
            for annotation in task["annotations"]:
                pair = task["data"]["pair_key"]
                choice = next(r["value"]["choices"][0] for r in annotation["result"] if r["from_name"] == "relation")
                if desk == ADJUDICATION_DESK:
                    final[pair] = choice
                else:
                    answered[pair] += 1
                    if choice != "cannot_judge":
                        votes.setdefault(pair, []).append(choice)
    assert set(answered.values()) == {3}
    labels: dict[str, tuple[str | None, str]] = {}
    for pair in answered:
        top, count = Counter(votes.get(pair, [])).most_common(1)[0] if votes.get(pair) else (None, 0)
        labels[pair] = (top, "unanimous" if count == 3 else "majority") if count >= 2 else (None, "open")
        if pair in final and final[pair] != "cannot_judge":
            labels[pair] = (final[pair], "adjudicated")
    return labels


def finish(campaign: Campaign, server: Server, truth: dict[str, str], pairs: int) -> None:
    """From three full desks to a verified release, each figure checked against the recount."""
    folder = campaign.folder
    first = ccd(folder, "pull").facts
    assert sum(first["new"].values()) == 3 * pairs
    assert set(first["new"]) <= {"valid", "cannot_judge"}
    assert ccd(folder, "pull").facts["new"] == {}
    ccd(folder, "labels")
    ccd(folder, "push")
    if ADJUDICATION_DESK in known_desks(campaign):
        judge(campaign, server, truth, ["lead"])
        ccd(folder, "pull")
    ccd(folder, "labels")

    rows = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]
    assert {row["pair_id"]: (row["label"], row["resolved_by"]) for row in rows} == recount(server, campaign)

    agreement = ccd(folder, "agreement").facts
    assert agreement["n_pairs"] == pairs
    alpha = agreement["coefficients"]["krippendorff_nominal"]
    assert alpha["ci"][0] < alpha["value"] < alpha["ci"][1]
    ccd(folder, "split")
    ccd(folder, "release", "v1")
    release = folder / "releases" / "v1"
    subprocess.run(["sha256sum", "--check", "--quiet", "MANIFEST.sha256"], cwd=release, check=True)
    released = [json.loads(line) for split in ("train", "dev", "test") for line in (release / f"{split}.jsonl").open()]
    settled = {row["pair_id"]: row["label"] for row in rows if row["label"] is not None}
    assert {row["pair_id"]: row["label"] for row in released} == settled
    assert len(released) == len(settled)


def imported(campaign: Campaign, server: Server, folder: Path) -> None:
    """Label Studio's own exports, in each form, give another campaign the agreement that was pulled here."""
    shutil.copytree(campaign.folder, folder / "other", ignore=shutil.ignore_patterns("studio", "releases"))
    other = Campaign.open(folder / "other")
    with other.write() as db:
        kept = ("posts", "pairs", "images", "photos", "meta", "revisions")
        for table in reversed(schema.metadata.sorted_tables):
            if table.name not in kept:
                db.execute(table.delete())
    projects = {name: row.project_id for name, row in known_desks(campaign).items() if name != ADJUDICATION_DESK}
    forms = ("JSON", "JSON_MIN", "CSV")
    for form in forms:
        files = []
        for name, project in projects.items():
            address, token = f"{server.url}/api/projects/{project}/export", {"Authorization": f"Token {server.token}"}
            answer = requests.get(address, params={"exportType": form}, headers=token, timeout=60)
            files.append(folder / f"{name}-{form.lower()}.{'csv' if form == 'CSV' else 'json'}")
            files[-1].write_bytes(answer.content)
        found = ccd(other.folder, "import", *map(str, files)).facts
        assert (sum(found["new"].values()), found["known"]) == (
            (found["read"], 0) if form == forms[0] else (0, found["read"])
        )
    pulled, brought = (ccd(one.folder, "agreement").facts for one in (campaign, other))
    assert brought["n_judgments"] == pulled["n_judgments"]
    for name, one in pulled["coefficients"].items():
        assert brought["coefficients"][name].get("value") == one.get("value")
    other.engine.dispose()


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    ccd(tmp_path, "status", code=2)


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("lines", "kept", "size"), [(400, 200, 30), pytest.param(12_000, 8_000, 600, marks=pytest.mark.soak)]
)
def test_real_tweets_with_a_browser(server: Server, tmp_path: Path, lines: int, kept: int, size: int) -> None:
    assert SHARED is not None
    folder, campaign = server.folder, Campaign.open(server.folder)
    table = tmp_path / "tweets.tsv"
    with (SHARED / "tweets" / "tweets.tsv").open(encoding="utf-8") as tweets:
        table.write_text("".join(islice(tweets, lines)), encoding="utf-8")
    collected = ccd(folder, "collect", "table", str(table), "--images", str(SHARED / "tweets")).facts
    assert collected["kept"] > kept
    ccd(folder, "round", "new", "--size", str(size), "--seed", "1")
    pushed = ccd(folder, "push").facts
    assert pushed["sent"] == {"ann": size, "bob": size, "cy": size}
    assert ccd(folder, "push").facts["sent"] == {"ann": 0, "bob": 0, "cy": 0}

    with campaign.read() as db:
        pairs = db.execute(
            sa.select(schema.pairs.c.pair_id, schema.pairs.c.text)
            .join(schema.assignments, schema.assignments.c.pair_id == schema.pairs.c.pair_id)
            .where(schema.assignments.c.annotator == "ann")
            .order_by(schema.assignments.c.position)
        ).all()
    labels = campaign.protocol.labels
    truth = {row.pair_id: labels[number % 3] for number, row in enumerate(pairs)}
    own = [truth[row.pair_id] for row in pairs[:5]]
    picture = tmp_path / "labeling.png"
    project = known_desks(campaign)["ann"].project_id
    seen = label_by_keyboard(
        server.url, "ann@example.org", server.passwords["ann"], project, [KEYS[label] for label in own], picture
    )
    # ann met her tasks in the order of her own desk, and her keys became these labels.
    assert [" ".join(text.split()) for text in seen] == [" ".join(row.text.split()) for row in pairs[:5]]
    assert ccd(folder, "pull").facts["new"] == {"valid": 5}
    with campaign.read() as db:
        answers = dict(db.execute(sa.select(schema.judgments.c.pair_id, schema.judgments.c.answers)).all())
    assert [json.loads(answers[row.pair_id])["relation"] for row in pairs[:5]] == own

    judge(campaign, server, truth, ["ann", "bob", "cy"])
    with campaign.write() as db:  # as if nothing had been pulled: the first pull of a whole campaign
        db.execute(schema.desks.update().values(watermark=None))
        db.execute(schema.judgments.delete())
    finish(campaign, server, truth, size)
    imported(campaign, server, tmp_path)
    keep = Path(__file__).resolve().parents[2] / "artifacts"
    keep.mkdir(exist_ok=True)
    shutil.copy(picture, keep / "labeling.png")


def test_the_same_campaign_on_postgresql(server: Server, postgres: str, tmp_path: Path) -> None:
    campaign, truth = campaign_on(
        server.url,
        tmp_path / "pg",
        PAIRS,
        **{
            '# database_url = "postgresql+psycopg://user@host/database"': f'database_url = "{postgres}"',
        },
    )
    assert campaign.engine.dialect.name == "postgresql"
    pushed = ccd(campaign.folder, "push").facts
    assert pushed["sent"] == {"ann": PAIRS, "bob": PAIRS, "cy": PAIRS}
    assert ccd(campaign.folder, "push").facts["sent"] == {"ann": 0, "bob": 0, "cy": 0}
    judge(campaign, server, truth, ["ann", "bob", "cy"])
    finish(campaign, server, truth, PAIRS)
