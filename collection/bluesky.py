"""Posts from Bluesky's search (atproto): app.bsky.feed.searchPosts, which asks for a login since 2025.

Source: https://docs.bsky.app/docs/api/app-bsky-feed-search-posts, and the lexicons app.bsky.embed.*.
"""

import datetime
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ccd.errors import EnvironmentFailure, InputError, ServerError
from ccd.retries import Later, Wait, limited, patiently, sleep
from ccd.times import utc
from collection.authors import Key
from collection.feed import KEPT, server, whole_link
from collection.pages import Page
from collection.records import Drop, Photo, Reason, Record

HANDLE = "BLUESKY_HANDLE"
PASSWORD = "BLUESKY_APP_PASSWORD"
SERVICE = "BLUESKY_SERVICE"  # the account's own server, where it is not Bluesky's
TIMEOUT = 30.0  # seconds
METHOD = "app.bsky.feed.searchPosts"
SENSITIVE = {"porn", "sexual", "nudity", "graphic-media", "gore"}  # labels, by the author or by Bluesky

Json = Mapping[str, Any]


class BlueskyApi:
    """Bluesky, asked politely: waits where it says so, and one clear error where it refuses."""

    def __init__(
        self,
        handle: str,
        password: str,
        *,
        service: str = "https://bsky.social",
        wait: Wait = sleep,
        backoff: float = 1.0,
    ) -> None:
        try:
            from atproto import Client, Request
        except ImportError:
            raise EnvironmentFailure("Bluesky needs the library atproto; pip install 'ccd-toolkit[social]'") from None
        self._client = Client(service, request=Request(timeout=TIMEOUT))
        self._login = (handle.removeprefix("@"), password)
        self._logged_in = False
        self._wait, self._backoff = wait, backoff

    @classmethod
    def from_environment(cls, wait: Wait = sleep) -> "BlueskyApi":
        """Use the account of BLUESKY_HANDLE and BLUESKY_APP_PASSWORD. Raises CcdError where they are absent."""
        handle, password = (os.environ.get(name, "").strip() for name in (HANDLE, PASSWORD))
        if not handle or not password:
            raise EnvironmentFailure(
                f"no login for Bluesky; set {HANDLE} and {PASSWORD} in the environment (Settings, App passwords)"
            )
        return cls(handle, password, service=server(os.environ.get(SERVICE) or "bsky.social", SERVICE), wait=wait)

    def search(self, **params: Any) -> Page:
        """Return the complete answer to one search. Raises CcdError where Bluesky refuses or does not answer."""
        return patiently(lambda number: self._ask(params, number), wait=self._wait, backoff=self._backoff, kept=KEPT)

    def _ask(self, params: Mapping[str, Any], number: int) -> Page:
        import httpx
        from atproto import exceptions, models

        try:
            if not self._logged_in:
                self._client.login(*self._login, fetch_bsky_profile=False)
                self._logged_in = True
            # not `client.app.bsky.feed.search_posts`: its models lose what they do not know, or refuse the whole page
            answer = self._client.invoke_query(METHOD, params=models.AppBskyFeedSearchPosts.Params(**params)).content
        except exceptions.RateLimitExceededError as error:
            until = error.reset_at.timestamp() - time.time() + 1 if error.reset_at else error.retry_after
            raise limited("Bluesky", until, self._backoff, number) from None
        except exceptions.RequestErrorBase as error:
            raise self._refused(error) from None
        except (httpx.HTTPError, ValueError) as error:  # cut, or not JSON
            raise Later(f"Bluesky's answer did not arrive ({type(error).__name__})") from None
        except exceptions.AtProtocolError as error:  # a token that is none, from something that is no Bluesky
            raise ServerError(f"Bluesky's login failed ({type(error).__name__}); check {SERVICE}") from None
        if isinstance(answer, dict) and isinstance(answer.get("posts"), list):
            return answer
        raise ServerError(
            "Bluesky answers something else than its API does; see that no proxy stands between, run again"
        )

    def _refused(self, error: Any) -> Exception:
        """Return Later where the fault may pass by itself; else what Bluesky said, with a remedy."""
        if error.response is None:
            return Later(f"Bluesky's answer did not arrive ({type(error).__name__})")
        status = error.response.status_code
        if status >= 500:
            return Later(f"Bluesky fails ({status})")
        content = error.response.content
        said = getattr(content, "message", None) or getattr(content, "error", None) or "no reason given"
        remedy = "mend the query" if self._logged_in else f"check {HANDLE}, and {SERVICE} where it is set"
        if status in (401, 403):
            remedy = f"check {HANDLE} and {PASSWORD} (an app password, not the account's own)"
        return ServerError(f"Bluesky refuses ({status}: {' '.join(str(said).split())}); {remedy}")


class Search:
    """Posts that match a query in Bluesky's syntax, newest first, as a feed."""

    network, prefix = "bluesky", "bsky"
    most = 100

    def __init__(self, api: BlueskyApi, query: str) -> None:
        self._query = " ".join(query.split())
        if not self._query:
            raise InputError("the query is empty; say what to search for")
        self.name = f"search {self._query}"
        self._api = api

    def ask(self, cursor: str | None, since: str | None, size: int) -> Page:
        params = {"q": self._query, "sort": "latest", "limit": size, "cursor": cursor, "since": since}
        return self._api.search(**{name: value for name, value in params.items() if value is not None})

    def posts(self, page: Page) -> list[Any]:
        return list(page["posts"])

    def next(self, page: Page) -> str | None:
        cursor = page.get("cursor")
        return cursor if isinstance(cursor, str) else None

    def newest(self, page: Page) -> str:
        """Return the newest sortAt: a post's own time, or when it was indexed where it claims to be from the future."""
        return max((_sort_at(post) for post in self.posts(page)), default="")

    def nameless(self, page: Page, key: Key) -> Page:
        return page | {"posts": [nameless(post, key) for post in self.posts(page)]}

    def read(self, post: Any, place: str) -> Iterator[Record | Drop]:
        yield from read_post(post, place)


def read_post(post: Json, place: str) -> Iterator[Record | Drop]:
    """Yield the record of a PostView, and a drop for what is no photo."""
    said: Json = post["record"]
    author = post["author"]["did"]
    repository, _, path = post["uri"].removeprefix("at://").partition("/")  # the author's DID, app.bsky.feed.post/<key>
    name = f"bsky:{repository}/{path.rpartition('/')[2]}"
    photos = []
    media = list(_media(post.get("embed") or {}))
    for index, (url, alt) in enumerate(media):
        if url is None:
            yield Drop(f"{name}:{index}", Reason.MOVING, place)
        else:
            photos.append(Photo(index, url, alt or None))
    if photos:
        langs = said.get("langs") or [None]
        text = _with_links(said["text"], said.get("facets") or ())
        when = utc(said.get("createdAt")) or utc(post.get("indexedAt"))
        yield Record(name, text, when, langs[0], tuple(photos), place, author=author, sensitive=_sensitive(post))
    elif not media:
        yield Drop(name, Reason.NO_PHOTO, place)


_PERSONAL = {"viewer", "handle", "displayName", "avatar", "src", "threadgate"}
_DID = re.compile(r"did:[a-z]+:[\w.:%-]+")


def nameless(post: Any, key: Key) -> Any:
    """Return a PostView without what names people beside its text, and without what it quotes.

    Its author's DID stays in its own address and its photos', for they are the post's id and where its photos are.
    """
    if not isinstance(post, dict):
        return post
    left = {name: value for name, value in _nameless(post, key).items() if name != "uri"}
    if isinstance(left.get("embed"), dict):
        left["embed"].pop("record", None)
    if isinstance(labels := left.get("labels"), list):
        left["labels"] = [{name: label[name] for name in ("val", "neg") if name in label} for label in labels]
    return {"uri": post.get("uri")} | left


def _nameless(value: Any, key: Key) -> Any:
    if isinstance(value, list):
        return [_nameless(each, key) for each in value]
    if not isinstance(value, dict):
        return value
    left: dict[str, Any] = {}
    for name, each in value.items():
        if name in ("author", "creator"):
            left[name] = {"did": key(each["did"])} if isinstance(each, dict) and "did" in each else None
        elif name == "did":
            left[name] = key(each)
        elif name == "uri" and str(each).startswith("at://"):
            left[name] = _DID.sub(lambda match: key(match[0]), each)
        elif name not in _PERSONAL:
            left[name] = _nameless(each, key)
    return left


def _media(embed: Json) -> Iterator[tuple[str | None, str | None]]:
    """Return the address and alt text of each medium a post owns; a video has no address. Quoted posts keep theirs."""
    kind = str(embed.get("$type")).removesuffix("#view")
    if kind == "app.bsky.embed.recordWithMedia":
        yield from _media(embed["media"])
    elif kind == "app.bsky.embed.video":
        yield None, embed.get("alt")
    elif kind in ("app.bsky.embed.images", "app.bsky.embed.gallery"):
        for item in embed.get("images") or embed.get("items") or ():
            yield item.get("fullsize"), item.get("alt")


def _with_links(text: str, facets: Any) -> str:
    """Return the text with the whole address where a post shows the beginning of it: facets count bytes of UTF-8.

    >>> link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.org/long"}
    >>> _with_links("é example.org/l...", [{"index": {"byteStart": 3, "byteEnd": 19}, "features": [link]}])
    'é https://example.org/long'
    """
    raw = text.encode("utf-8", "surrogatepass")
    for facet in sorted(facets, key=lambda each: -each["index"]["byteStart"]):
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        shown = raw[start:end].decode("utf-8", "replace")
        address = next((each["uri"] for each in facet.get("features") or () if "uri" in each), None)
        if address and (whole := whole_link(shown, address)) != shown:
            raw = raw[:start] + whole.encode("utf-8", "surrogatepass") + raw[end:]
    return raw.decode("utf-8", "replace")


def _sensitive(post: Json) -> bool | None:
    labels = post.get("labels")
    if not isinstance(labels, list):
        return None
    own = (post["record"].get("labels") or {}).get("values") or []
    return any(label.get("val") in SENSITIVE and not label.get("neg") for label in [*labels, *own])


def _sort_at(post: Json) -> str:
    times = (utc((post.get("record") or {}).get("createdAt")), utc(post.get("indexedAt")))
    known = [datetime.datetime.fromisoformat(when) for when in times if when]
    return min(known).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" if known else ""
