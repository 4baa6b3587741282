"""A stand-in for the X API v2 on this machine: its documented answers, and its faults when they are asked for."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FILES = {"upload_url": "upload", "download_url": "results"}
TOKEN = "AAAA-very-secret-0123456789"
PROBLEMS = "https://api.twitter.com/2/problems"
Json = dict[str, Any]


@dataclass
class Fault:
    """What the next request gets instead of its answer; `cut`: the answer, broken off in mid-body."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


USAGE_CAP = Fault(
    429, {"title": "UsageCapExceeded", "period": "Monthly", "type": f"{PROBLEMS}/usage-capped", "status": 429}
)


def post(number: int, photos: int = 1, refers: tuple[str, int] | None = None, spelling: str = "tweet") -> Json:
    """A post as v2 gives it, its id `number`. Its media keys come in display order, the page's media do not."""
    keys = [f"3_{number}{place}" for place in range(photos)]
    link = f"https://t.co/p{number}"
    made: Json = {
        "id": str(number),
        f"edit_history_{spelling}_ids": [str(number)],
        "author_id": str(10_000_000 + number % 7),
        "created_at": "2024-05-01T12:00:00.000Z",
        "lang": "en",
        "possibly_sensitive": False,
        "text": f"Post number {number} &amp; more {link}",
        "entities": {"urls": [{"url": link, "display_url": "pic.x.com/abc", "media_key": key} for key in keys]},
    }
    if keys:
        made["attachments"] = {"media_keys": keys}
    if refers:
        made[f"referenced_{spelling}s"] = [{"type": refers[0], "id": str(refers[1])}]
    return made


@dataclass
class X:
    """The state of the stand-in. `sold` counts how often each post went out: what X would have charged for."""

    url: str = ""
    posts: dict[str, Json] = field(default_factory=dict)  # all there are, newest last
    forbidden: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sold: Counter[str] = field(default_factory=Counter)
    same_token: bool = False  # says "next" for ever
    jobs: dict[str, Json] = field(default_factory=dict)  # compliance jobs, with what was put and what came of it
    progress: list[str] = field(default_factory=list)  # what a job says when it is asked, after the upload
    files_at: str = "https://api.x.com"  # where jobs have their files
    events: list[Json] = field(default_factory=list)  # what a job finds, beside what is gone
    tokens: list[tuple[str, bool]] = field(default_factory=list)  # verb and whether the token came with it
    spelling: str = "tweet"
    put: str = ""  # the ids of the last job

    def add(self, *posts: Json) -> None:
        self.posts |= {made["id"]: made for made in posts}

    def answer(self, path: str, params: dict[str, str]) -> tuple[int, Json]:
        """The answer to one request with a good token."""
        if path == "/2/tweets":
            return 200, self._by_ids(params)
        if path.startswith("/2/tweets/search/"):
            return 200, self._page([p for p in self.posts.values() if p.get("attachments")], params, "next_token")
        if path.startswith("/2/users/by/username/"):
            name = path.rpartition("/")[2]
            if name == "nobody":
                return 200, {"errors": [{"title": "Not Found Error", "type": f"{PROBLEMS}/resource-not-found"}]}
            return 200, {"data": {"id": "2244994945", "name": name, "username": name}}
        if path.endswith("/tweets"):
            return 200, self._page(list(self.posts.values()), params, "pagination_token")
        return 404, {"title": "Not Found", "detail": "no such endpoint", "status": 404}

    def job(self, verb: str, path: str, params: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Batch compliance: /2/compliance/jobs[/id[/upload or /results]]."""
        number, _, file = path.removeprefix("/2/compliance/jobs").strip("/").partition("/")
        if verb == "POST":
            if any(job["status"] in ("created", "in_progress") for job in self.jobs.values()):
                return 409, {"title": "Conflict", "detail": "a job of this type is already active", "status": 409}
            number = str(len(self.jobs) + 1)
            files = {name: f"{self.files_at}{path}/{number}/{end}?token=s" for name, end in FILES.items()}
            self.jobs[number] = {"id": number, "status": "created"} | json.loads(body) | files
            return 200, {"data": self.jobs[number]}
        if not number:
            found = [job for job in self.jobs.values() if job["status"] == params.get("status", job["status"])]
            return 200, {"data": found} if found else {"meta": {"result_count": 0}}
        job = self.jobs[number]
        if verb == "PUT":
            if job["status"] != "created":
                return 403, {"title": "Forbidden"}
            self.put = body.decode()
            job["status"] = "in_progress"
            return 200, {}
        if file:
            return 200, "".join(json.dumps(event) + "\n" for event in self._events())
        if job["status"] == "in_progress" and self.progress:
            job["status"] = self.progress.pop(0)
        elif job["status"] == "in_progress":
            job["status"] = "complete"
        return 200, {"data": job}

    def _events(self) -> list[Json]:
        gone = [name for name in self.put.split() if name not in self.posts or name in self.forbidden]
        made = {"action": "delete", "created_at": "2024-05-01T12:00:00.000Z", "redacted_at": None}
        return [
            made | {"id": name, "reason": "protected" if name in self.forbidden else "deleted"} for name in gone
        ] + self.events

    def _by_ids(self, params: dict[str, str]) -> Json:
        ids = params["ids"].split(",")
        found = [self.posts[i] for i in ids if i in self.posts and i not in self.forbidden]
        errors = []
        for name in ids:
            if name in self.forbidden or name not in self.posts:
                kind = "not-authorized-for-resource" if name in self.forbidden else "resource-not-found"
                errors.append(
                    {"value": name, "resource_id": name, "resource_type": "tweet", "parameter": "ids"}
                    | {"title": kind, "detail": f"{kind}: [{name}].", "type": f"{PROBLEMS}/{kind}"}
                )
        return self._with_includes(found, params) | ({"errors": errors} if errors else {})

    def _page(self, posts: list[Json], params: dict[str, str], token: str) -> Json:
        since = int(params.get("since_id", 0))
        newest_first = sorted((p for p in posts if int(p["id"]) > since), key=lambda p: -int(p["id"]))
        start, size = int(params.get(token, "t0")[1:]), int(params["max_results"])
        some = newest_first[start : start + size]
        meta: Json = {"result_count": len(some)}
        if some:
            meta |= {"newest_id": some[0]["id"], "oldest_id": some[-1]["id"]}
        if start + size < len(newest_first):
            meta["next_token"] = f"t{start + size}"
        if self.same_token:
            meta["next_token"] = "t0"
        return self._with_includes(some, params) | {"meta": meta}

    def _with_includes(self, posts: list[Json], params: dict[str, str]) -> Json:
        if not posts:
            return {}
        wanted = params.get("expansions", "").split(",")
        includes: Json = {}
        original: list[Json] = []
        if "referenced_tweets.id" in wanted:
            links = [each for p in posts for each in p.get(f"referenced_{self.spelling}s", ())]
            original = [self.posts[each["id"]] for each in links if each["id"] in self.posts]
            includes |= {f"{self.spelling}s": original} if original else {}
        keys = [key for p in [*posts, *original] for key in p.get("attachments", {}).get("media_keys", ())]
        if keys and "attachments.media_keys" in wanted:
            includes["media"] = [
                {"media_key": key, "type": "photo", "width": 1200, "height": 800, "alt_text": f"alt of {key}"}
                | {"url": f"https://pbs.twimg.com/media/{key}.jpg"}
                for key in sorted(set(keys), reverse=True)
            ]
        self.sold.update(p["id"] for p in posts)
        return {"data": posts} | ({"includes": includes} if includes else {})


@contextmanager
def serving() -> Iterator[X]:
    """A stand-in at `x.url` while the block lasts."""
    state = X()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            state.asked.append((parts.path, params))
            state.tokens.append((self.command, self.headers["Authorization"] is not None))
            fault = state.faults.pop(0) if state.faults else None
            elsewhere = params.get("token") and not state.files_at.startswith("https://")
            if not elsewhere and self.headers["Authorization"] != f"Bearer {TOKEN}":
                self._send(401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
            elif fault and not fault.cut:
                self._send(fault.status, fault.body, fault.headers)
            else:
                jobs = parts.path.startswith("/2/compliance/jobs")
                answer = state.job(self.command, parts.path, params, body) if jobs else state.answer(parts.path, params)
                self._send(*answer, cut=fault is not None)

        do_POST = do_PUT = do_GET

        def _send(self, status: int, body: Any, headers: dict[str, str] | None = None, cut: bool = False) -> None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
