"""Photos from a server on loopback that stalls, lies and breaks off; killed anywhere, and on a full disk."""

import contextlib
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from PIL import Image

from apps.cli.collect import collect as collect_group
from apps.cli.photos import FACTS
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection import photos, store
from collection.fetch import Failure, Limits, _seconds, host, is_public
from collection.records import Photo, Reason, Record
from tests.collection.conftest import ANNOTATORS
from tests.collection.photo_server import Server, photo, serving
from tests.collection.test_store import rows, state

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

QUICK = Limits(bytes=1_000_000, seconds=0.8, silence=0.5, tries=3, pause=0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def queue(campaign: Campaign, *urls: str, text: str = "text {}") -> None:
    records = [
        Record(f"id:{i:05}", text.format(i), None, None, (Photo(0, url),), f"line {i}") for i, url in enumerate(urls)
    ]
    assert store.collect(campaign, records, "t.csv").waiting == len(urls)


def download(campaign: Campaign, server: Server, limits: Limits = QUICK, **options: Any) -> store.Counts:
    return photos.download(campaign, limits=limits, private_hosts=[server.address], **options)


def queued(campaign: Campaign) -> list[tuple[str, str | None, int]]:
    """State, reason and tries of every photo, in order."""
    p = schema.photos.c
    with campaign.read() as db:
        return [tuple(row) for row in db.execute(sa.select(p.state, p.reason, p.tries).order_by(p.pair_id))]


def unfinished(campaign: Campaign) -> list[Path]:
    return list((campaign.folder / "images").rglob("*.part"))


def test_pictures_become_pairs_by_the_rules_of_collecting(campaign: Campaign, server: Server) -> None:
    paths = ("photo/1", "photo/2", "photo/1", "chunked", "wrong-type", "hops/5")
    queue(campaign, *(server.url(path) for path in paths), text="same text")
    counts = download(campaign, server)
    assert (counts.read, counts.kept, counts.dropped) == (6, 5, {Reason.DUPLICATE: 1})
    assert [row[0] for row in queued(campaign)] == ["done"] * 6
    pairs = rows(campaign, "pairs")
    assert [row[0] for row in pairs] == [f"id:{i:05}:0" for i in (0, 1, 3, 4, 5)]
    with campaign.read() as db:
        files = db.scalars(sa.select(schema.images.c.file)).all()
        assert db.execute(sa.select(schema.pairs.c.text).distinct()).scalars().all() == ["same text"]
    assert len(files) == 5
    for file in files:
        with Image.open(campaign.folder / file) as image:
            image.load()
    assert server.asked["/photo/1"] == 1  # one address, asked once for all that wait for it
    before = state(campaign)
    assert download(campaign, server).read == 0
    assert state(campaign) == before


def test_another_try_begins_at_the_photos_own_address(campaign: Campaign, server: Server) -> None:
    queue(campaign, server.url("moved"))
    download(campaign, server)
    assert queued(campaign) == [("done", None, 2)]
    assert server.asked["/status/503/moved"] == 1


@pytest.mark.parametrize(
    ("path", "state", "reason", "tries", "dropped"),
    [
        ("cut", "failed", "cut off", 3, Reason.NOT_DOWNLOADED),
        ("cut-chunked", "failed", "cut off", 3, Reason.NOT_DOWNLOADED),
        ("long-promise", "failed", "more than 1,000,000 bytes", 1, Reason.NOT_DOWNLOADED),
        ("endless", "failed", "more than 1,000,000 bytes", 1, Reason.NOT_DOWNLOADED),
        ("short-promise", "failed", "broken image", 1, Reason.BROKEN),
        ("bomb", "failed", "image too large", 1, Reason.TOO_LARGE),
        ("gzip-bomb", "failed", "packed answer", 1, Reason.NOT_DOWNLOADED),
        ("html", "failed", "not an image", 1, Reason.NOT_AN_IMAGE),
        ("video/said", "failed", "video or GIF", 1, Reason.MOVING),
        ("video/hidden", "failed", "video or GIF", 1, Reason.MOVING),
        ("gif", "failed", "animated image", 1, Reason.ANIMATED),
        ("status/404", "gone", "HTTP 404", 1, Reason.GONE),
        ("status/410", "gone", "HTTP 410", 1, Reason.GONE),
        ("status/403", "failed", "HTTP 403", 1, Reason.NOT_DOWNLOADED),
        ("status/204", "failed", "HTTP 204", 1, Reason.NOT_DOWNLOADED),
        ("status/500", "failed", "HTTP 500", 3, Reason.NOT_DOWNLOADED),
        ("status/429", "failed", "HTTP 429", 3, Reason.NOT_DOWNLOADED),
        ("to/http://127.0.0.1:22/", "failed", "private address", 1, Reason.NOT_DOWNLOADED),
        ("to/file:///etc/passwd", "failed", "not http or https", 1, Reason.NOT_DOWNLOADED),
        ("to/http://[::1", "failed", "not an address", 1, Reason.NOT_DOWNLOADED),
        ("itself", "failed", "too many redirects", 1, Reason.NOT_DOWNLOADED),
        ("hops/6", "failed", "too many redirects", 1, Reason.NOT_DOWNLOADED),
        ("cut-once", "done", None, 2, None),
        ("then/503", "done", None, 3, None),
        ("then/429", "done", None, 2, None),
    ],
)
def test_whatever_a_server_does(
    campaign: Campaign, path: str, state: str, reason: str | None, tries: int, dropped: Reason | None, server: Server
) -> None:
    queue(campaign, server.url(path))
    counts = download(campaign, server)
    assert queued(campaign) == [(state, reason, tries)]
    assert (counts.kept, counts.dropped) == ((0, {dropped: 1}) if dropped else (1, {}))
    drops = rows(campaign, "drops")
    assert [(row[1], row[2]) for row in drops] == ([("id:00000:0", str(dropped))] if dropped else [])
    assert not unfinished(campaign)
    assert len(list((campaign.folder / "images").rglob("*.*"))) == (0 if dropped else 1)


def test_a_server_that_stalls_or_drips_is_left(campaign: Campaign, server: Server) -> None:
    queue(campaign, *(server.url(path) for path in ("stall", "stall-half", "drip", "drip-headers")))
    counts = download(campaign, server, Limits(seconds=0.4, silence=0.2, tries=2, pause=0.01))
    assert queued(campaign) == [("failed", "too slow", 2)] * 4
    assert counts.dropped == {Reason.NOT_DOWNLOADED: 4}
    assert not (campaign.folder / "images").exists()


def test_private_addresses_are_refused_whatever_their_name_resolves_to(campaign: Campaign, server: Server) -> None:
    with serving() as other:
        port = other.server_address[1]
        targets = [f"http://{name}:{port}/photo/1" for name in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0")]
        queue(campaign, *targets, *(server.url(f"to/{target}") for target in targets))
        counts = download(campaign, server)
        assert counts.dropped == {Reason.NOT_DOWNLOADED: 8}
        assert {row[:2] for row in queued(campaign)} == {("failed", "private address")}
        assert not other.asked  # a name is known for private only when it is connected, and nothing is asked then


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses() -> None:
    assert all(is_public(address) for address in ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"))


@pytest.mark.parametrize("url", ["ftp://a.example/b.jpg", "http://", "http://[::1/a.jpg", "http://a.example:99999/x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Failure):
        host(url)


def test_no_proxy_is_asked(campaign: Campaign, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    queue(campaign, server.url("photo/1"))
    assert download(campaign, server).kept == 1


def test_the_pause_that_a_server_asks_for() -> None:
    assert _seconds("7") == 7
    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _seconds("soon") is None


def test_a_pause_holds_for_the_whole_host(campaign: Campaign, server: Server) -> None:
    server.asked.clear()
    queue(campaign, server.url("then/429/pause"), *(server.url(f"photo/{i}") for i in range(12)))
    began = time.monotonic()
    counts = download(campaign, server, per_host=1)
    assert counts.kept == 13
    assert time.monotonic() - began > 1  # Retry-After: 1
    assert server.asked["/then/429/pause"] == 2


def test_a_host_is_asked_by_few_at_a_time(campaign: Campaign) -> None:
    with serving() as server:
        queue(campaign, *(server.url(f"slow/{i}") for i in range(24)))
        assert download(campaign, server, per_host=4).kept == 24
        assert 2 <= server.most_at_once <= 4


def test_a_slow_host_does_not_hold_up_the_others(campaign: Campaign, server: Server) -> None:
    with serving() as slow:
        queue(campaign, *(slow.url(f"slower/{i}") for i in range(24)), *(server.url(f"photo/{i}") for i in range(24)))
        hosts = [slow.address, server.address]
        settled: list[int] = []
        photos.download(campaign, private_hosts=hosts, progress=lambda _: settled.append(slow.asked.total()))
    assert settled[23] < 24  # the other host's photos were there before the slow one was even asked for all


# --- a host that does not answer --------------------------------------------------------------------------------------


@pytest.fixture
def nobody() -> str:
    """An address of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


def test_a_dead_host_is_given_up_and_its_photos_wait(campaign: Campaign, server: Server, nobody: str) -> None:
    queue(campaign, *(f"http://{nobody}/photo/{i}" for i in range(200)), *(server.url(f"photo/{i}") for i in range(9)))
    counts = photos.download(campaign, limits=QUICK, private_hosts=[server.address, nobody])
    assert (counts.read, counts.kept, counts.waiting, counts.dropped) == (209, 9, 200, {})
    assert counts.put_off == {nobody: 200}
    found = queued(campaign)
    assert {row[:2] for row in found[:200]} == {("todo", f"no answer from {nobody}")}
    assert sum(tries for _, _, tries in found[:200]) <= 2 * QUICK.tries * photos.PER_HOST < 200
    assert {row[:2] for row in found[200:]} == {("done", None)}
    with serving(int(nobody.rpartition(":")[2])):  # it comes back
        assert photos.download(campaign, limits=QUICK, private_hosts=[nobody]).kept == 200
    assert {row[:2] for row in queued(campaign)} == {("done", None)}


def test_an_address_that_leads_to_a_dead_host_waits_too(campaign: Campaign, server: Server, nobody: str) -> None:
    queue(campaign, *(server.url(f"to/http://{nobody}/{i}") for i in range(50)))
    counts = photos.download(campaign, limits=QUICK, private_hosts=[server.address, nobody])
    assert counts.put_off == {nobody: 50}


def test_few_photos_of_a_dead_host_fail_by_themselves(campaign: Campaign, nobody: str) -> None:
    queue(campaign, *(f"http://{nobody}/{i}" for i in range(3)))
    assert photos.download(campaign, limits=QUICK, private_hosts=[nobody]).dropped == {Reason.NOT_DOWNLOADED: 3}
    assert queued(campaign) == [("failed", "no connection", 3)] * 3


def test_the_command_names_the_host_that_does_not_answer(
    campaign: Campaign, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCD_ALLOW_PRIVATE_HOSTS", nobody)
    monkeypatch.setattr(photos, "PER_HOST", 2)
    monkeypatch.setattr(photos, "USUAL", QUICK)
    monkeypatch.setitem(photos.download.__kwdefaults__, "limits", QUICK)
    queue(campaign, *(f"http://{nobody}/{i}" for i in range(50)))
    result = CliRunner().invoke(collect_group, ["photos", "--dir", str(campaign.folder)])
    assert result.exit_code == 0, result.output
    assert f"50 photos put off: {nobody} does not answer" in result.output
    assert "50 photos still wait" in result.output


def test_failed_photos_are_tried_again_only_when_asked(campaign: Campaign, server: Server) -> None:
    server.asked.clear()
    urls = [server.url("cut-once/again"), server.url("status/404"), server.url("photo/1")]
    queue(campaign, *urls)
    once = Limits(tries=1)
    assert download(campaign, server, once).dropped == {Reason.NOT_DOWNLOADED: 1, Reason.GONE: 1}
    assert download(campaign, server, once).read == 0
    again = store.collect(campaign, [Record("id:00000", "text 0", None, None, (Photo(0, urls[0]),), "line 1")], "t.csv")
    assert again.dropped == {Reason.NOT_DOWNLOADED: 1}
    photos.retry_failed(campaign)
    assert download(campaign, server, once).kept == 1
    assert queued(campaign) == [("done", None, 2), ("gone", "HTTP 404", 1), ("done", None, 1)]
    assert [row[1] for row in rows(campaign, "drops")] == ["id:00001:0"]


def test_a_limit_and_posts_that_are_gone(campaign: Campaign, server: Server) -> None:
    queue(campaign, *(server.url(f"photo/{i}") for i in range(6)))
    with campaign.write() as db:
        db.execute(schema.posts.update().where(schema.posts.c.post_id == "id:00000").values(status="deleted"))
    assert download(campaign, server, limit=2).kept == 2
    assert [row[0] for row in rows(campaign, "pairs")] == ["id:00001:0", "id:00002:0"]
    assert download(campaign, server).kept == 3
    assert photos.count(campaign) == {"todo": 1, "done": 5, "failed": 0, "gone": 0}


# --- ended in the middle ----------------------------------------------------------------------------------------------


def run_photos(folder: Path, address: str, told: "Connection") -> None:
    """`download` in a process of its own, which says how many photos were settled, or what went wrong."""
    photos.BATCH = 10
    try:
        photos.download(Campaign.open(folder), private_hosts=[address], progress=told.send)
    except Exception as error:
        told.send(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def running(campaign: Campaign, server: Server) -> "Iterator[tuple[BaseProcess, Connection]]":
    """`run_photos` at work, and what it tells."""
    context = multiprocessing.get_context("forkserver")  # imports once, not in every process
    context.set_forkserver_preload([__name__])
    told, telling = context.Pipe(duplex=False)
    process = context.Process(target=run_photos, args=(campaign.folder, server.address, telling))
    process.start()
    telling.close()
    try:
        yield process, told
    finally:
        process.join()
        told.close()


@pytest.mark.slow
def test_killed_at_ten_points_and_run_again_ends_as_undisturbed(tmp_path: Path, server: Server) -> None:
    calm, disturbed = (
        Campaign.create(tmp_path / name, name=name, annotators=ANNOTATORS, adjudicators=())
        for name in ("calm", "disturbed")
    )
    urls = [server.url(f"photo/{i % 240}") if i % 50 else server.url("status/404") for i in range(300)]
    for campaign in (calm, disturbed):
        queue(campaign, *urls)
    download(calm, server)
    rng = random.Random(5)
    done = [0]
    for _ in range(10):
        with running(disturbed, server) as (process, told):
            for _ in range(rng.randrange(12, 26)):
                told.recv()
            time.sleep(rng.uniform(0, 0.003))
            process.kill()
        assert process.exitcode == -signal.SIGKILL
        done.append(photos.count(disturbed)["done"])
        for file in (disturbed.folder / "images").rglob("*.jpg"):
            with Image.open(file) as image:
                image.load()
    assert 0 < done[1] < done[5] < done[10] < photos.count(calm)["done"]
    download(disturbed, server)
    assert not unfinished(disturbed)
    assert state(disturbed) == state(calm)
    assert {row[:2] for row in queued(disturbed)} == {row[:2] for row in queued(calm)}


def test_ctrl_c_stops_although_a_server_is_silent(campaign: Campaign, server: Server) -> None:
    urls = [server.url(f"photo/{i}") for i in range(40)] + [server.url(f"hang-once/{i}") for i in range(100, 120)]
    queue(campaign, *urls)
    command = [sys.executable, "-m", "apps.cli.main", "collect", "photos", "--dir", str(campaign.folder)]
    environment = os.environ | {"CCD_ALLOW_PRIVATE_HOSTS": server.address}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as run:
        while sum(server.asked[f"/hang-once/{i}"] for i in range(100, 120)) < photos.PER_HOST:
            assert run.poll() is None
            time.sleep(0.01)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()
        waited = time.monotonic() - began
    assert run.returncode == 1
    assert said.split("\n")[-3:] == ["20 photos still wait; run again to go on", "Aborted!", ""]
    assert waited < Limits().silence / 3, "as long as the server is silent"
    assert photos.count(campaign) == {"todo": 20, "done": 40, "failed": 0, "gone": 0}
    assert not unfinished(campaign)
    assert len(list((campaign.folder / "images").rglob("*.jpg"))) == 40
    for path in list(server.asked):
        server.asked[path] += 1
    assert download(campaign, server).kept == 20


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        campaign = Campaign.create(folder / "c", name="c", annotators=ANNOTATORS, adjudicators=())
        queue(campaign, *(server.url(f"photo/{i}") for i in range(300)))
        (folder / "ballast").write_bytes(bytes(600_000))
        with running(campaign, server) as (_, told):
            while isinstance(said := told.recv(), int):
                pass
        assert re.match("(CcdError|OperationalError|OSError)", said), said
        assert not unfinished(campaign)
        (folder / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=9m", str(folder)], check=True)
        download(campaign, server)
        assert photos.count(campaign)["done"] == 300
        assert len(rows(campaign, "pairs")) == 300
        campaign.engine.dispose()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_file_that_may_not_grow_leaves_nothing_half_written(
    campaign: Campaign, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(campaign, server.url("photo/1"), server.url("large"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = max(f.stat().st_size for f in campaign.folder.glob("campaign.db*")) + 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(CcdError, match="cannot be written"):
            download(campaign, server, Limits())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert not unfinished(campaign)
    download(campaign, server, Limits())
    assert photos.count(campaign)["done"] == 2


def test_the_command(campaign: Campaign, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def facts(*arguments: object) -> dict[str, Any]:
        words = [str(a) for a in arguments]
        result = CliRunner().invoke(collect_group, [*words, "--dir", str(campaign.folder), "--json", "-"])
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    media = [{"media_url_https": server.url(path), "type": "photo"} for path in ("photo/1", "html", "photo/3")]
    status = {"id_str": "7", "text": "seven", "extended_entities": {"media": media}}
    (tmp_path / "a.json").write_text(json.dumps([status]))
    found = facts("archive", tmp_path / "a.json")
    assert (found["waiting"], found["kept"], found["dropped"]) == (3, 0, {})
    refused = facts("photos", "--max", 1)
    assert refused["dropped"] == {"photo not downloaded": 1}
    monkeypatch.setenv("CCD_ALLOW_PRIVATE_HOSTS", server.address)
    found = facts("photos", "--retry-failed")
    assert set(found) == set(FACTS)
    assert (found["tried"], found["kept"], found["dropped"], found["pairs"]) == (3, 2, {"not an image": 1}, 2)
    assert found["states"] == {"todo": 0, "done": 2, "failed": 1, "gone": 0}
    assert facts("archive", tmp_path / "a.json")["known"] == 2


def test_photos_are_small_and_differ() -> None:
    assert len({photo(number) for number in range(450)}) == 450
