"""The backend as the real Label Studio calls it: at connection, as tasks open, after answers."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from annotation.accounts import sign_in
from annotation.backend import ANSWERED, TITLE
from annotation.client import Studio, StudioError
from annotation.desks import known_desks
from annotation.predictions import SHOWN, version_of
from apps.backend import secret_of
from apps.server import PASSWORD
from benchmarks.slowloris import callers
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from collection.store import collect
from collection.synthetic.records import SOURCE, records
from tests.campaigns import judge
from tests.e2e.conftest import PEOPLE, Server, api, campaign_on, ccd

WORD = "open-sesame"
NAMES = [person.name for person in PEOPLE]
FIRST, SECOND = 40, 12


@pytest.fixture
def live(server: Server, tmp_path: Path) -> tuple[Campaign, dict[str, str]]:
    """A network trained on a judged round; a second round is on the desks, and nobody has begun it."""
    campaign, truth = campaign_on(server.url, tmp_path / "live", FIRST)
    for pair, label in truth.items():
        for name in NAMES:
            judge(campaign, pair, name, label, project_id=0)
    posts, truth = records(FIRST + SECOND, 1, tmp_path / "more")
    collect(campaign, posts, SOURCE)
    for command in (
        "labels",
        "split",
        "train --model text --epochs 1 --threads 1",
        f"round new --size {SECOND} --seed 2",
    ):
        ccd(campaign.folder, *command.split())
    assert set(ccd(campaign.folder, "push").facts["sent"].values()) == {SECOND}
    ccd(campaign.folder, "predict", "--threads", "1")
    return campaign, truth


class Running:
    """`ccd backend` in a process of its own."""

    def __init__(self, campaign: Campaign, *options: str) -> None:
        command = [sys.executable, "-m", "apps.cli.main", "backend", "--connect", "--port", "0", "--threads", "1"]
        self.process = subprocess.Popen(
            [*command, *options, "--dir", str(campaign.folder), "--json", "-"],
            env=os.environ | {PASSWORD: WORD},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.said = []
        while "listening at " not in (line := self.process.stderr.readline()):
            assert line, self.said
            self.said.append(line)
        self.said.append(line)
        self.base = line.partition("listening at ")[2].partition(";")[0]

    def health(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.base}/health", auth=("ccd", WORD), timeout=60).json())

    def end(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate()
        assert self.process.returncode == 0, err
        return dict(json.loads(out))


@contextmanager
def running(campaign: Campaign, *options: str) -> Iterator[Running]:
    backend = Running(campaign, *options)
    try:
        yield backend
    finally:
        if backend.process.poll() is None:
            backend.process.kill()
            backend.process.communicate()


def wait(until: Callable[[], bool]) -> None:
    while not until():
        time.sleep(0.1)


def registered(server: Server, project: int) -> tuple[list[Any], list[Any]]:
    """Backends and webhooks of a project, as Label Studio has them."""
    found = api(server)
    return found.get("/api/ml/", project=project), found.get("/api/webhooks/", project=project)


def shown_pairs(campaign: Campaign) -> dict[str, bool]:
    with campaign.read() as db:
        return {row.pair_id: bool(row.shown) for row in db.execute(sa.select(schema.assists))}


def work(server: Server, name: str, project: int, truth: dict[str, str]) -> dict[str, list[Any]]:
    """Answer all of a desk as the page does; gives the predictions that each task came with, by pair."""
    session = sign_in(server.url, f"{name}@example.org", server.passwords[name])
    offered = {}
    while (answer := session.get(f"{server.url}/api/projects/{project}/next", timeout=60)).status_code != 404:
        if answer.status_code != 200:  # "database is locked"
            continue
        task = answer.json()
        pair = task["data"]["pair_key"]
        offered[pair] = task["predictions"]
        choice = {"from_name": "relation", "to_name": "text", "type": "choices", "value": {"choices": [truth[pair]]}}
        address = f"{server.url}/api/tasks/{task['id']}/annotations/?project={project}"
        session.post(address, json={"result": [choice], "lead_time": 3.0}, timeout=60)
    return offered


def test_label_studio_asks_as_tasks_open_and_answers_start_a_retraining(
    server: Server, live: tuple[Campaign, dict[str, str]]
) -> None:
    campaign, truth = live
    desks = {name: known_desks(campaign)[name].project_id for name in NAMES}
    with running(campaign, "--retrain-after", str(SECOND * len(NAMES))) as backend:
        shown = shown_pairs(campaign)
        assert len(shown) == SECOND
        assert 0 < sum(not each for each in shown.values()) < SECOND / 2
        wait(lambda: backend.health()["version"] is not None)
        first = backend.health()["version"]
        for project in desks.values():
            (ml,), (hook,) = registered(server, project)
            assert (ml["title"], ml["state"], ml["model_version"]) == (TITLE, "CO", SHOWN)
            assert (hook["url"], hook["actions"]) == (f"{ml['url']}/webhook", [ANSWERED])
            assert hook["send_for_all_actions"] is False
            assert api(server).get(f"/api/projects/{project}/")["model_version"] == TITLE

        for name, project in desks.items():
            blind = next(pair for pair in shown if not shown[pair])
            tasks = {t["data"]["pair_key"]: t["id"] for t in api(server).tasks(project, fields="data")}
            quick = api(server).get(f"/api/tasks/{tasks[blind]}/", project=project)  # a click on its row
            assert quick["predictions"] == []
            offered = work(server, name, project, truth)
            assert offered.keys() == shown.keys()
            for pair, predictions in offered.items():
                assert len(predictions) == shown[pair]
                assert all(version_of(each) == first for each in predictions)

        wait(lambda: backend.health()["retrained"] == 1)
        wait(lambda: backend.health()["version"] != first)
        with campaign.read() as db:
            j = schema.judgments.c
            rows = db.execute(sa.select(j.pair_id, j.prediction).where(j.project_id != 0)).all()
        assert len(rows) == SECOND * len(NAMES)  # the retraining pulled them
        assert all(row.prediction == (first if shown[row.pair_id] else None) for row in rows)

        facts = backend.end()
    assert facts["answers"] == SECOND * len(NAMES)
    assert facts["predicted"] == sum(shown.values()) * len(NAMES)
    assert facts["retrained"] == 1
    assert facts["desks"] == {name: sum(shown.values()) for name in NAMES}
    for project in desks.values():
        assert registered(server, project) == ([], [])
        assert api(server).get(f"/api/projects/{project}/")["model_version"] == SHOWN


def test_connected_twice_is_connected_once_and_tasks_open_without_it(
    server: Server, live: tuple[Campaign, dict[str, str]]
) -> None:
    campaign, _truth = live
    project = known_desks(campaign)["ann"].project_id
    with running(campaign) as backend:
        wrong = {"project": project, "url": backend.base, "title": "by hand", "auth_method": "BASIC_AUTH"}
        with pytest.raises(StudioError, match="authentication parameters were either not provided or are incorrect"):
            api(server).send("POST", "/api/ml/", wrong | {"basic_auth_user": "ccd", "basic_auth_pass": "wrong"})
        secret = secret_of(campaign, WORD)
        unheard = requests.post(f"{backend.base}/{secret[:-1]}x/webhook", json={"action": ANSWERED}, timeout=60)
        assert unheard.status_code == 404
        backend.process.kill()
        backend.process.communicate()
    session = sign_in(server.url, "ann@example.org", server.passwords["ann"])
    task = session.get(f"{server.url}/api/projects/{project}/next", timeout=60)
    assert task.status_code == 200
    assert task.json()["predictions"] == []
    with running(campaign) as backend:
        (ml,), (_hook,) = registered(server, project)
        assert ml["url"] == f"{backend.base}/{secret}"
        ccd(campaign.folder, "push")  # leaves a connected desk as it is
        assert api(server).get(f"/api/projects/{project}/")["model_version"] == TITLE
        assert backend.end()["predicted"] == 0
    assert registered(server, project) == ([], [])


@pytest.mark.soak
def test_500_slow_connections_delay_no_prediction_that_label_studio_asks_for(
    server: Server, live: tuple[Campaign, dict[str, str]]
) -> None:
    """Median and 95th percentile of opening a task whose prediction is still to come, a minute with and without."""
    campaign, _truth = live
    project = known_desks(campaign)["ann"].project_id
    studio = api(server)
    with running(campaign) as backend:
        wait(lambda: backend.health()["version"] is not None)
        shown = shown_pairs(campaign)
        tasks = [t["id"] for t in studio.tasks(project, fields="data") if shown[t["data"]["pair_key"]]]
        opened(studio, project, tasks, 2)
        figures = []
        for slow in (0, 500):
            with callers(backend.base, slow):
                seconds = opened(studio, project, tasks, 60)
            figures.append([statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]])
            print(f"{slow} slow connections: {len(seconds)} tasks, median and 95 % {figures[-1]}")
    for without, beside in zip(*figures, strict=True):
        assert beside <= 2 * without


def opened(studio: Studio, project: int, tasks: list[int], seconds: float) -> list[float]:
    """Open one task after another for so long, each without its prediction. Return how long each took."""
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        task = tasks[len(took) % len(tasks)]
        for old in studio.get("/api/predictions/", task=task):
            studio.send("DELETE", f"/api/predictions/{old['id']}/", None)
        begin = time.perf_counter()
        found = studio.get(f"/api/tasks/{task}/", project=project)
        took.append(time.perf_counter() - begin)
        assert len(found["predictions"]) == 1
    return took
