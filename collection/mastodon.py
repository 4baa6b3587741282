"""Posts from a Mastodon server (Mastodon.py): what it shows of a hashtag, or of everything, with media only.

Source: https://docs.joinmastodon.org/methods/timelines/ and /entities/Status/.
"""

import datetime
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import requests

from ccd.errors import CcdError, EnvironmentFailure, InputError, ServerError
from ccd.retries import Later, Wait, limited, patiently, sleep
from ccd.times import utc
from collection.authors import Key
from collection.feed import KEPT, server, whole_link
from collection.pages import Page
from collection.records import Drop, Photo, Reason, Record

TOKEN = "MASTODON_ACCESS_TOKEN"  # optional: some servers show strangers nothing
TIMEOUT = 30.0  # seconds
MOST_BYTES = 32 << 20  # of one answer, unpacked; a page of 40 posts has 0.2 MB
VERSION = "4.2.0"  # said to the client library, so that it does not ask

Json = Mapping[str, Any]


class MastodonApi:
    """One server, asked politely: waits where it says so, and one clear error where it refuses."""

    def __init__(
        self,
        instance: str,
        token: str | None = None,
        *,
        wait: Wait = sleep,
        backoff: float = 1.0,
    ) -> None:
        try:
            from mastodon import Mastodon
        except ImportError:
            raise EnvironmentFailure(
                "Mastodon needs the library Mastodon.py; pip install 'ccd-toolkit[social]'"
            ) from None
        address = server(instance, "--instance")
        self.host = urlsplit(address).netloc
        session = requests.Session()
        session.hooks["response"].append(self._keep)
        self._answer: requests.Response | None = None
        self._client = Mastodon(
            api_base_url=address,
            access_token=token,
            ratelimit_method="throw",
            request_timeout=TIMEOUT,
            mastodon_version=VERSION,
            session=session,
        )
        self._wait, self._backoff = wait, backoff

    @classmethod
    def from_environment(cls, instance: str, wait: Wait = sleep) -> "MastodonApi":
        """Use the token of MASTODON_ACCESS_TOKEN, where there is one."""
        token = os.environ.get(TOKEN, "").strip() or None
        if token and (not token.isascii() or re.search(r"\s", token)):
            raise EnvironmentFailure(f"{TOKEN} is no token: it holds spaces or characters that none has; copy it again")
        return cls(instance, token, wait=wait)

    def ask(self, method: str, *args: Any, **params: Any) -> Page:
        """Get what `Mastodon.<method>` gives. Raises CcdError where the server refuses or does not answer."""
        return patiently(
            lambda number: self._ask(method, args, params, number), wait=self._wait, backoff=self._backoff, kept=KEPT
        )

    def _keep(self, answer: requests.Response, **_options: Any) -> None:
        self._answer = answer  # as it came: the library gives objects of its own
        parts, size = [], 0
        for part in answer.iter_content(1 << 16):
            parts.append(part)
            if (size := size + len(part)) > MOST_BYTES:
                raise ServerError(f"{self.host} sends more than {MOST_BYTES:,} bytes for one page; check --instance")
        answer._content = b"".join(parts)  # the library reads it from here

    def _ask(self, method: str, args: Any, params: Mapping[str, Any], number: int) -> Page:
        import mastodon

        self._answer = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it guesses that a timeline is closed; the answer will say
                getattr(self._client, method)(*args, **params)
        except mastodon.MastodonRatelimitError:
            raise limited(self.host, self._until_reset(), self._backoff, number) from None
        except mastodon.MastodonNetworkError as error:
            raise Later(f"{self.host}'s answer did not arrive ({type(error.__context__ or error).__name__})") from None
        except mastodon.MastodonServerError:
            raise Later(
                f"{self.host} fails ({self._answer.status_code if self._answer is not None else 500})"
            ) from None
        except mastodon.MastodonAPIError:
            raise self._refused() from None
        found = None if self._answer is None else _json(self._answer)
        if isinstance(found, list):
            return {"statuses": found}
        raise ServerError(f"{self.host} answers something else than a Mastodon server does; check --instance")

    def _until_reset(self) -> float | None:
        """Return the seconds until the rate limit ends, by the server's own clock."""
        headers: Mapping[str, str] = {} if self._answer is None else self._answer.headers
        reset = utc(headers.get("X-RateLimit-Reset"))
        if reset is None:
            return None
        return datetime.datetime.fromisoformat(reset).timestamp() - time.time() + 1

    def _refused(self) -> CcdError:
        if self._answer is None or self._answer.ok:
            return ServerError(f"{self.host} answers something else than a Mastodon server does; check --instance")
        status = self._answer.status_code
        body = _json(self._answer)
        said = (body.get("error") if isinstance(body, dict) else None) or self._answer.reason or "no reason given"
        remedy = "check --instance and the hashtag"
        if status in (401, 403, 422):
            remedy = (
                f"strangers may not read there: set {TOKEN}, a token with read:statuses of an account on that server"
            )
            if self._client.access_token:
                remedy = f"check {TOKEN}: it must come from this server and have read:statuses"
        return ServerError(f"{self.host} refuses ({status}: {' '.join(str(said).split())}); {remedy}")


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


class Timeline:
    """Public posts with media that a server knows, newest first, as a feed: of a hashtag, or all of them."""

    network, prefix = "mastodon", "masto"
    most = 40

    def __init__(self, api: MastodonApi, hashtag: str | None = None) -> None:
        self._api = api
        self._tag = None if hashtag is None else hashtag.strip().removeprefix("#").lower()
        if self._tag is not None and not re.fullmatch(r"[\w·]+", self._tag):
            raise InputError(f"{hashtag!r} is no hashtag; give one word of letters, digits and _")
        self.name = f"public at {api.host}" if self._tag is None else f"tag {self._tag} at {api.host}"

    def ask(self, cursor: str | None, since: str | None, size: int) -> Page:
        params = {"only_media": True, "limit": size, "max_id": cursor, "since_id": since}
        if self._tag is None:
            return self._api.ask("timeline_public", **params)
        return self._api.ask("timeline_hashtag", self._tag, **params)

    def posts(self, page: Page) -> list[Any]:
        return list(page["statuses"])

    def next(self, page: Page) -> str | None:
        return str(self.posts(page)[-1]["id"])  # until a page is empty: a page may be short in mid-walk

    def newest(self, page: Page) -> str:
        return next((str(post["id"]) for post in self.posts(page)), "")

    def nameless(self, page: Page, key: Key) -> Page:
        return page | {"statuses": [nameless(post, self._api.host, key) for post in self.posts(page)]}

    def read(self, post: Any, place: str) -> Iterator[Record | Drop]:
        yield from read_post(post, self._api.host, place)


def read_post(status: Json, host: str, place: str) -> Iterator[Record | Drop]:
    """Yield the record of a Status as `host` gives it, and drops for what is no photo; a boost is its original."""
    status = status.get("reblog") or status
    name = f"masto:{host}/{status['id']}"
    media = status.get("media_attachments") or ()
    photos = []
    for index, medium in enumerate(media):
        url = medium.get("url") or medium.get("remote_url")
        if medium["type"] in ("video", "gifv"):
            yield Drop(f"{name}:{index}", Reason.MOVING, url or place)
        elif medium["type"] != "image" or not url:
            yield Drop(f"{name}:{index}", Reason.NO_PHOTO, f"{medium['type']}, {place}")
        else:
            photos.append(Photo(index, url, medium.get("description") or None))
    if photos:
        sensitive = status.get("sensitive")
        yield Record(
            name,
            "\n\n".join(part for part in (status.get("spoiler_text"), plain(status["content"])) if part),
            utc(status.get("created_at")),
            status.get("language"),
            tuple(photos),
            place,
            author=_author(status, host),
            sensitive=sensitive if isinstance(sensitive, bool) else None,
        )
    elif not media:
        yield Drop(name, Reason.NO_PHOTO, place)


def _author(status: Json, host: str) -> str:
    account = status.get("account") or {}
    return str(account.get("url") or f"{host}/{account.get('id')}")  # ids differ from server to server


# with names in them: the post's own addresses, who is mentioned and answered, whose link and what post it shows
_PERSONAL = {"uri", "url", "mentions", "in_reply_to_account_id", "card", "quote"}


def nameless(status: Any, host: str, key: Key) -> Any:
    """Return a Status without what names people beside its text: of its account only the keyed hash is left."""
    if not isinstance(status, dict):
        return status
    left = {name: value for name, value in status.items() if name not in _PERSONAL}
    if isinstance(left.get("account") or {}, dict):
        left["account"] = {"url": key(_author(status, host))}
    if left.get("reblog"):
        left["reblog"] = nameless(left["reblog"], host, key)
    return left


def plain(content: str) -> str:
    """Return the text of a post's HTML: paragraphs and breaks as line ends, shortened links as complete addresses.

    >>> plain('<p>See <a href="https://a.org/b">a.org/</a><br>and</p><p><a href="/t">#<span>x</span></a></p>')
    'See https://a.org/b\\nand\\n\\n#x'
    """
    parser = _Plain()
    parser.feed(content)
    parser.close()
    return "".join(parser.parts).strip("\n")


class _Plain(HTMLParser):
    """Collects text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._link: tuple[str, int] | None = None  # address, and where its text begins

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag == "a":
            self._link = (dict(attrs).get("href") or "", len(self.parts))
        elif tag == "li":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("p", "ul", "ol", "blockquote", "pre"):
            self.parts.append("\n\n")
        elif tag == "a" and self._link:
            (address, start), self._link = self._link, None
            self.parts[start:] = [whole_link("".join(self.parts[start:]), address)]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
