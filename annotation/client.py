"""One client of one Label Studio: the SDK where it is right, plain HTTP where it is not, one kind of error for both.

A request that may have changed something is never repeated blindly (the SDK's own retry makes 30 tasks of 10); its
error says whether the work may have been done (`in_doubt`), and the caller asks before it tries again.
"""

import contextlib
import datetime
import email.utils
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from annotation.received import LISTING, TASK, check, storable
from ccd.errors import EnvironmentFailure, ServerError
from ccd.retries import Later, patiently

if TYPE_CHECKING:
    from label_studio_sdk.base_client import LabelStudioBase

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"
TIMEOUT = 600  # seconds; a bulk import of 12,000 tasks takes up to 30
PAGE = 1000  # tasks an answer
ODD = 200  # the status of an answer that no Label Studio of this version gives
TOO_LARGE = 413  # the status of an answer that is longer than this:
MOST_BYTES = 256 << 20  # of one answer; a page of 1,000 tasks has 2 MB, unless somebody wrote comments of megabytes
ANNOTATION = "annotations,result,completed_by,updated_by,lead_time,was_cancelled,ground_truth,created_at,updated_at"
PREDICTION = "predictions,model_version"  # its result and created_at are named above
TRIES = 5  # of a GET
BACKOFF = 0.25  # seconds; the pauses are 0.5, 1, 2 and 4
HOLDS_ANSWERS = {"filter": "filter:tasks:annotations_ids", "operator": "empty", "type": "List", "value": False}
"""The filter of tasks that hold an annotation; the counter `total_annotations` may be wrong, as above."""


class StudioError(ServerError):
    """Label Studio did not do what was asked. `status` is its HTTP status, None where no answer came."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def in_doubt(self) -> bool:
        """True where the work may have been done although the answer says otherwise or never came."""
        return self.status is None or self.status >= 500 or self.status in (408, 429)

    @property
    def is_of_server(self) -> bool:
        """True where the next request would fare no better: nobody answers, or the token is refused."""
        return self.status in (None, 401, 408, 429, 502, 503, 504)


class Studio:
    """A connection to one Label Studio.

    Args:
        url: its address, e.g. http://127.0.0.1:8080.
        token: an access token of an administrator: a legacy one (40 hex digits) or a personal one (JWT).
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for this server
        self._session.auth = _Authorization(self.url, token)

    @cached_property
    def sdk(self) -> "LabelStudioBase":
        """Label Studio's own client, for the calls it does right; wrap each call in `errors`.

        Its base: the extensions on top, which are not used here, take most of a second to import.
        """
        import httpx
        from label_studio_sdk.base_client import LabelStudioBase

        with self.errors("sign in"):
            return LabelStudioBase(
                base_url=self.url, api_key=self._token, httpx_client=httpx.Client(trust_env=False, timeout=TIMEOUT)
            )

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer of a GET; repeated a few times on a failure that may pass."""
        return self._json(self.read(path, **params))

    def read(self, path: str, **params: Any) -> requests.Response:
        """The answer of a GET, 2xx or StudioError; repeated a few times on a failure that may pass."""

        def ask(_number: int) -> requests.Response:
            try:
                return self._request("GET", path, params=params)
            except StudioError as error:
                if error.in_doubt:
                    raise Later(str(error), error=error) from None
                raise

        return patiently(ask, backoff=BACKOFF, tries=TRIES)

    def send(self, method: str, path: str, body: Any) -> Any:
        """The JSON answer of a request that changes something, sent exactly once; None where the answer is empty."""
        answer = self._request(method, path, json=body)
        return self._json(answer) if answer.content else None

    def upload(self, path: str, files: list[tuple[str, tuple[str, bytes]]]) -> Any:
        """The JSON answer of an upload of files (field, (name, content)), sent exactly once."""
        return self._json(self._request("POST", path, files=files))

    def tasks(
        self,
        project: int,
        *,
        fields: str,
        where: tuple[dict[str, Any], ...] = (),
        annotations: bool = False,
        sick: Callable[[int, str], None] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The tasks of a project by id, with the named fields only (such as "id,data"); page by page, in flat memory.

        Args:
            where: filters of Label Studio's data manager, joined by "and".
            annotations: also each task's `annotations` and `predictions`, with the fields named in ANNOTATION and
                PREDICTION.
            sick: called with each task that cannot be read, and why; without it, the first one raises.

        Not the export: exports of one project in the same minute write one file on the server, and some come broken.
        Pages follow the last id seen, so that tasks deleted meanwhile shift nothing out of sight. One task may make
        its whole page fail (half a character in a comment does): the page is halved until that task is alone on it.
        Raises StudioError where the server says that there are more and gives none.
        """
        last, size = 0, PAGE
        what = ("all", f"id,{fields},{ANNOTATION},{PREDICTION}") if annotations else ("task_only", f"id,{fields}")
        while True:
            try:
                found = self._page(project, where, last, size, what, patient=size == PAGE)
            except StudioError as error:
                if error.status not in (500, TOO_LARGE):
                    raise
                if size > 1:
                    size //= 2
                    continue
                alone = self._page(project, where, last, 1, ("task_only", "id"), patient=True)
                if not alone["tasks"]:
                    return
                last = alone["tasks"][0].get("id")
                self._sick(project, last, str(error), sick)
                continue
            for task in found["tasks"]:
                try:
                    yield check(TASK, task)
                except ValueError as error:
                    self._sick(project, task.get("id"), f"what the server sends is no task ({error})", sick)
            if len(found["tasks"]) >= found["total"]:
                return
            number = found["tasks"][-1].get("id") if found["tasks"] else last
            if not isinstance(number, int) or number <= last:
                raise StudioError(
                    f"{self.url} names {found['total']} more tasks of project {project} and sends none; try again"
                )
            last, size = number, min(PAGE, size * 2)

    def _page(
        self,
        project: int,
        where: tuple[dict[str, Any], ...],
        last: int,
        size: int,
        what: tuple[str, str],
        *,
        patient: bool,
    ) -> dict[str, Any]:
        """Up to `size` tasks after the id `last`, unchecked, and how many there are; repeated only where `patient`."""
        after = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
        query = {"ordering": ["tasks:id"], "filters": {"conjunction": "and", "items": [*where, after]}}
        params = {
            "project": project,
            "query": json.dumps(query, separators=(",", ":")),
            "fields": what[0],
            "include": what[1],
            "page_size": size,
        }
        answer = self.read("/api/tasks/", **params) if patient else self._request("GET", "/api/tasks/", params=params)
        try:
            page: dict[str, Any] = check(LISTING, self._json(answer))
        except ValueError as error:
            raise StudioError(
                f"{self.url} lists the tasks of project {project} in another shape ({error}); is it a Label Studio of "
                "another version? See `ccd doctor`",
                ODD,
            ) from None
        return page

    def _sick(self, project: int, number: Any, why: str, sick: Callable[[int, str], None] | None) -> None:
        if not isinstance(number, int):
            raise StudioError(f"{self.url}/projects/{project}: a task has no number; see `ccd doctor`", ODD)
        if sick is None:
            raise StudioError(
                f"{self.url}/projects/{project}/data?task={number} cannot be read ({why}); put it right or delete it "
                "there",
                ODD,
            )
        sick(number, why)

    def release(self) -> str:
        """The server's version. Raises StudioError where it is no Label Studio."""
        answer = self.get("/api/version")
        if not isinstance(answer, dict) or "release" not in answer:
            raise StudioError(f"{self.url} does not say a version; is it a Label Studio?", 404)
        return str(answer["release"])

    def server_time(self) -> datetime.datetime:
        """The server's clock, UTC, to the second: what its own time stamps are compared with."""
        answer = self.read("/api/version")
        return email.utils.parsedate_to_datetime(answer.headers["Date"]).astimezone(datetime.UTC)

    @contextlib.contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn whatever the SDK raises inside into a StudioError with one clear line."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield
        except ApiError as error:
            # str(error) prints the response's headers, a session cookie among them.
            raise self._refused(doing, error.status_code, error.body) from None
        except httpx.HTTPError as error:
            raise self._unreached(doing, error) from None

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        doing = f"{method} {path}"
        try:
            # A redirected POST would arrive as a GET, and its answer would pass for success.
            answer = self._session.request(
                method, self.url + path, timeout=(10, TIMEOUT), allow_redirects=method == "GET", stream=True, **options
            )
            parts, size = [], 0
            with answer:
                for part in answer.iter_content(1 << 20):
                    parts.append(part)
                    if (size := size + len(part)) > MOST_BYTES:
                        raise StudioError(
                            f"{self.url} answers {doing} with more than {MOST_BYTES >> 20} MB; see who wrote so much",
                            TOO_LARGE,
                        )
            answer._content = b"".join(parts)
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
        ) as error:  # requests lets some of those through
            raise self._unreached(doing, error) from None
        if answer.is_redirect:
            raise StudioError(
                f"{self.url} sends {doing} elsewhere; name the address that it sends to", answer.status_code
            )
        if answer.status_code >= 400:
            try:
                body = answer.json()
            except requests.JSONDecodeError:
                body = None
            if answer.status_code == 404 and not isinstance(body, dict):  # of a proxy: Label Studio's own are JSON
                raise StudioError(f"{self.url} has no {path}, says a page; is it a Label Studio?", ODD)
            raise self._refused(doing, answer.status_code, body)
        if answer.content and path.startswith("/api/") and "json" not in answer.headers.get("Content-Type", ""):
            raise StudioError(f"{self.url} answers {doing} with a page, not with data; is it a Label Studio?", ODD)
        return answer

    def _json(self, answer: requests.Response) -> Any:
        try:
            found = answer.json()
        except (ValueError, RecursionError):
            doing = f"{answer.request.method} {answer.request.path_url.partition('?')[0]}"
            raise StudioError(f"{self.url} answers {doing} with broken JSON; see its log and try again") from None
        # What no database stores comes as an escape only
        odd = any(mark in answer.content for mark in (b"\\ud", b"\\uD", b"\\u0000"))
        return storable(found) if odd else found

    def _unreached(self, doing: str, error: Exception) -> StudioError:
        kind = "does not answer in time" if "Timeout" in type(error).__name__ else "cannot be reached or cut the line"
        return StudioError(f"{self.url} {kind} ({doing}); see that Label Studio runs there (`ccd studio status`)")

    def _refused(self, doing: str, status: int | None, body: Any) -> StudioError:
        if status == 401:
            return StudioError(f"{self.url} does not accept the token; put a valid one in {TOKEN_VARIABLE}", 401)
        why = ""
        if isinstance(body, dict):
            why = str(body.get("validation_errors") or body.get("detail") or "")[:300]
        remedy = "see its log and try again" if status is None or status >= 500 else "see what it says"
        return StudioError(f"{self.url} answers {doing} with {status}{f' ({why})' if why else ''}; {remedy}", status)


class _Authorization(requests.auth.AuthBase):
    """Signs requests with a legacy token, or with the access token that a personal token (JWT) is exchanged for."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._access = ""
        self._until = 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._fresh()}" if "." in self._token else f"Token {self._token}"
        return request

    def _fresh(self) -> str:
        if time.monotonic() > self._until:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(f"{self._url}/api/token/refresh/", json={"refresh": self._token}, timeout=30)
            if answer.status_code in (400, 401):
                raise StudioError(f"{self._url} does not accept the token; put a valid one in {TOKEN_VARIABLE}", 401)
            if answer.status_code != 200:
                raise StudioError(
                    f"{self._url} answers the exchange of the token with {answer.status_code}; see its log",
                    answer.status_code,
                )
            found = answer.json()
            if not isinstance(found, dict) or "access" not in found:
                raise StudioError(f"{self._url} exchanges the token for nothing; is it a Label Studio?", 404)
            self._access = found["access"]
            self._until = time.monotonic() + 240  # it lives 300 s
        return self._access


def token_of_environment(url: str) -> str:
    """The token in LABEL_STUDIO_API_KEY. Raises CcdError where there is none."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise EnvironmentFailure(
            f"{TOKEN_VARIABLE} is not set; put an access token of {url} there (Account & Settings there)"
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise EnvironmentFailure(f"{TOKEN_VARIABLE} holds white space or letters that no token has; copy it again")
    return token
