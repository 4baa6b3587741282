"""Whatever is sent to the backend gets one answer, in one line where it is refused; the next caller notices nothing."""

import http.client
import io
import json
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.campaign.campaign import Campaign
from tests.apps import test_backend as backend
from tests.apps.test_backend import Served, tasks_of
from tests.hostile.mutate import mutated

QUICK = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**4000, -(10**300), 2**63, 1e308, -0.0])
WORDS = st.text(st.characters(), max_size=20) | st.sampled_from(["\ud800", "\0", "data", "x:1:0", "\x1b[2J", "\r\n"])
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
CALLS = ("setup", "predict", "webhook")
made = backend.made  # a campaign with a trained network
served = backend.served


@dataclass(frozen=True)
class Answer:
    """`told` is its JSON, `after` what came after it on the connection."""

    status: int
    reason: str
    told: Any
    after: bytes


def parsed(data: bytes) -> Answer:
    """The first answer in what a backend sent."""
    first, _, rest = data.partition(b"\r\n")
    version, status, reason = first.decode("latin-1").split(" ", 2)
    assert version == "HTTP/1.1", first
    stream = io.BytesIO(rest)
    length = int(http.client.parse_headers(stream)["Content-Length"])
    return Answer(int(status), reason, json.loads(stream.read(length)), stream.read())


def sent(served: Served, data: bytes) -> bytes:
    """All that comes back for these bytes until the backend closes."""
    with socket.create_connection(("127.0.0.1", served.server.server_port), timeout=60) as line:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(1 << 16), b""))


def asked(served: Served, call: str, body: bytes, *headers: str, method: str = "POST") -> Answer:
    """The answer to one who knows the password and the secret part; the length is told where `headers` do not."""
    told = ["Host: b", f"Authorization: {served.server.authorization}", *headers]
    if not any(line.startswith(("Content-Length", "Transfer-Encoding")) for line in headers):
        told.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} /{served.server.secret}/{call} HTTP/1.1", *told, "", ""])
    return parsed(sent(served, head.encode("latin-1") + body))


def is_refused(answer: Answer) -> None:
    """In one line, and once."""
    assert 400 <= answer.status < 500, answer
    assert list(answer.told) == ["error"]
    assert answer.told["error"].strip()
    assert answer.told["error"].isprintable()
    assert answer.reason
    assert answer.after == b""


def is_fine(answer: Answer) -> None:
    """Refused, or answered once."""
    if answer.status == 200:
        assert answer.after == b""
    else:
        is_refused(answer)


@pytest.fixture(autouse=True)
def unharmed(served: Served, made: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """After each test a valid request is answered as before it, and nothing was logged."""
    tasks = tasks_of(Campaign.open(made))[:2]
    before = served.predict(tasks)
    assert before["results"][0]
    yield
    assert served.predict(tasks) == before
    assert capfd.readouterr().err == ""


def as_label_studio_asks(made: Path, call: str) -> dict[str, Any]:
    tasks = tasks_of(Campaign.open(made))[:2]
    return {
        "setup": {"project": "1.2", "schema": "<View/>", "hostname": "http://127.0.0.1", "extra_params": {}},
        "predict": {"tasks": tasks, "project": "11.1", "label_config": "<View/>", "params": {"context": None}},
        "webhook": {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "was_cancelled": False, "result": []}},
    }[call]


@pytest.mark.parametrize("call", CALLS)
def test_any_json(served: Served, call: str) -> None:
    @QUICK
    @given(ANY, st.booleans())
    def ask(value: Any, named: bool) -> None:
        if named:
            task = {"id": value, "project": value, "data": {"pair_key": value, "image": value}}
            value = {"tasks": [value, {"data": value}, task], "action": value, "annotation": value}
        is_fine(asked(served, call, json.dumps(value).encode()))

    ask()


@pytest.mark.parametrize("call", CALLS)
def test_valid_requests_that_were_changed(served: Served, made: Path, call: str) -> None:
    content = json.dumps(as_label_studio_asks(made, call)).encode()
    assert asked(served, call, content).status == 200

    @QUICK
    @given(st.integers(0, 2**32))
    def ask(seed: int) -> None:
        is_fine(asked(served, call, mutated(content, random.Random(seed))))

    ask()


@pytest.mark.parametrize(("begin", "end"), ["[]", ('{"a":', "}")])
def test_depths_up_to_what_can_be_read_and_beyond(served: Served, made: Path, begin: str, end: str) -> None:
    key = tasks_of(Campaign.open(made))[0]["data"]["pair_key"]
    found = set()
    for depth in (*range(930, 1000), 10_000, 100_000):
        deep = begin * depth + "1" + end * depth
        for data in (f'"pair_key": {deep}', f'"pair_key": "{key}", "image": {deep}'):
            answer = asked(served, "predict", f'{{"tasks": [{{"data": {{{data}}}}}]}}'.encode())
            is_fine(answer)
            found.add(answer.status)
    assert found == {200, 400}


BODIES = [
    b"", b" ", b"{", b"}", b"nul", b"'a'", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"{}{}", b'{"a" 1}', b"NaN",
    b"\0" * 1000,
    b'"\\ud800"', b'{"tasks": [NaN, Infinity, -Infinity]}', b'{"tasks": [], "tasks": 1}', b'{"tasks": 1, "tasks": []}',
    b'{"tasks": [' + b"9" * 5000 + b"]}", b'{"tasks": [{"id": 1e999, "data": {"pair_key": 1e999, "image": -1e999}}]}',
    b'{"tasks": ["\xed\xa0\x80"]}', b"{}" + b" " * 100_000, b"<a/>", b"tasks=1&a=2", b"--b\r\n\r\n1\r\n--b--\r\n",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_bodies_that_are_no_request(served: Served, call: str) -> None:
    for body in BODIES:
        is_fine(asked(served, call, body))


@pytest.mark.parametrize(
    "kind", ["text/html", "multipart/form-data; boundary=b", "\xff\xfe", "application/json;" * 999]
)
def test_the_type_that_a_request_says_it_has_is_not_minded(served: Served, kind: str) -> None:
    assert asked(served, "predict", b'{"tasks": []}', f"Content-Type: {kind}").told == {"results": [], "without": []}


LENGTHS = [
    "",
    "-1",
    "+2",
    "2.0",
    "0x2",
    "2,2",
    "2 2",
    "\xb2",
    "two",
    "9" * 30,
    "9" * 5000,
    "99999999999",
    "4",
    "1",
    "0",
]


@pytest.mark.parametrize("length", LENGTHS, ids=range(len(LENGTHS)))
@pytest.mark.parametrize(("method", "call"), [("POST", "predict"), ("GET", "health")])
def test_lengths_that_are_none_or_not_true(served: Served, method: str, call: str, length: str) -> None:
    answer = asked(served, call, b"{}x", f"Content-Length: {length}", method=method)
    if answer.status == 200:  # what is left is a request of its own
        assert method == "GET"
        assert not answer.after or b" 400 " in answer.after or answer.after.startswith(b"{")
    else:
        is_refused(answer)


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 13", "Content-Length: 2"),
        ("Content-Length: 13", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, chunked",),
    ],
)
def test_where_nobody_can_tell_the_end_of_a_request_it_is_refused(served: Served, headers: tuple[str, ...]) -> None:
    for method, call in (("POST", "predict"), ("GET", "health")):
        answer = asked(served, call, b'{"tasks": []}', *headers, method=method)
        is_refused(answer)
        assert answer.status == 411


def test_a_request_without_a_length_is_refused(served: Served) -> None:
    is_refused(asked(served, "predict", b'{"tasks": []}', "Content-Lengths: 13"))


def test_what_a_get_carries_is_no_second_request(served: Served) -> None:
    inner = f"GET /health HTTP/1.1\r\nHost: b\r\nAuthorization: {served.server.authorization}\r\n\r\n".encode()
    answer = asked(served, "health", inner, method="GET")
    assert (answer.status, answer.after) == (200, b"")


def test_each_request_on_one_connection_gets_its_answer(served: Served) -> None:
    told = f"HTTP/1.1\r\nHost: b\r\nAuthorization: {served.server.authorization}\r\nContent-Length"
    both = f"POST /setup {told}: 2\r\n\r\n{{}}GET /health {told}: 3\r\n\r\n{{}}x".encode()
    answer = parsed(sent(served, both * 2))
    for call in ("model_version", "status", "model_version", "status"):
        assert call in answer.told
        answer = parsed(answer.after) if answer.after else answer


LINES = [
    b"GET", b"GET  HTTP/1.1", b"GET /health", b"POST /setup", b"GET /health HTTP/9.9", b"GET /health HTTP/\xb9.\xb2",
    b"GET /health HTTP/1.1.1", b"GET /health XTTP/1.1", b"PUT /predict HTTP/1.1", b"DELETE /setup HTTP/1.1",
    b"HEAD /health HTTP/1.1", b"OPTIONS * HTTP/1.1", b"_call /health HTTP/1.1", b"\x1b[2J /health HTTP/1.1", b"\0" * 99,
    b"CALL" * 99 + b" /health HTTP/1.1", b"GET * HTTP/1.1", b"GET /%00%1b HTTP/1.1", b"GET http://[ HTTP/1.1",
    b"GET //health HTTP/1.1", b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"PRI * HTTP/2.0",
    b"\x16\x03\x01\x02\0\x01\0\x01",
]  # fmt: skip
HEADS = [
    b"", b"a: b\r\n" * 200, b"a: " + b"b" * 70_000 + b"\r\n", b"no header\r\n", b"Authorization:\r\n",
    b"Authorization: Basic \xff=\r\n", b"Authorization: Basic " + b"=" * 9999 + b"\r\n", b"\0: \0\r\n", b" : \r\n",
]  # fmt: skip


def test_what_is_no_request_of_http(served: Served) -> None:
    starts = [line + b"\r\n\r\n" for line in LINES] + [line + b"\r\nHost: b\r\n\r\n" for line in LINES]
    starts += [b"POST /predict HTTP/1.1\r\n" + host + head for head in HEADS for host in (b"", b"Host: b\r\n")]
    for start in starts:
        found = sent(served, start)
        if start.startswith(b"HEAD /health HTTP/1.1\r\nHost"):  # its answer has no body
            assert found.startswith(b"HTTP/1.1 404 no such call")
        elif found.startswith(b"HTTP/"):
            is_refused(parsed(found))
        else:  # to HTTP/0.9, which has no head
            assert list(json.loads(found)) == ["error"]


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(served: Served, data: bytes) -> None:
    sent(served, data)
