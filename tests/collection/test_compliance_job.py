"""Compliance jobs, against a stand-in with their documented life: created, in progress, complete, failed, expired."""

import json

import pytest
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError
from collection import compliance, compliance_job, pages, x_api
from collection.compliance import Result
from tests.collection.replay import TOKEN, Fault, X
from tests.collection.test_compliance import api, everything, full, lose, server, state

__all__ = ["api", "full", "server"]  # fixtures
SEVEN = "1\n2\n3\n4\n5\n6\n8\n"


def check(campaign: Campaign, api: x_api.XApi, limit: int | None = None, waits: list[str] | None = None) -> Result:
    return compliance_job.check(campaign, api, limit, lambda seconds, why: (waits or []).append(why), sure=True)


def open_job(campaign: Campaign) -> bool:
    return (campaign.folder / "raw" / "x" / "compliance.jsonl.gz").exists()


def test_what_is_gone_leaves_and_the_tombstone_stays(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    del server.posts["3"]["withheld"]  # a job says nothing of these
    server.progress = ["in_progress", "in_progress"]
    asked = len(server.asked)
    result = check(full, api)
    assert server.put == SEVEN
    assert (result.asked, result.posts, result.gone, result.images) == (7, 0, {"deleted": 3, "protected": 1}, 2)
    assert (result.left, result.unclear, open_job(full)) == (0, 0, False)
    paths = [path for path, _ in server.asked[asked:]]
    job = "/2/compliance/jobs/1"
    assert paths == ["/2/compliance/jobs"] * 2 + [job, f"{job}/upload", job, job, job, f"{job}/results"]
    after = state(full)
    assert [row[:2] for row in after["tombstones"]] == [
        ("x:1", "deleted"), ("x:2", "protected"), ("x:5", "deleted"), ("x:8", "deleted"),
    ]  # fmt: skip
    assert {pair for pair, text in after["texts"].items() if not text} == {"x:1:0", "x:2:0", "x:5:0"}
    said = everything(full)
    for number in (1, 2, 5, 8):
        assert f"Post number {number}".encode() not in said
    assert b"Post number 3" in said
    assert after["labels"] == [("x:1:0", "correlation", "explicit", "unanimous", "{}")]
    asked = len(server.asked)
    assert check(full, api).asked == 0, "not again within a day"
    assert len(server.asked) == asked


def test_it_finds_what_a_look_up_finds(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    del server.posts["3"]["withheld"]
    check(full, api)
    job = state(full)
    assert compliance.check(full, api, 0).gone == {}
    assert {post for post, status in job["posts"].items() if status != "live"} == {"x:1", "x:2", "x:5", "x:8"}


def test_every_action_and_reason(full: Campaign, server: X, api: x_api.XApi) -> None:
    server.events = [
        {"id": "1", "action": "delete", "reason": "bounced"},
        {"id": "2", "action": "delete", "reason": "suspended"},
        {"id": "3", "action": "delete", "reason": "scrub_geo"},
        {"id": "4", "action": "scrub_geo"},
        {"id": "5", "action": "rehydrate", "reason": "edited"},
        {"id": "nonsense", "error": "invalid_id"},
        {"id": "777", "action": "delete", "reason": "deleted"},
    ]
    result = check(full, api)
    assert (result.asked, result.gone, result.edited) == (7, {"deleted": 1, "suspended": 1}, 1)
    assert {post for post, status in state(full)["posts"].items() if status != "live"} == {"x:1", "x:2"}


def test_the_token_goes_to_x_only(full: Campaign, server: X, api: x_api.XApi) -> None:
    check(full, api)
    assert server.tokens[-4:] == [("GET", True), ("PUT", True), ("GET", True), ("GET", True)]
    server.files_at = server.url
    with full.write() as db:
        db.exec_driver_sql("UPDATE posts SET checked_at = NULL")
    assert check(full, api).asked == 7
    assert server.tokens[-4:] == [("GET", True), ("PUT", False), ("GET", True), ("GET", False)]
    with pytest.raises(CcdError, match="not https"):
        api.transfer("GET", "http://storage.example/results")


@pytest.mark.parametrize("end", ["failed", "expired"])
def test_a_job_that_ends_without_a_result_is_made_anew(full: Campaign, server: X, api: x_api.XApi, end: str) -> None:
    lose(server)
    before = state(full)
    server.progress = ["in_progress", end]
    with pytest.raises(CcdError, match=f"job 1 has {end}; run again: a new one is made"):
        check(full, api)
    assert state(full) == before
    assert check(full, api).gone["deleted"] == 3
    assert set(server.jobs) == {"1", "2"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(403, {"title": "Forbidden"}), r"the file's address answers 403 .*run again later"),
        (Fault(413, ""), "the file's address answers 413"),
        (Fault(503, ""), r"address answers 503, 6 times in a row"),
    ],
)
def test_an_upload_that_fails_is_one_line_and_the_job_goes_on(
    full: Campaign, server: X, api: x_api.XApi, fault: Fault, said: str
) -> None:
    lose(server)
    job = server.job

    def refusing(verb: str, path: str, params: dict[str, str], body: bytes) -> tuple[int, object]:
        return (fault.status, fault.body) if verb == "PUT" else job(verb, path, params, body)

    server.job = refusing  # type: ignore[method-assign]
    with pytest.raises(CcdError, match=said):
        check(full, api)
    assert open_job(full)
    server.job = job  # type: ignore[method-assign]
    assert check(full, api).gone["deleted"] == 3
    assert set(server.jobs) == {"1"}, "the same job"


def test_faults_that_pass_are_passed(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    nothing = Fault(200, {"meta": {"result_count": 0}})  # no open jobs
    created = Fault(200, server.job("POST", "/2/compliance/jobs", {}, b"{}")[1])
    waiting = Fault(200, {"data": server.jobs["1"] | {}})
    server.faults = [nothing, created, waiting, Fault(503), Fault(429, ""), Fault(cut=True)]
    assert check(full, api).gone["deleted"] == 3


def test_another_job_of_the_app_is_one_line(full: Campaign, server: X, api: x_api.XApi) -> None:
    server.job("POST", "/2/compliance/jobs", {}, json.dumps({"name": "another's"}).encode())
    with pytest.raises(CcdError, match=r"409: .*already active.*another compliance job"):
        check(full, api)
    assert not open_job(full)


def test_results_that_cannot_be_read_are_fetched_anew(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    job = server.job

    def torn(verb: str, path: str, params: dict[str, str], body: bytes) -> tuple[int, object]:
        status, answer = job(verb, path, params, body)
        return status, answer[:-9] if isinstance(answer, str) else answer

    server.job = torn  # type: ignore[method-assign]
    before = state(full)
    with pytest.raises(CcdError, match="line 4 cannot be read"):
        check(full, api)
    assert state(full) == before
    server.job = job  # type: ignore[method-assign]
    assert check(full, api).gone["deleted"] == 3


@pytest.mark.parametrize("at", ["before the note", "before the upload", "while X works", "while it is taken in"])
def test_killed_and_run_again_the_same_job_goes_on(
    full: Campaign, server: X, api: x_api.XApi, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    lose(server)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    wait = None
    with monkeypatch.context() as patched:
        if at == "before the note":
            patched.setattr(pages, "write", killed)
        elif at == "before the upload":
            patched.setattr(api, "transfer", killed)
        elif at == "while it is taken in":
            patched.setattr(compliance_job, "BATCH", 2)
            mark = compliance.mark
            patched.setattr(
                compliance, "mark", lambda c, asked, *rest: killed() if "x:4" in asked else mark(c, asked, *rest)
            )
        else:
            wait = killed
        with pytest.raises(KeyboardInterrupt):
            compliance_job.check(full, api, None, wait or (lambda seconds, why: None), sure=True)
    assert check(full, api).gone["deleted"] >= 2
    assert set(server.jobs) == {"1"}
    assert len(state(full)["tombstones"]) == 4
    assert not open_job(full)


def test_a_limit(full: Campaign, server: X, api: x_api.XApi) -> None:
    result = check(full, api, 3)
    assert (server.put, result.asked, result.left) == ("1\n2\n3\n", 3, 4)


def test_the_command(full: Campaign, server: X, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(server)
    monkeypatch.setenv(x_api.TOKEN, TOKEN)
    monkeypatch.setenv(x_api.BASE_URL, server.url)
    monkeypatch.setattr(compliance_job, "POLL", (0.01, 0.01))
    result = CliRunner().invoke(cli, ["compliance", "--yes", "--batch", "--dir", str(full.folder), "--json", "-"])
    assert result.exit_code == 0, result.output
    assert "X works on 7 ids (job 1)" in result.stderr
    assert "7 posts asked about; gone: 3 deleted, 1 protected" in result.stderr
    facts = json.loads(result.stdout)
    assert (facts["asked"], facts["posts"], facts["usd"], facts["edited"]) == (7, 0, 0, 0)
    assert facts["gone"] == {"deleted": 3, "protected": 1}
