"""The X API, against a stand-in that gives its documented answers and faults."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.cursors import put_cursor
from ccd.errors import CcdError
from ccd.retries import TRIES
from collection import pages, reading, x, x_api
from tests.collection.replay import TOKEN, USAGE_CAP, Fault, X, post, serving


@pytest.fixture
def server() -> Iterator[X]:
    with serving() as state:
        yield state


@pytest.fixture
def waits() -> list[tuple[float, str]]:
    return []


@pytest.fixture
def api(server: X, waits: list[tuple[float, str]]) -> x_api.XApi:
    return x_api.XApi(TOKEN, base_url=server.url, wait=lambda s, why: waits.append((s, why)), backoff=0.001)


def photos(campaign: Campaign) -> list[str]:
    with campaign.read() as db:
        return list(db.scalars(sa.select(schema.photos.c.pair_id).order_by(schema.photos.c.pair_id)))


def cursors(campaign: Campaign) -> dict[str, Any]:
    with campaign.read() as db:
        return {row.query: row for row in db.execute(sa.select(schema.cursors))}


LOTS = x.Limits(posts=100_000)


def test_250_ids_in_3_calls_and_each_has_a_status(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    ids = [str(1000 + i) for i in range(250)]
    server.add(*[post(int(i)) for i in ids if int(i) % 10])
    server.forbidden = {"1001", "1011"}
    run = x.hydrate(campaign, api, ids, LOTS)
    assert [len(params["ids"].split(",")) for _, params in server.asked] == [100, 100, 50]
    assert list(run.statuses) == ids
    assert {i for i, status in run.statuses.items() if status == "not found"} == {i for i in ids if not int(i) % 10}
    assert {i for i, status in run.statuses.items() if status == "forbidden"} == server.forbidden
    assert photos(campaign) == sorted(f"x:{i}:0" for i, status in run.statuses.items() if status == "ok")
    assert (run.pages, run.posts) == (3, 223)
    again = x.hydrate(campaign, api, [*ids, "5"], LOTS)
    assert server.asked[3:][0][1]["ids"] == "5"
    assert len(server.asked) == 4
    assert again.statuses == run.statuses | {"5": "not found"}


def test_a_search_walks_all_pages_and_asks_for_photos_only(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i, photos=2) for i in range(1, 231)])
    run = x.walk(campaign, api, x.search("cat OR dog"), LOTS)
    assert [params["max_results"] for _, params in server.asked] == ["100"] * 3
    assert [params.get("next_token") for _, params in server.asked] == [None, "t100", "t200"]
    first = server.asked[0]
    assert first[0] == "/2/tweets/search/recent"
    assert first[1]["query"] == "(cat OR dog) has:images -is:retweet"
    assert first[1]["expansions"] == "attachments.media_keys"
    assert "alt_text" in first[1]["media.fields"]
    assert (run.posts, run.counts.waiting, run.stopped) == (230, 460, "")
    with campaign.read() as db:
        row = db.execute(sa.select(schema.photos).where(schema.photos.c.pair_id == "x:7:1")).one()
    assert row.url == "https://pbs.twimg.com/media/3_71.jpg"  # by the post's keys, not by the order of includes
    assert row.text == "Post number 7 & more"


def test_a_finished_search_asks_for_newer_posts_only(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i) for i in range(1, 121)])
    x.walk(campaign, api, x.search("cat"), LOTS)
    nothing = x.walk(campaign, api, x.search("cat"), LOTS)
    assert (nothing.pages, nothing.posts) == (0, 0)
    assert server.asked[-1][1]["since_id"] == "120"
    server.add(*[post(i) for i in range(200, 320)])
    newer = x.walk(campaign, api, x.search("cat"), LOTS)
    assert (newer.pages, newer.posts) == (2, 120)
    assert [params["since_id"] for _, params in server.asked[-2:]] == ["120", "120"]
    assert set(server.sold.values()) == {1}
    assert x.walk(campaign, api, x.search("cat"), LOTS).posts == 0
    assert server.asked[-1][1]["since_id"] == "319"


def test_full_archive_starts_at_the_beginning(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(post(1))
    x.walk(campaign, api, x.search("cat has:images", full_archive=True), LOTS)
    path, params = server.asked[0]
    assert (path, params["start_time"][:4], params["max_results"]) == ("/2/tweets/search/all", "2006", "500")
    assert params["query"] == "cat has:images -is:retweet"


def test_a_timeline_is_walked_by_its_own_token(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i, photos=i % 2) for i in range(1, 131)])
    run = x.walk(campaign, api, x.user(campaign, api, "@NASA"), LOTS)
    assert server.asked[2][1]["pagination_token"] == "t100"
    assert server.asked[1][1]["exclude"] == "retweets"
    assert (run.counts.waiting, run.counts.dropped) == (65, {"no photo": 65})
    asked = len(server.asked)
    x.user(campaign, api, "nasa")
    assert len(server.asked) == asked, "the name is looked up once"
    with pytest.raises(CcdError, match="knows no user nobody"):
        x.user(campaign, api, "nobody")


@pytest.mark.parametrize("spelling", ["tweet", "post"])
def test_retweets_and_quotes_stand_for_the_owner_of_the_photo(
    campaign: Campaign, server: X, api: x_api.XApi, spelling: str
) -> None:
    word = {"tweet": "retweeted", "post": "reposted"}[spelling]
    server.spelling = spelling
    server.add(post(1, photos=2), post(2, photos=0, refers=(word, 1), spelling=spelling))
    server.add(post(3, photos=1, refers=("quoted", 1), spelling=spelling))
    x.hydrate(campaign, api, ["2", "3"], LOTS)
    assert photos(campaign) == ["x:1:0", "x:1:1", "x:3:0"]


def test_first_photos_then_all_of_them_buys_nothing(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i, photos=3) for i in range(1, 21)])
    x.walk(campaign, api, x.search("cat"), x.Limits(1000, photos="first"))
    assert photos(campaign) == sorted(f"x:{i}:0" for i in range(1, 21))
    x.walk(campaign, api, x.search("cat"), LOTS)
    assert len(photos(campaign)) == 60
    assert set(server.sold.values()) == {1}


def test_the_spending_cap_is_never_passed(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i) for i in range(1, 501)])
    run = x.walk(campaign, api, x.search("cat"), x.Limits(posts=125))
    assert (run.posts, server.sold.total()) == (125, 125)
    assert run.stopped.startswith("--max-posts 125")
    assert x.walk(campaign, api, x.search("cat"), x.Limits(posts=125)).posts == 0
    assert x.walk(campaign, api, x.search("cat"), x.Limits(posts=134)).posts == 0  # X sells no fewer than 10
    x.walk(campaign, api, x.search("cat"), x.Limits(posts=135))
    assert server.sold.total() == 135
    assert set(server.sold.values()) == {1}


def test_the_spending_cap_holds_for_ids_and_what_comes_with_them(
    campaign: Campaign, server: X, api: x_api.XApi
) -> None:
    for i in range(1, 100):
        server.add(post(i), post(1000 + i, photos=0, refers=("retweeted", i)))
    ids = [str(1000 + i) for i in range(1, 100)]
    run = x.hydrate(campaign, api, ids, x.Limits(posts=60))
    assert 55 < run.posts <= 60
    assert "not asked" in run.statuses.values()
    again = x.hydrate(campaign, api, ids, x.Limits(posts=60))
    assert again.posts == 0
    rest = x.hydrate(campaign, api, ids, LOTS)
    assert run.posts + rest.posts == 198
    assert set(rest.statuses.values()) == {"ok"}


def test_max_pairs_is_for_all_runs_together(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i, photos=2) for i in range(1, 301)])
    for _ in range(2):
        run = x.walk(campaign, api, x.search("cat"), x.Limits(1000, pairs=25))
        assert len(photos(campaign)) == 25
        assert run.stopped.startswith("--max 25")
    x.walk(campaign, api, x.search("cat"), x.Limits(1000, pairs=250))
    assert len(photos(campaign)) == 250
    x.walk(campaign, api, x.search("cat"), x.Limits(1000))
    assert len(photos(campaign)) == 600
    assert set(server.sold.values()) == {1}


def test_a_token_that_comes_again_ends_the_walk(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(*[post(i) for i in range(1, 31)])
    server.same_token = True
    x.walk(campaign, api, x.search("cat"), LOTS)
    assert len(server.asked) == 2
    assert len(photos(campaign)) == 30


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for(
    campaign: Campaign, server: X, api: x_api.XApi, waits: list[tuple[float, str]]
) -> None:
    server.add(post(1))
    soon, far, past = (str(int(time.time()) + seconds) for seconds in (60, 9000, -50))
    server.faults = [Fault(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": at}) for at in (soon, far, past)]
    assert x.hydrate(campaign, api, ["1"], LOTS).statuses == {"1": "ok"}
    assert 59 <= waits[0][0] <= 61
    assert [seconds for seconds, _ in waits[1:]] == [901, 1]
    assert "rate limit" in waits[0][1]


def test_a_rate_limit_without_an_end_is_given_up(
    campaign: Campaign, server: X, api: x_api.XApi, waits: list[tuple[float, str]]
) -> None:
    server.faults = [Fault(429, {"title": "Too Many Requests"})] * 50
    with pytest.raises(CcdError, match="rate limit, 6 times in a row"):
        x.hydrate(campaign, api, ["1"], LOTS)
    assert (len(server.asked), len(waits)) == (TRIES, TRIES - 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (USAGE_CAP, "usage cap of the monthly period"),
        (Fault(402, ""), "402.*no credits are left"),
        (
            Fault(402, {"title": "CreditsDepleted", "detail": "Your account has no credits"}),
            "no credits.*console.x.com",
        ),
        (Fault(403, {"title": "Client Forbidden", "detail": "not enrolled"}), "403: not enrolled.*may not do that"),
        (Fault(400, {"errors": [{"message": "Ambiguous use of and"}], "title": "Invalid Request"}), "Ambiguous.*mend"),
        (Fault(200, "[]"), "something else"),
    ],
)
def test_a_refusal_is_one_line_at_once(
    campaign: Campaign, server: X, api: x_api.XApi, waits: list[Any], fault: Fault, said: str
) -> None:
    server.faults = [fault] * 3
    with pytest.raises(CcdError, match=said) as error:
        x.walk(campaign, api, x.search("cat"), LOTS)
    assert "\n" not in str(error.value)
    assert (len(server.asked), waits) == (1, [])


def test_a_wrong_token_is_one_line_and_is_not_shown(campaign: Campaign, server: X) -> None:
    with pytest.raises(CcdError, match=r"401.*X_BEARER_TOKEN") as error:
        x.hydrate(campaign, x_api.XApi("wrong-token", base_url=server.url), ["1"], LOTS)
    assert "wrong-token" not in str(error.value)


def test_503_twice_a_cut_answer_and_no_json_are_tried_again(
    campaign: Campaign, server: X, api: x_api.XApi, waits: list[tuple[float, str]]
) -> None:
    server.add(*[post(i) for i in range(1, 31)])
    server.faults = [Fault(503), Fault(503), Fault(cut=True), Fault(200, "<html>busy</html>")]
    x.walk(campaign, api, x.search("cat"), LOTS)
    assert (len(server.asked), len(waits)) == (5, 4)
    assert len(photos(campaign)) == 30
    server.faults = [Fault(503)] * 6
    with pytest.raises(CcdError, match=r"503.*6 times in a row; run again later: what was bought is kept"):
        x.hydrate(campaign, api, ["1"], LOTS)
    assert len(server.asked) == 5 + TRIES


def test_a_host_that_hangs_up_is_asked_as_often_as_is_said(campaign: Campaign) -> None:
    accepted = list[int]()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    asked = listening.accept()[0]
                    accepted.append(1)
                    asked.close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        api = x_api.XApi(TOKEN, base_url=url, wait=lambda _s, _why: None, backoff=0.0)
        with pytest.raises(CcdError, match=r"answer did not arrive .*, 6 times in a row"):
            x.hydrate(campaign, api, ["1"], LOTS)
        listening.shutdown(socket.SHUT_RDWR)
    assert len(accepted) == TRIES


def test_the_token_is_in_no_log(
    campaign: Campaign, server: X, api: x_api.XApi, caplog: pytest.LogCaptureFixture
) -> None:
    server.add(post(1))
    with caplog.at_level(logging.DEBUG):
        x.hydrate(campaign, api, ["1"], LOTS)
    assert "Making API request" in caplog.text, "tweepy logs its headers"
    assert TOKEN not in caplog.text
    assert "Bearer (hidden)" in caplog.text


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (x_api.TOKEN, x_api.BASE_URL, x_api.ANY_HOST):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CcdError, match="set X_BEARER_TOKEN"):
        x_api.XApi.from_environment()
    monkeypatch.setenv(x_api.TOKEN, "two words")
    with pytest.raises(CcdError, match="no bearer token"):
        x_api.XApi.from_environment()
    monkeypatch.setenv(x_api.TOKEN, TOKEN)
    for url in ("http://example.org", "http://127.0.0.1.example.org", "http://10.0.0.1", "nonsense"):
        monkeypatch.setenv(x_api.BASE_URL, url)
        with pytest.raises(CcdError, match="would get your token") as error:
            x_api.XApi.from_environment()
        assert TOKEN not in str(error.value)
    for url in ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", ""):
        monkeypatch.setenv(x_api.BASE_URL, url)
        x_api.XApi.from_environment()


# --- killed and run again -------------------------------------------------------------------------------------------


def test_a_page_on_disk_is_read_from_there(
    campaign: Campaign, server: X, api: x_api.XApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(*[post(i) for i in range(1, 251)])
    put = put_cursor

    def killed(db: sa.Connection, query: str, **values: Any) -> None:
        if values["pages"] == 2:
            raise KeyboardInterrupt
        put(db, query, **values)

    monkeypatch.setattr(reading, "put_cursor", killed)
    with pytest.raises(KeyboardInterrupt):
        x.walk(campaign, api, x.search("cat"), LOTS)
    monkeypatch.undo()
    assert len(list(pages.every(campaign.folder))) == 2
    run = x.walk(campaign, api, x.search("cat"), LOTS)
    assert (run.pages, run.posts) == (1, 50)
    assert len(photos(campaign)) == 250
    assert set(server.sold.values()) == {1}
    (row,) = cursors(campaign).values()
    assert (row.pages, row.posts, row.done, row.cursor) == (3, 250, 1, None)


@pytest.mark.slow
def test_killed_at_any_moment_ends_as_if_never_killed(campaign: Campaign, server: X) -> None:
    server.add(*[post(i) for i in range(1, 801)])
    command = [sys.executable, "-m", "apps.cli.main", "collect", "x", "search", "cat", "--max-posts", "9999"]
    environment = os.environ | {x_api.TOKEN: TOKEN, x_api.BASE_URL: server.url}
    kills = 0
    for number in range(40):
        process = subprocess.Popen(
            [*command, "--dir", str(campaign.folder)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        pages_before = len(list(pages.every(campaign.folder)))
        while process.poll() is None and len(list(pages.every(campaign.folder))) < pages_before + 2:
            time.sleep(0.002)
        time.sleep(0.01 * (number % 4))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, said = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said
    else:
        pytest.fail("never ended")
    assert kills >= 3
    assert len(photos(campaign)) == 800
    twice = [name for name, times in server.sold.items() if times > 1]
    assert len(twice) <= 100 * kills, "only the page on its way when killed can be bought again"
    on_disk = [made["id"] for path in pages.every(campaign.folder) for made in pages.read(path)["data"]]
    assert sorted(map(int, on_disk)) == list(range(1, 801))


def test_a_damaged_page_is_one_line(campaign: Campaign, server: X, api: x_api.XApi) -> None:
    server.add(post(1))
    x.walk(campaign, api, x.search("cat"), LOTS)
    (path,) = pages.every(campaign.folder)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(CcdError, match="not a page"):
        x.walk(campaign, api, x.search("cat"), LOTS)


# --- files of ids, and the command ----------------------------------------------------------------------------------


def test_ids_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("12\n\nx:13\n 692094123456789012 \n12\n")
    assert x.read_ids(file) == ["12", "13", "692094123456789012"]
    file.write_text("12\n6.92094E+17\nhello\n")
    with pytest.raises(CcdError, match=r"line 2: 6.92094E\+17, line 3: hello"):
        x.read_ids(file)
    file.write_text("\n")
    with pytest.raises(CcdError, match="no ids"):
        x.read_ids(file)


@pytest.fixture
def environment(server: X, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(x_api.TOKEN, TOKEN)
    monkeypatch.setenv(x_api.BASE_URL, server.url)


def run_cli(campaign: Campaign, *words: object) -> Any:
    return CliRunner().invoke(cli, [*map(str, words), "--dir", str(campaign.folder), "--json", "-"])


@pytest.mark.usefixtures("environment")
def test_the_commands(campaign: Campaign, server: X, tmp_path: Path) -> None:
    server.add(*[post(i) for i in range(1, 61)])
    result = run_cli(campaign, "collect", "x", "search", "cat", "--max-posts", "40")
    assert result.exit_code == 0, result.output
    assert "at most 40 posts at $0.005: $0.20" in result.stderr
    facts = json.loads(result.stdout)
    assert (facts["posts"], facts["usd"], facts["waiting"]) == (40, 0.2, 40)
    assert facts["stopped"].startswith("--max-posts 40")
    again = run_cli(campaign, "collect", "x", "search", "cat", "--max-posts", "50")
    assert "at most 10 posts at $0.005: $0.05 (40 were bought before)" in again.stderr
    (tmp_path / "ids.txt").write_text("1\n999\n")
    facts = json.loads(run_cli(campaign, "collect", "x", "ids", tmp_path / "ids.txt").stdout)
    assert facts["statuses"] == {"1": "ok", "999": "not found"}
    facts = json.loads(run_cli(campaign, "collect", "x", "user", "NASA", "ESA", "--max", "3").stdout)
    assert facts["source"] == ["x user nasa", "x user esa"]
    assert "NASA: --max 3" in facts["stopped"]


def test_without_a_token_nothing_is_asked(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(x_api.TOKEN, raising=False)
    result = run_cli(campaign, "collect", "x", "search", "cat")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "X_BEARER_TOKEN" in result.stderr
