"""The X API as it is asked: tweepy's client with a timeout, retries, patience at rate limits, and a token in no log.

tweepy (https://docs.tweepy.org) asks one fixed host without a timeout, prints the token at DEBUG, and loops for ever on
a 429 without a reset time: hence an adapter, a log filter, and waits of our own.
"""

import logging
import os
import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

from ccd.errors import CcdError, EnvironmentFailure, InputError, ServerError
from ccd.retries import Later, Wait, limited, patiently, sleep
from collection.fetch import is_loopback
from collection.pages import Page

TOKEN = "X_BEARER_TOKEN"
BASE_URL = "X_API_BASE_URL"  # a stand-in for the API; it receives the token, so it must be on this machine
ANY_HOST = "X_API_ALLOW_ANY_HOST"
KEPT = "what was bought is kept"
OWN = ("api.twitter.com", "api.x.com")  # hosts that get the token
TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two reads


class _Adapter(HTTPAdapter):
    """Gives tweepy's requests a timeout, and another host where one is named; it repeats none of them."""

    def __init__(self, base_url: str | None) -> None:
        self._base_url = base_url
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        if self._base_url:
            to, stand_in = urlsplit(request.url or ""), urlsplit(self._base_url)
            request.url = str(to._replace(scheme=stand_in.scheme, netloc=stand_in.netloc).geturl())
        options["timeout"] = options.get("timeout") or TIMEOUT
        return super().send(request, *args, **options)


class _Redact(logging.Filter):
    """Takes the token out of what tweepy logs; a filter holds for one logger only, not for those below it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = re.sub(r"Bearer [^\s'\"]+", "Bearer (hidden)", record.getMessage())
        record.args = ()
        return True


_REDACT = _Redact()


class XApi:
    """The X API, asked politely: waits where it says so, and one clear error where it refuses.

    `wait(seconds, why)` sleeps; the command line shows a countdown there. `backoff` scales the pauses after failures.
    """

    def __init__(self, token: str, *, base_url: str | None = None, wait: Wait = sleep, backoff: float = 1.0) -> None:
        for name in ("tweepy", "tweepy.client"):
            logging.getLogger(name).addFilter(_REDACT)
        self._client = tweepy.Client(token, return_type=dict, wait_on_rate_limit=False)
        for own in OWN:
            self._client.session.mount(f"https://{own}/", _Adapter(base_url))
        self._wait = wait
        self._backoff = backoff

    @classmethod
    def from_environment(cls, wait: Wait = sleep) -> "XApi":
        """Use the token of X_BEARER_TOKEN. Raises CcdError where it is absent, or a stand-in is elsewhere."""
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            raise EnvironmentFailure(
                f"no token for X; set {TOKEN} in the environment (an app's bearer token, console.x.com)"
            )
        if not token.isascii() or re.search(r"\s", token):
            raise EnvironmentFailure(
                f"{TOKEN} is no bearer token: it holds spaces or characters that none has; copy it again"
            )
        base_url = os.environ.get(BASE_URL) or None
        if base_url and not is_loopback(base_url) and os.environ.get(ANY_HOST) != "1":
            raise InputError(
                f"{BASE_URL} is {base_url}, which would get your token; name this machine, or set {ANY_HOST}=1"
            )
        return cls(token, base_url=base_url, wait=wait)

    def ask(self, method: str, **params: Any) -> Page:
        """Return the complete answer to one request of `tweepy.Client.<method>`.

        Raises CcdError where X refuses, where the credits or the month's cap are used up, and where it does not answer
        after as many tries as `ccd.retries` allows.
        """
        return patiently(
            lambda number: self._ask(method, params, number), wait=self._wait, backoff=self._backoff, kept=KEPT
        )

    def _ask(self, method: str, params: dict[str, Any], number: int) -> Page:
        try:
            answer = getattr(self._client, method)(**params)
        except tweepy.TooManyRequests as error:
            raise limited("X", self._until_reset(error), self._backoff, number) from None
        except tweepy.TwitterServerError as error:
            raise Later(f"X fails ({error.response.status_code})") from None
        except tweepy.HTTPException as error:
            raise _refused(error) from None
        except requests.RequestException as error:  # refused, cut, stalled, or not JSON
            raise Later(f"X's answer did not arrive ({type(error).__name__})") from None
        if isinstance(answer, dict):
            return answer
        raise ServerError("X answers something else than its API does; see that no proxy stands between, run again")

    def transfer(self, verb: str, url: str, data: bytes | None = None) -> bytes:
        """Get or put a file at an address that X named.

        The token goes to X's own hosts only. Raises CcdError where the address refuses or does not answer.
        """
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            raise ServerError("X names an address that is not https; see that no proxy stands between, run again")
        headers = {"Content-Type": "text/plain"} if data is not None else {}
        if urlsplit(url).hostname in OWN:
            headers["Authorization"] = f"Bearer {self._client.bearer_token}"
        return patiently(
            lambda _number: self._transfer(verb, url, data, headers), wait=self._wait, backoff=self._backoff
        )

    def _transfer(self, verb: str, url: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        try:
            answer = self._client.session.request(verb, url, data=data, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise Later(f"the file's transfer broke off ({type(error).__name__})") from None
        if answer.ok:
            return bytes(answer.content)
        why = f"the file's address answers {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != 429:
            raise ServerError(f"{why} ({answer.reason}); run again later: the job goes on, or a new one is made")
        raise Later(why)

    def _until_reset(self, error: tweepy.TooManyRequests) -> float | None:
        """Return the seconds until the rate limit ends, if X says when. Raises CcdError at the month's cap."""
        body = _body(error)
        if body.get("title") == "UsageCapExceeded" or "usage-cap" in str(body.get("type")):
            period = str(body.get("period") or "current").lower()
            raise ServerError(
                f"X's usage cap of the {period} period is reached; raise it at console.x.com or run again in the next "
                "period: what was bought is kept"
            )
        return None if error.reset_time is None else float(error.reset_time - int(time.time()) + 1)


def _body(error: tweepy.HTTPException) -> dict[str, Any]:
    try:
        body = error.response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refused(error: tweepy.HTTPException) -> CcdError:
    status = error.response.status_code
    body = _body(error)
    said = "; ".join(map(str, error.api_messages)) or body.get("detail") or body.get("title") or error.response.reason
    remedy = {
        400: "mend the query",
        401: f"check the token in {TOKEN}",
        402: "no credits are left: buy some at console.x.com and run again, what was bought is kept",
        403: "this token may not do that: see the app's access at console.x.com",
        404: "check the name",
        409: "another compliance job of this app is at work; run again when it is over",
    }.get(status, "run again later, what was bought is kept")
    return ServerError(f"X refuses ({status}: {' '.join(str(said).split())}); {remedy}")
