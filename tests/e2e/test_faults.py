"""Lost answers, kills and broken surroundings: nothing doubled, nothing lost, one clear line."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from annotation.accounts import users
from annotation.desks import forget, known_desks, open_desk
from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from collection.synthetic.records import records
from tests.e2e.conftest import PEOPLE, Server, api, campaign_on, ccd, edit
from tests.e2e.proxy import Proxy


def desk_keys(server: Server, campaign: Campaign) -> dict[str, Counter[str]]:
    """How often each pair lies on each desk, as Label Studio itself says."""
    return {
        desk: Counter(task["data"]["pair_key"] for task in api(server).tasks(row.project_id, fields="data"))
        for desk, row in known_desks(campaign).items()
    }


def once(campaign: Campaign) -> dict[str, Counter[str]]:
    """Every assignment once: what the desks should hold."""
    with campaign.read() as db:
        rows = db.execute(sa.select(schema.assignments.c.annotator, schema.assignments.c.pair_id)).all()
    wanted: dict[str, Counter[str]] = {}
    for row in rows:
        wanted.setdefault(row.annotator, Counter())[row.pair_id] += 1
    return wanted


@pytest.mark.parametrize("fault", ["502", "cut"])
def test_a_lost_answer_doubles_nothing(server: Server, proxy: Proxy, tmp_path: Path, fault: str) -> None:
    campaign, _truth = campaign_on(proxy.url, tmp_path / f"lost{fault}", 10)
    proxy.break_(fault, times=20)  # every answer that follows a change is lost: projects, pictures and tasks
    for _attempt in range(20):  # pictures come back unnamed from a lost upload: the command stops and is run again
        done = CliRunner().invoke(cli, ["push", "--dir", str(campaign.folder)])
        assert isinstance(done.exception, SystemExit | None), done.exception
        if done.exit_code == 0:
            break
    assert done.exit_code == 0, done.stderr
    assert proxy.hits >= 7  # at least one project and one import a desk, and the pictures
    assert desk_keys(server, campaign) == once(campaign)
    titles = [p["title"] for p in api(server).get("/api/projects/", page_size=1000)["results"]]
    assert Counter(titles)[f"{campaign.config.name} · ann"] == 1


def test_the_sdk_alone_makes_thirty_of_ten(server: Server, proxy: Proxy) -> None:
    """The reason why imports are never repeated blindly; should this fail, the SDK was mended."""
    from label_studio_sdk import LabelStudio

    project = api(server).sdk.projects.create(title="thirty of ten", label_config="<View></View>")
    proxy.break_("502", times=100, only="/import")
    client = LabelStudio(base_url=proxy.url, api_key=server.token)
    with pytest.raises(Exception, match="502"):
        client.projects.import_tasks(id=project.id, request=[{"data": {"text": str(i)}} for i in range(10)])
    assert api(server).get(f"/api/projects/{project.id}/")["task_number"] == 30


def killed(command: list[str], folder: Path, after: float) -> bool:
    """Start a command, kill -9 it and all it started after some seconds; True where it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.cli.main", *command, "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def kills(number: int, command: list[str], folder: Path, longest: float, again: Callable[[], None]) -> None:
    """Kill a command at random points; where it came to its end before, `again` makes it start over."""
    chance = random.Random(5)
    for _kill in range(number):
        while not killed(command, folder, chance.uniform(0.2, longest)):
            again()


def seconds_of(command: list[str], folder: Path) -> float:
    """How long a command takes in a process of its own, as those that are killed have."""
    begin = time.monotonic()
    assert not killed(command, folder, 600)
    return time.monotonic() - begin


def table_of(folder: Path, pairs: int) -> Path:
    """A table of many texts with few photos."""
    folder.mkdir()
    posts, _truth = records(20, 2, folder)
    photos = [str(post.photos[0].source) for post in posts]
    rows = [{"id": str(10**17 + i), "text": f"Text number {i}", "image": photos[i % 20]} for i in range(pairs)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "pairs.jsonl"


def contents(campaign: Campaign) -> Any:
    """What a collection leaves behind, times aside."""
    with campaign.read() as db:
        tables = [sorted(db.execute(sa.select(t))) for t in (schema.posts, schema.images, schema.drops)]
        pairs = sorted(db.execute(sa.select(schema.pairs.c.pair_id, schema.pairs.c.image, schema.pairs.c.text)))
    files = sorted(p.relative_to(campaign.folder) for p in (campaign.folder / "images").rglob("*") if p.is_file())
    return tables, pairs, files


def answer_all(server: Server, campaign: Campaign) -> int:
    """An answer on every task: desks are made anew from annotated tasks, and the next push takes them over."""
    part = {"from_name": "relation", "to_name": "text", "type": "choices", "value": {"choices": ["explicit"]}}
    ids = users(api(server))
    total = 0
    for person in PEOPLE:
        project = known_desks(campaign)[person.name].project_id
        mine = {"completed_by": ids[person.email], "ground_truth": False, "lead_time": 3.0, "result": [part]}
        tasks = list(api(server).tasks(project, fields="data"))
        api(server).send("DELETE", f"/api/projects/{project}/", None)
        forget(campaign, person.name)
        desk = open_desk(campaign, api(server), person.name, ids[person.email], [])
        body = [{"data": task["data"], "annotations": [mine]} for task in tasks]
        api(server).send("POST", f"/api/projects/{desk.project}/import", body)
        total += len(body)
    assert set(ccd(campaign.folder, "push").facts["sent"].values()) == {0}
    return total


def state(campaign: Campaign) -> Any:
    """What a pull leaves behind, times aside."""
    j = schema.judgments
    columns = (j.c.annotation, j.c.version, j.c.pair_id, j.c.annotator, j.c.status, j.c.answers, j.c.task_id)
    with campaign.read() as db:
        judged = sorted(db.execute(sa.select(*columns)))
        tasks = sorted(db.execute(sa.select(schema.tasks)))
    return judged, tasks


@pytest.mark.parametrize(("points", "pairs"), [(2, 150), pytest.param(10, 1200, marks=pytest.mark.soak)])
def test_killed_at_random_points_all_ends_alike(server: Server, tmp_path: Path, points: int, pairs: int) -> None:
    table = str(table_of(tmp_path / "source", pairs))
    campaign, untouched = (
        Campaign.create(tmp_path / name, name=name, annotators=PEOPLE, adjudicators=()) for name in ("killed", "whole")
    )
    for folder in (campaign.folder, untouched.folder):
        edit(folder, '# url = "http://127.0.0.1:8080"', f'url = "{server.url}"')

    def forget_all(*tables: sa.Table) -> None:
        with campaign.write() as db:
            for one in tables:
                db.execute(one.delete())

    longest = seconds_of(["collect", "table", table], untouched.folder)
    collected = (schema.pairs, schema.posts, schema.images, schema.drops)
    kills(points, ["collect", "table", table], campaign.folder, longest, lambda: forget_all(*collected))
    ccd(campaign.folder, "collect", "table", table)
    assert contents(campaign) == contents(untouched)

    for folder in (campaign.folder, untouched.folder):
        ccd(folder, "round", "new", "--size", str(pairs), "--seed", "1")
    longest = seconds_of(["push"], untouched.folder)

    def empty_desks() -> None:
        for name, row in known_desks(campaign).items():
            api(server).send("DELETE", f"/api/projects/{row.project_id}/", None)
            forget(campaign, name)

    kills(points, ["push"], campaign.folder, longest, empty_desks)
    ccd(campaign.folder, "push")
    assert desk_keys(server, campaign) == once(campaign)
    with campaign.read() as db:
        assert db.scalar(sa.select(sa.func.count()).where(schema.tasks.c.task_id.is_(None))) == 0

    total = answer_all(server, campaign)
    twin = tmp_path / "twin"
    # Not by this process: closing any copy of an SQLite file drops the locks that the process holds on it.
    subprocess.run(["cp", "-r", campaign.folder, twin], check=True)
    longest = seconds_of(["pull"], twin)

    def unpull() -> None:
        forget_all(schema.judgments)
        with campaign.write() as db:
            db.execute(schema.desks.update().values(watermark=None))

    kills(points, ["pull"], campaign.folder, longest, unpull)
    ccd(campaign.folder, "pull")
    assert state(campaign) == state(Campaign.open(twin))
    assert len(state(campaign)[0]) == total == 3 * pairs


def test_broken_surroundings_are_one_line_each(
    server: Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, _truth = campaign_on(proxy.url, tmp_path / "broken", 5)
    folder = campaign.folder
    proxy.break_("500", times=1000)
    assert "500" in ccd(folder, "push", code=2).err
    assert "500" in ccd(folder, "pull", code=2).err
    assert known_desks(campaign) == {}
    proxy.break_("slow", times=1000, delay=0.3)
    ccd(folder, "push")  # slow is not broken
    proxy.fault = None

    assert "token" in ccd(folder, "push", code=2, env={"LABEL_STUDIO_API_KEY": "0" * 40}).err
    assert "token" in ccd(folder, "pull", code=2, env={"LABEL_STUDIO_API_KEY": "eyJh.eyJ0.c2ln"}).err
    assert "LABEL_STUDIO_API_KEY is not set" in ccd(folder, "push", code=2, env={"LABEL_STUDIO_API_KEY": ""}).err

    proxy.close()  # down
    assert "cannot be reached" in ccd(folder, "pull", code=2).err
    assert ccd(folder, "doctor", code=1).facts["checks"][-1]["ok"] is False

    edit(folder, f'url = "{proxy.url}"', f'url = "{server.url}"')
    with campaign.read() as db:
        image = campaign.folder / db.scalar(sa.select(schema.images.c.file).limit(1))
    with campaign.write() as db:
        db.execute(schema.uploads.delete())
    image.unlink()
    assert "the image is missing" in ccd(folder, "push", code=2).err

    edit(folder, "judgments_per_pair = 3", "judgments_per_pair = three")
    assert "campaign.toml" in ccd(folder, "push", code=2).err
    edit(folder, "judgments_per_pair = three", "judgments_per_pair = 9")
    assert "3 annotators for 9 judgments" in ccd(folder, "status", code=2).err


def test_a_personal_token_works_too(server: Server, tmp_path: Path) -> None:
    """Both kinds of token: a JWT personal access token is exchanged and refreshed by the client."""
    from annotation.accounts import sign_in

    session = sign_in(server.url, "lead@example.org", server.passwords["lead"])
    made = session.post(f"{server.url}/api/token/", timeout=60)
    assert made.status_code == 201, made.text
    campaign, _truth = campaign_on(server.url, tmp_path / "jwt", 4)
    env = {"LABEL_STUDIO_API_KEY": made.json()["token"]}
    assert ccd(campaign.folder, "push", env=env).facts["sent"] == {"ann": 4, "bob": 4, "cy": 4}
    assert ccd(campaign.folder, "pull", env=env).facts["new"] == {}
