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
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from ccd.errors import CcdError

if TYPE_CHECKING:
    from label_studio_sdk.base_client import LabelStudioBase

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"
TIMEOUT = 600  # seconds; a bulk import of 12,000 tasks takes up to 30
PAGE = 1000  # tasks an answer
ANNOTATION = "annotations,result,completed_by,updated_by,lead_time,was_cancelled,ground_truth,created_at"
PREDICTION = "predictions,model_version"  # its result and created_at are named above
PAUSES = (0.5, 1, 2, 4)  # seconds before a GET is repeated


class StudioError(CcdError):
    """Label Studio did not do what was asked. `status` is its HTTP status, None where no answer came."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def in_doubt(self) -> bool:
        """True where the work may have been done although the answer says otherwise or never came."""
        return self.status is None or self.status >= 500 or self.status in (408, 429)


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
        for pause in (*PAUSES, None):
            try:
                return self._request("GET", path, params=params)
            except StudioError as error:
                if pause is None or not error.in_doubt:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def send(self, method: str, path: str, body: Any) -> Any:
        """The JSON answer of a request that changes something, sent exactly once; None where the answer is empty."""
        answer = self._request(method, path, json=body)
        return self._json(answer) if answer.content else None

    def upload(self, path: str, files: list[tuple[str, tuple[str, bytes]]]) -> Any:
        """The JSON answer of an upload of files (field, (name, content)), sent exactly once."""
        return self._json(self._request("POST", path, files=files))

    def tasks(
        self, project: int, *, fields: str, where: tuple[dict[str, Any], ...] = (), annotations: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The tasks of a project by id, with the named fields only (such as "id,data"); page by page, in flat memory.

        Args:
            where: filters of Label Studio's data manager, joined by "and".
            annotations: also each task's `annotations` and `predictions`, with the fields named in ANNOTATION and
                PREDICTION.

        Not the export: exports of one project in the same minute write one file on the server, and some come broken.
        Pages follow the last id seen, so that tasks deleted meanwhile shift nothing out of sight.
        Raises StudioError where the server says that there are more and gives none.
        """
        last = 0
        while True:
            after = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
            query = {"ordering": ["tasks:id"], "filters": {"conjunction": "and", "items": [*where, after]}}
            answer = self.get(
                "/api/tasks/",
                project=project,
                query=json.dumps(query, separators=(",", ":")),
                fields="all" if annotations else "task_only",
                include=f"id,{fields},{ANNOTATION},{PREDICTION}" if annotations else f"id,{fields}",
                page_size=PAGE,
            )
            yield from answer["tasks"]
            if len(answer["tasks"]) >= answer["total"]:
                return
            if not answer["tasks"] or answer["tasks"][-1]["id"] <= last:
                raise StudioError(
                    f"{self.url} names {answer['total']} more tasks of project {project} and sends none; try again"
                )
            last = answer["tasks"][-1]["id"]

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
                method, self.url + path, timeout=(10, TIMEOUT), allow_redirects=method == "GET", **options
            )
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
            raise self._refused(doing, answer.status_code, body)
        if answer.content and path.startswith("/api/") and "json" not in answer.headers.get("Content-Type", ""):
            raise StudioError(f"{self.url} answers {doing} with a page, not with data; is it a Label Studio?", 404)
        return answer

    def _json(self, answer: requests.Response) -> Any:
        try:
            return answer.json()
        except requests.JSONDecodeError:
            doing = f"{answer.request.method} {answer.request.path_url.partition('?')[0]}"
            raise StudioError(f"{self.url} answers {doing} with broken JSON; see its log and try again") from None

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
        raise CcdError(f"{TOKEN_VARIABLE} is not set; put an access token of {url} there (Account & Settings there)")
    if not re.fullmatch(r"[!-~]+", token):
        raise CcdError(f"{TOKEN_VARIABLE} holds white space or letters that no token has; copy it again")
    return token
