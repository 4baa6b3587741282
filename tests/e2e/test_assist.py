"""Predictions on desks, a blind share, and what they do to judgments, on a real Label Studio."""

import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from annotation.accounts import sign_in
from annotation.client import StudioError
from annotation.desks import known_desks
from annotation.predictions import SHOWN, prediction_json, send, version_of
from annotation.simulated import Simulated, work
from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import Predictions, begin, write
from ccd.campaign.tables import schema
from tests.e2e.conftest import PEOPLE, Server, api, campaign_on, ccd
from tests.e2e.proxy import Proxy

VERSION = "made-1"


def predict(campaign: Campaign, truth: dict[str, str], accuracy: float, version: str = VERSION) -> None:
    """Predictions of a model that knows the true label of so many pairs."""
    labels, random = campaign.protocol.labels, np.random.default_rng(3)
    pairs = sorted(truth)
    p = np.full((len(pairs), len(labels)), 0.1, np.float32)
    for row, pair in zip(p, pairs, strict=True):
        right = labels.index(truth[pair])
        said = right if random.random() < accuracy else random.choice([i for i in range(len(labels)) if i != right])
        row[said] = 0.5 + random.random() / 2
    folder = begin(campaign, version, {"labels": list(labels)})
    p /= p.sum(axis=1, keepdims=True)
    nothing = np.zeros((len(pairs), 1), np.float16)
    write(folder, Predictions(version, labels, tuple(pairs), p, None, None, nothing, None))


def on_desks(server: Server, campaign: Campaign) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """desk → pair → (label, version) of each prediction on its task, as Label Studio itself says."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for desk, row in known_desks(campaign).items():
        for task in api(server).tasks(row.project_id, fields="data", annotations=True):
            said = [(p["result"][0]["value"]["choices"][0], version_of(p)) for p in task["predictions"]]
            assert task["data"]["pair_key"] not in found.setdefault(desk, {})  # each pair once
            found[desk][task["data"]["pair_key"]] = said
    return found


def decided(campaign: Campaign) -> dict[str, list[tuple[str, str]]]:
    """What the campaign wants a pair's tasks to carry: one prediction, or none where it is blind."""
    with campaign.read() as db:
        rows = db.execute(sa.select(schema.assists)).all()
    return {row.pair_id: [(row.label, row.model_version)] if row.shown else [] for row in rows}


def as_decided(server: Server, campaign: Campaign) -> None:
    wanted = decided(campaign)
    for tasks in on_desks(server, campaign).values():
        assert tasks == wanted


def first_tasks(server: Server, name: str, project: int, number: int) -> Iterable[dict[str, Any]]:
    """The tasks that the queue offers one after the other, each skipped."""
    session = sign_in(server.url, f"{name}@example.org", server.passwords[name])
    for _ in range(number):
        task = session.get(f"{server.url}/api/projects/{project}/next", timeout=60).json()
        yield task
        body = {"result": [], "was_cancelled": True}
        session.post(f"{server.url}/api/tasks/{task['id']}/annotations/", json=body, timeout=60)


def test_assisted_tasks_carry_one_prediction_and_blind_ones_none(server: Server, tmp_path: Path) -> None:
    campaign, truth = campaign_on(server.url, tmp_path / "assisted", 30)
    folder = campaign.folder
    predict(campaign, truth, 0.7)
    pushed = ccd(folder, "push", "--assist").facts
    assert pushed["assisted"] == [{"round": 1, "version": VERSION, "shown": 24, "blind": 6, "unknown": 0}]
    assert set(pushed["sent"].values()) == {30}
    as_decided(server, campaign)

    for again in (["push"], ["push", "--assist"], ["push", "--assist", VERSION]):  # decided once: stays so
        facts = ccd(folder, *again).facts
        assert facts["assisted"] == facts["notes"] == []
        assert set(facts["sent"].values()) == {0}
        as_decided(server, campaign)

    wanted = decided(campaign)
    project = known_desks(campaign)["ann"].project_id
    for task in first_tasks(server, "ann", project, 8):  # what the labeling page is given
        offered = [p["result"][0]["value"]["choices"][0] for p in task["predictions"]]
        assert offered == [label for label, _version in wanted[task["data"]["pair_key"]]]

    # by hand: one prediction deleted, one put on a blind task; the quick view would show it
    tasks = {t["data"]["pair_key"]: t for t in api(server).tasks(project, fields="data", annotations=True)}
    unanswered = [pair for pair in wanted if not tasks[pair]["annotations"]]
    lost = next(pair for pair in unanswered if wanted[pair])
    added = next(pair for pair in unanswered if not wanted[pair])
    api(server).send("DELETE", f"/api/predictions/{tasks[lost]['predictions'][0]['id']}/", None)
    more = prediction_json("relation", "implicit", 0.7, "by hand") | {"task": tasks[added]["id"]}
    send(api(server), project, [more])
    send(api(server), project, [more])
    assert ccd(folder, "push").facts["notes"] == [
        "desk ann: predictions added by hand to blind tasks, 2 removed",
    ]
    as_decided(server, campaign)


def test_a_blind_round_can_be_assisted_until_it_is_answered(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    campaign, truth = campaign_on(proxy.url, tmp_path / "later", 12)
    ccd(campaign.folder, "push")
    assert "no predictions" in ccd(campaign.folder, "push", "--assist", code=2).err
    predict(campaign, truth, 0.7)
    proxy.break_("502", times=4, only="/import/predictions")  # done, and the answers lost
    ccd(campaign.folder, "push", "--assist", "--blind", "0.5")
    assert proxy.hits == 3  # one bulk call a desk, none repeated
    as_decided(server, campaign)
    for row in known_desks(campaign).values():
        assert api(server).get(f"/api/projects/{row.project_id}/")["model_version"] == SHOWN
    assert "between 0 and 1" in ccd(campaign.folder, "push", "--assist", "--blind", "0", code=2).err

    blind, _truth = campaign_on(server.url, tmp_path / "begun", 6)
    predict(blind, truth, 0.7)
    ccd(blind.folder, "push")
    list(first_tasks(server, "bob", known_desks(blind)["bob"].project_id, 1))
    ccd(blind.folder, "pull")
    assert ccd(blind.folder, "push", "--assist").facts["assisted"] == []
    assert not any(any(tasks.values()) for tasks in on_desks(server, blind).values())


def test_a_wrong_count_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    campaign, _truth = campaign_on(server.url, tmp_path / "count", 3)
    ccd(campaign.folder, "push")
    project = known_desks(campaign)["ann"].project_id
    one, two, _three = (task["id"] for task in api(server).tasks(project, fields="data"))
    good = prediction_json("relation", "implicit", 0.7, "m") | {"task": one}
    bad = prediction_json("relation", "no such label", 0.7, "m") | {"task": two}
    with pytest.raises(StudioError, match="2 predictions were sent and 1 are stored"):
        send(api(server), project, [good, bad])


def test_killed_and_run_again_each_prediction_is_there_once(server: Server, tmp_path: Path) -> None:
    campaign, truth = campaign_on(server.url, tmp_path / "killedassist", 300)
    predict(campaign, truth, 0.7)
    command = [sys.executable, "-m", "apps.cli.main", "push", "--assist", "--dir", str(campaign.folder)]
    for seconds in (2.0, 3.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    ccd(campaign.folder, "push", "--assist")  # on a busy machine no kill may have come after the decision
    assert len(decided(campaign)) == 300
    as_decided(server, campaign)


def judged(server: Server, folder: Path, pairs: int, follow: float) -> dict[str, Any]:
    """An assisted round judged by people who take over what they are shown with probability `follow`: `ccd bias`.

    The model is never right: who says what it says has followed it or erred, so that 60 pairs are enough. In 300
    simulations of this round without a server the move was found in all with `follow` 0.3, in 9 with none.
    """
    campaign, truth = campaign_on(server.url, folder, pairs)
    predict(campaign, truth, 0)
    ccd(campaign.folder, "push", "--assist", "--blind", "0.5")
    failures = []

    def one(number: int, name: str) -> None:
        person = Simulated(
            f"{name}@example.org", server.passwords[name], 0.85, 0.55, ("implicit",), number, follow=follow
        )
        try:
            work(person, server.url, known_desks(campaign)[name].project_id, campaign.protocol, truth, lambda n: None)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number, p.name)) for number, p in enumerate(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    ccd(campaign.folder, "pull")
    with campaign.read() as db:  # every judgment says which prediction it was given beside
        rows = db.execute(sa.select(schema.judgments.c.pair_id, schema.judgments.c.prediction)).all()
    wanted = decided(campaign)
    assert len(rows) == 3 * pairs
    assert all(row.prediction == (VERSION if wanted[row.pair_id] else None) for row in rows)
    facts: dict[str, Any] = ccd(campaign.folder, "bias").facts
    return facts


def test_bias_is_found_where_annotators_follow_the_model(server: Server, tmp_path: Path) -> None:
    found = judged(server, tmp_path / "followers", 60, follow=0.3)
    assert found["toward"]
    low, high = found["model"]["ci"]
    assert 0 < low < found["model"]["difference"] < high
    assert found["followed_ci"][0] < 0.3 < found["followed_ci"][1]
    assert found["verdict"].startswith("WARNING: labels move toward the model")
    assert (found["assisted"]["pairs"], found["blind"]["pairs"], found["left_out"]) == (30, 30, 0)


@pytest.mark.soak
def test_no_bias_is_found_where_they_do_not(server: Server, tmp_path: Path) -> None:
    found = judged(server, tmp_path / "free", 60, follow=0.0)
    low, high = found["model"]["ci"]
    assert low < 0 < high
    assert not found["toward"]
    assert found["verdict"].startswith("No move of labels toward the model is seen")
