"""The backend over HTTP, on a campaign with a trained network: the calls, who may make them, what goes wrong."""

import errno
import http.client
import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from click.testing import CliRunner

from apps import backend as backends
from apps import connections
from apps.cli.main import cli
from apps.retraining import Retraining
from apps.server import MOST_BYTES, PASSWORD, Server, serving
from ccd.campaign import predictions
from ccd.campaign.assist import decide, to_show
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from collection.store import collect
from collection.synthetic.records import SOURCE, records
from model.features import forget
from model.serving import Ready, Serving
from tests.campaigns import judge, small_campaign

WORD = "open-sesame"
DESKS = {"ann": 11, "bob": 12, "cy": 13}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 synthetic pairs: 40 judged and trained on, 20 in a round that nobody has begun, decided and on desks."""
    folder = tmp_path_factory.mktemp("backend") / "campaign"
    campaign = small_campaign(folder)
    posts, truth = records(60, 1, folder / "drawn")
    collect(campaign, posts, SOURCE)
    ccd(folder, "round", "new", "--size", "40", "--seed", "1")
    with campaign.read() as db:
        first = db.scalars(sa.select(schema.round_pairs.c.pair_id)).all()
    for pair in first:
        for annotator in DESKS:
            judge(campaign, pair, annotator, truth[pair])
    for command in ("labels", "split", "train --model text --epochs 1 --threads 1", "round new --size 20 --seed 2"):
        ccd(folder, *command.split())
    ccd(folder, "predict", "--threads", "1")
    decide(campaign)
    with campaign.write() as db:
        rows = [{"desk": name, "project_id": project} for name, project in DESKS.items()]
        db.execute(schema.desks.insert(), rows)
    return folder


@pytest.fixture
def campaign(made: Path, tmp_path: Path) -> Campaign:
    """A copy that a test may spoil."""
    shutil.copytree(made, tmp_path / "campaign")
    return Campaign.open(tmp_path / "campaign")


def ccd(folder: Path, *command: str) -> None:
    done = CliRunner().invoke(cli, [*command, "--dir", str(folder)])
    assert done.exit_code == 0, done.stderr or done.exception


class Served:
    """A running backend as a caller sees it, and what it said."""

    def __init__(self, server: Server, said: list[str]) -> None:
        self.server, self.said = server, said
        self.host = f"127.0.0.1:{server.server_port}"

    def call(self, name: str, body: Any = None, *, auth: tuple[str, str] | None = ("ccd", WORD)) -> requests.Response:
        method = "GET" if body is None else "POST"
        return requests.request(method, f"{self.server.url}/{name}", json=body, auth=auth, timeout=60)

    def predict(self, tasks: list[Any]) -> dict[str, Any]:
        answer = self.call("predict", {"tasks": tasks})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ready(self) -> None:
        wait(lambda: self.call("health").json()["version"] is not None)


@contextmanager
def running(campaign: Campaign, **options: Any) -> Iterator[Served]:
    said: list[str] = []
    with serving(campaign, WORD, said.append, **options) as (server, _retraining):
        yield Served(server, said)


@pytest.fixture(scope="module")
def served(made: Path) -> Iterator[Served]:
    with running(Campaign.open(made)) as found:
        found.ready()
        yield found


def wait(until: Callable[[], bool]) -> None:
    while not until():
        time.sleep(0.02)


def tasks_of(campaign: Campaign, desk: str = "ann") -> list[dict[str, Any]]:
    """The tasks of a desk's second round as Label Studio sends them, pairs that may be shown first."""
    a, i = schema.assignments.c, schema.images.c
    query = sa.select(a.pair_id, i.file).join_from(schema.assignments, schema.pairs).join(schema.images)
    with campaign.read() as db:
        shown = to_show(db)
        rows = db.execute(query.where(a.annotator == desk, a.round == 2).order_by(a.position)).all()
    rows = sorted(rows, key=lambda row: (desk, row.pair_id) not in shown)
    return [
        {"id": number, "project": DESKS[desk], "annotations": [], "predictions": []}
        | {"data": {"pair_key": row.pair_id, "text": "…", "image": f"/data/local-files/?d={row.file}", "round": 2}}
        for number, row in enumerate(rows, 1)
    ]


def test_a_prediction_is_that_of_ccd_predict_and_blind_pairs_get_none(served: Served, made: Path) -> None:
    campaign = Campaign.open(made)
    tasks = tasks_of(campaign)
    with campaign.read() as db:
        shown = to_show(db)
    found = served.predict(tasks)
    assert len(found["results"]) == len(tasks) == 20
    stored = predictions.read(campaign, predictions.latest(campaign))
    by_pair = {pair: row for row, pair in enumerate(stored.ids)}
    blind = 0
    for task, result in zip(tasks, found["results"], strict=True):
        pair = task["data"]["pair_key"]
        if ("ann", pair) not in shown:
            blind += 1
            assert result == []
            continue
        row = stored.probabilities[by_pair[pair]]
        assert result["result"][0]["value"] == {"choices": [stored.labels[row.argmax()]]}
        assert result["score"] == pytest.approx(float(row.max()), abs=1e-5)
        assert result["result"][0]["meta"] == {"version": stored.version}
        assert result["model_version"] == "ccd"
    assert blind == 4
    assert found["without"] == [
        {"task": task["id"], "reason": "blind: no prediction is shown of this pair on this desk"} for task in tasks[16:]
    ]


def test_every_task_that_cannot_be_predicted_says_why_and_the_others_are(served: Served, made: Path) -> None:
    good = tasks_of(Campaign.open(made))[0]

    def other(**data: Any) -> dict[str, Any]:
        return good | {"data": good["data"] | data}

    tasks = [
        good,
        other(image=None),
        other(image="/data/local-files/?d=../../etc/passwd"),
        other(image="/etc/passwd"),
        other(image="/data/local-files/?d=images/../../" + Path(good["data"]["image"]).name),
        other(pair_key="x:none:0"),
        other(pair_key=["x"]),
        good | {"project": 99},
        good | {"project": ["x"]},
        "no task",
        good,
    ]
    found = served.predict(tasks)
    assert [result != [] for result in found["results"]] == [True, *[False] * 9, True]
    reasons = [each["reason"] for each in found["without"]]
    assert reasons[0] == "the task has no image"
    for reason in reasons[1:4]:
        assert f"is not the photo of {good['data']['pair_key']}" in reason
    assert reasons[4] == "'x:none:0' is no pair of this campaign, or its post is gone"
    assert all(reason.startswith(("['x'] is no pair", "blind", "None is no pair")) for reason in reasons[5:])


def test_no_desk_gets_a_prediction_of_a_blind_pair_however_it_is_asked_for(served: Served, made: Path) -> None:
    campaign = Campaign.open(made)
    query = sa.select(schema.pairs.c.pair_id, schema.images.c.file).join_from(schema.pairs, schema.images)
    with campaign.read() as db:
        shown, files = set(to_show(db)), {row.pair_id: row.file for row in db.execute(query)}
    odd = (None, 0, -1, 99, True, "11", 11.0, [11], {"id": 11})  # where a number of a project is looked for
    asked = [(name, DESKS[name], pair) for name in DESKS for pair in files]
    asked += [("", project, pair) for project in odd for pair in list(files)[:20]]
    asked += [("", 11, f"{pair}{end}") for pair in list(files)[:20] for end in (" ", "\0", "\n", "%")]
    asked += [("", 11, pair.upper()) for pair in list(files)[:20]]
    tasks = [
        {
            "id": number,
            "project": project,
            "data": {"pair_key": pair, "image": f"/data/local-files/?d={files.get(pair)}"},
        }
        for number, (_, project, pair) in enumerate(asked)
    ]
    answer = served.predict(tasks)
    found = answer["results"]
    got = {(name, pair) for (name, _, pair), result in zip(asked, found, strict=True) if result != []}
    assert got - shown == set()
    assert shown - got == set(), [each for each in answer["without"] if "blind" not in each["reason"]][:3]
    assert 0 < len(got) < len(files)


def test_a_pair_whose_post_is_deleted_is_not_predicted(tmp_path: Path) -> None:
    found = small_campaign(tmp_path / "c", pairs=2)
    with found.write() as db:
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "x:0").values(status="deleted"))
    tasks = [
        {"data": {"pair_key": f"x:{n}:0", "image": f"/data/local-files/?d=images/x-{n}-0.jpg"}, "project": 1}
        for n in range(2)
    ]
    said = backends.Backend(found, None, None)._contents(tasks)  # type: ignore[arg-type]
    assert said[0] == "'x:0:0' is no pair of this campaign, or its post is gone"
    assert str(said[1]).startswith("blind")


def test_an_uploaded_photo_is_known_by_its_name(served: Served, made: Path) -> None:
    task = tasks_of(Campaign.open(made))[0]
    name = Path(task["data"]["image"]).name
    task["data"]["image"] = f"/data/upload/3/0a1b2c3d-{name}"
    assert served.predict([task])["without"] == []
    task["data"]["image"] = f"/data/upload/3/../../0a1b2c3d-{name}"
    assert len(served.predict([task])["without"]) == 1


def test_a_missing_photo_costs_its_own_task_only(campaign: Campaign) -> None:
    tasks = tasks_of(campaign)[:2]
    gone = campaign.folder / tasks[0]["data"]["image"].partition("=")[2]
    gone.unlink()
    with campaign.read() as db:
        keep = set(db.scalars(sa.select(schema.images.c.sha256))) - {gone.stem}
    assert forget(campaign.folder / "features", "regions", keep) == 1
    with running(campaign) as served:
        served.ready()
        found = served.predict(tasks)
    assert found["results"][0] == []
    assert found["results"][1] != []
    assert found["without"] == [{"task": 1, "reason": f"{gone}: the photo cannot be read"}]


def test_four_callers_with_200_tasks_each_lose_no_reply(served: Served, made: Path) -> None:
    tasks = [task for desk in DESKS for task in tasks_of(Campaign.open(made), desk)] * 4
    many = [task | {"id": number} for number, task in enumerate(tasks[:200])]
    alone = served.predict(many)
    assert len(alone["results"]) == 200
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(served.predict, [many] * 8)) == [alone] * 8


@pytest.mark.parametrize("call", ["health", "versions", "setup", "predict"])
@pytest.mark.parametrize("auth", [None, ("ccd", "wrong"), ("other", WORD)])
def test_without_the_password_nothing_is_told(served: Served, call: str, auth: tuple[str, str] | None) -> None:
    body = {"tasks": []} if call in ("setup", "predict") else None
    answer = served.call(call, body, auth=auth)
    assert answer.status_code == 401
    assert answer.json() == {"error": answer.reason}
    assert answer.reason.startswith("wrong user or password")


def test_the_webhook_wants_the_secret_part_of_its_address_only(served: Served) -> None:
    body = {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "was_cancelled": False}}
    before = served.call("webhook", {"action": "PROJECT_UPDATED"}, auth=None).json()["answers"]
    assert served.call("webhook", body, auth=None).json() == {"answers": before + 1}
    skipped = body | {"annotation": {"id": 2, "was_cancelled": True}}
    assert served.call("webhook", skipped, auth=None).json() == {"answers": before + 1}
    for path in ("webhook", "0" * 32 + "/webhook"):
        answer = requests.post(f"http://{served.host}/{path}", json=body, auth=("ccd", WORD), timeout=60)
        assert answer.status_code == 404
    assert served.call("webhook", {"action": "START_TRAINING"}).status_code == 409


def test_setup_names_what_predictions_bear(served: Served) -> None:
    found = served.call("setup", {"project": "1.2", "schema": "<View/>"}).json()
    assert found["model_version"] == "ccd"
    assert found["version"] == served.call("health").json()["version"]
    assert served.call("versions").json() == {"versions": ["ccd"]}


def test_50_megabytes_are_refused_with_an_answer(served: Served) -> None:
    answer = requests.post(f"{served.server.url}/predict", data=b" " * 50_000_000, auth=("ccd", WORD), timeout=60)
    assert answer.status_code == 413
    assert answer.json()["error"] == f"the request has 50,000,000 bytes, {MOST_BYTES:,} are taken; send fewer tasks"
    assert served.call("health").status_code == 200


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no list of tasks"),
        (b'{"tasks": {}}', "no list of tasks"),
    ],
)
def test_what_is_no_request_is_told(served: Served, body: bytes, told: str) -> None:
    answer = requests.post(f"{served.server.url}/predict", data=body, auth=("ccd", WORD), timeout=60)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_a_request_without_a_length_is_refused(served: Served) -> None:
    parts = iter([b'{"tasks": ', b"[]}"])
    answer = requests.post(f"{served.server.url}/predict", data=parts, auth=("ccd", WORD), timeout=60)
    assert answer.status_code == 411


def test_another_call_is_not_known(served: Served) -> None:
    assert served.call("train", {}).status_code == 404
    assert served.call("predict").status_code == 404  # GET
    assert "POST setup, predict, webhook" in served.call("").json()["error"]


def test_a_request_that_stops_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)
    told = f"Host: b\r\nAuthorization: {served.server.authorization}\r\nContent-Length: 10"
    head = f"POST /predict HTTP/1.1\r\n{told}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.server.server_port)) as line:
        line.sendall(head.encode() + b"{")
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert answer.status == 408


def test_slow_callers_hold_nothing(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte now and then in the head, in the body, none at all, and an answer that is not taken (slowloris)."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "TAKE_SECONDS"):
        monkeypatch.setattr(connections, name, 0.3)
    with running(Campaign.open(made)) as served, ExitStack() as opened:
        told = f"Host: b\r\nAuthorization: {served.server.authorization}\r\nContent-Length: 1000"
        head = b"GET /health HTTP/1.1\r\nX: "
        body = f"POST /predict HTTP/1.1\r\n{told}\r\n\r\n{{".encode()
        begin = time.monotonic()
        lines = [
            opened.enter_context(socket.create_connection(("127.0.0.1", served.server.server_port), timeout=10))
            for _ in range(30)
        ]
        left = dict(zip(lines, [head, body, b""] * 10, strict=True))
        for line, start in left.items():
            line.sendall(start)
        answers = {}
        while left and time.monotonic() - begin < 5:
            for line, start in list(left.items()):
                with suppress(OSError):
                    line.sendall(b"a" if start else b"")
                if select.select([line], [], [], 0.01)[0]:
                    answers[line] = line.recv(4096)
                    del left[line]
        assert not left
        assert [answers[line][:12] for line in lines] == [b"HTTP/1.1 408", b"HTTP/1.1 408", b""] * 10
        wait(lambda: len(served.server.connections) == 0)


def test_who_has_gone_when_the_time_is_up_is_no_error(
    made: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def write_eof(_transport: Any) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", write_eof)
    with (
        running(Campaign.open(made)) as served,
        socket.create_connection(("127.0.0.1", served.server.server_port)) as line,
    ):
        line.sendall(b"GET")
        wait(lambda: len(served.server.connections) == 1)
        wait(lambda: len(served.server.connections) == 0)
    assert capfd.readouterr().err == ""


def test_an_answer_that_nobody_takes_is_let_go(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TAKE_SECONDS", 0.3)
    monkeypatch.setattr(backends.Backend, "health", lambda self, asked: {"status": "a" * (20 << 20)})
    with running(Campaign.open(made)) as served:
        told = f"Host: b\r\nAuthorization: {served.server.authorization}"
        with socket.create_connection(("127.0.0.1", served.server.server_port)) as line:
            line.sendall(f"GET /health HTTP/1.1\r\n{told}\r\n\r\n".encode())
            assert line.recv(15) == b"HTTP/1.1 200 OK"
            wait(lambda: len(served.server.connections) == 0)


def test_more_connections_than_there_is_room_for_take_the_place_of_the_slowest(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)
    with running(Campaign.open(made)) as served, ExitStack() as opened:
        served.ready()
        tasks = tasks_of(Campaign.open(made))[:1]
        for _ in range(100):
            line = socket.create_connection(("127.0.0.1", served.server.server_port))
            opened.enter_context(line).sendall(b"GET /health HTTP/1.1\r\nX: ")
        assert served.predict(tasks)["results"][0]
        assert len(served.server.connections) <= 20


def test_without_a_network_it_says_so_until_there_is_one(campaign: Campaign) -> None:
    models = campaign.folder / "models"
    models.rename(campaign.folder / "aside")
    with running(campaign) as served:
        assert served.call("health").json()["version"] is None
        answer = served.call("predict", {"tasks": tasks_of(campaign)})
        assert answer.status_code == 503
        assert "no network is loaded yet" in answer.reason
        (campaign.folder / "aside").rename(models)
        served.ready()
        assert served.predict(tasks_of(campaign))["results"][0] != []


def test_while_a_network_loads_health_and_setup_answer(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, load = threading.Event(), threading.Event(), Serving._load

    def slow(serving: Serving, folder: Path) -> Ready:
        begun.set()
        go.wait()
        return load(serving, folder)

    monkeypatch.setattr(Serving, "_load", slow)
    with running(campaign) as served:
        try:
            begun.wait()
            assert served.call("health").json() == {"status": "UP", "version": None, "retrained": 0}
            assert served.call("setup", {"project": "1.0"}).json() == {"model_version": "ccd", "version": None}
            assert served.call("predict", {"tasks": tasks_of(campaign)}).status_code == 503
        finally:
            go.set()
        served.ready()


@pytest.mark.slow
def test_a_half_written_network_is_passed_over_and_taken_when_it_is_whole(campaign: Campaign) -> None:
    (old,) = (campaign.folder / "models").glob("[!.]*")
    with running(campaign) as served:
        served.ready()
        new = old.with_name("text-newer")
        shutil.copytree(old, new, copy_function=shutil.copy)  # with times of its own
        weights = (old / "weights.safetensors").read_bytes()
        (new / "weights.safetensors").write_bytes(weights[: len(weights) // 2])
        wait(lambda: len(served.said) == 2)
        assert served.said[1].startswith(f"{new / 'weights.safetensors'}: is not what config.json says")
        assert served.said[1].endswith(f"; {old.name} answers on")
        assert served.call("health").json()["version"] == old.name
        assert served.predict(tasks_of(campaign))["results"][0]["result"][0]["meta"] == {"version": old.name}
        (new / "weights.safetensors").write_bytes(weights)
        wait(lambda: len(served.said) == 3)
        assert served.said[2].startswith(f"{new.name} answers")
        assert served.predict(tasks_of(campaign))["results"][0]["result"][0]["meta"] == {"version": new.name}


@pytest.mark.parametrize("spoil", ["other labels", "half a config"])
def test_a_network_that_does_not_fit_is_passed_over(campaign: Campaign, spoil: str) -> None:
    (old,) = (campaign.folder / "models").glob("[!.]*")
    new = old.with_name("text-newer")
    shutil.copytree(old, new, copy_function=shutil.copy)
    config = (old / "config.json").read_text()
    (new / "config.json").write_text(config.replace('"implicit"', '"hidden"') if spoil == "other labels" else "{}")
    with running(campaign) as served:
        served.ready()
        assert served.call("health").json()["version"] == old.name
        assert "no network answers yet" in served.said[0]
        assert served.said[1].startswith(f"{old.name} answers")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for Python where a retraining starts one: notes the command, and does what `fate` says of it."""
    file = tmp_path / "python"
    file.write_text(f'#!/bin/sh\necho "$3 $4" >> {tmp_path}/log\n. {tmp_path}/fate\n')
    file.chmod(0o755)
    (tmp_path / "fate").write_text("")
    monkeypatch.setattr(sys, "executable", str(file))
    return tmp_path


def lines(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines() if (folder / "log").exists() else []


STEPS = ["pull --dir", "labels --dir", "split --dir", "train --model", "predict --dir"]


def test_every_third_answer_begins_a_retraining_one_at_a_time(script: Path) -> None:
    said: list[str] = []
    retraining = Retraining(script, 3, lambda: "text", said.append)
    (script / "fate").write_text(f"while [ $3 = pull ] && [ ! -e {script}/go ]; do sleep 0.02; done\n")
    for _answer in range(3):
        retraining.answered()
    wait(lambda: lines(script) == STEPS[:1])
    assert not retraining.begin()
    for _answer in range(4):
        retraining.answered()
    (script / "go").touch()
    wait(lambda: retraining.done == 2)
    assert lines(script) == STEPS * 2
    retraining.answered()
    retraining.stop()
    assert lines(script) == STEPS * 2
    assert said == ["retraining begins", "retraining is done"] * 2
    assert retraining.answers == 8


def test_a_retraining_that_fails_says_why_and_the_next_begins_anew(script: Path) -> None:
    said: list[str] = []
    retraining = Retraining(script, None, lambda: "text", said.append)
    (script / "fate").write_text(
        'if [ $3 = pull ]; then echo "desk ann: a note" >&2; fi\n'
        'if [ $3 = split ]; then echo "ccd: no labels yet" >&2; exit 2; fi\n'
    )
    assert retraining.begin()
    wait(lambda: len(said) == 3)
    assert said[1:] == ["desk ann: a note", "retraining ended, as `ccd split` failed: ccd: no labels yet"]
    (script / "fate").write_text("")
    wait(retraining.begin)
    wait(lambda: retraining.done == 1)
    assert lines(script) == [*STEPS[:3], *STEPS]


def test_stopping_ends_the_child(script: Path) -> None:
    retraining = Retraining(script, None, lambda: "text", lambda line: None)
    (script / "fate").write_text("exec sleep 3600\n")
    retraining.begin()
    wait(lambda: lines(script) == STEPS[:1])
    retraining.stop()
    assert lines(script) == STEPS[:1]
    assert not retraining.begin()


@pytest.mark.slow
def test_the_command_runs_until_it_is_interrupted(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, WORD)
    command = [sys.executable, "-m", "apps.cli.main", "backend", "--port", "0", "--dir", str(campaign.folder)]
    process = subprocess.Popen([*command, "--json", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    while process.poll() is None and "to connect a project by hand, the address is http://127.0.0.1:" not in said:
        said = process.stderr.readline()  # it says what its network is worth as soon as that is loaded
    url = said.strip().rpartition(" ")[2]
    assert WORD not in said
    assert requests.get(f"{url}/health", auth=("ccd", WORD), timeout=60).json()["status"] == "UP"
    second = CliRunner().invoke(cli, ["backend", "--port", "0", "--dir", str(campaign.folder)])
    assert second.exit_code == 2
    assert "another `ccd backend` is at work" in second.stderr
    process.send_signal(signal.SIGTERM)
    out, _err = process.communicate()
    assert process.returncode == 0
    facts = json.loads(out)
    assert facts["url"] == url.rpartition("/")[0]
    assert (facts["predicted"], facts["answers"], facts["desks"]) == (0, 0, {})


@pytest.mark.parametrize(
    ("arguments", "word", "told"),
    [
        ([], "", f"{PASSWORD} is not set"),
        ([], "two words", f"{PASSWORD} is not set, or has spaces"),
        (["--connect", "--host", "0.0.0.0"], WORD, "--host 0.0.0.0 is no address to call"),
        (["--connect", "--port", "0"], WORD, "no Label Studio runs for this campaign"),
        (["--port", "TAKEN"], WORD, "cannot be listened on"),
    ],
)
def test_bad_input_is_one_line(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, arguments: list[str], word: str, told: str
) -> None:
    monkeypatch.setenv(PASSWORD, word)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        arguments = [str(taken.getsockname()[1]) if part == "TAKEN" else part for part in arguments]
        done = CliRunner().invoke(cli, ["backend", *arguments, "--dir", str(campaign.folder)])
    assert done.exit_code == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("ccd: ")]
    assert len(errors) == 1
    assert told in errors[0]
    assert "Traceback" not in done.stderr
    assert threading.main_thread().is_alive()
