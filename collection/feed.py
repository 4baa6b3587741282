"""A query of a network that comes in pages: each is kept before it is read, and the walk goes on where it stood."""

from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables.events import now
from ccd.errors import InputError, damaged
from collection.authors import Key, keyed
from collection.fetch import is_loopback
from collection.pages import NOTE, Page, Pages
from collection.reading import Limits, Opened, Reading, ReadingRun
from collection.records import Drop, Reason, Record

KEPT = "what was read is kept"  # whatever ends a walk


class Feed(Protocol):
    """Posts that match something, newest first. Network and name name its pages and its source for ever."""

    network: str
    prefix: str  # of its post ids
    name: str
    most: int  # posts a page

    def ask(self, cursor: str | None, since: str | None, size: int) -> Page:
        """Get the page at a cursor (None: the first), of posts since a mark. Raises CcdError where there is none."""

    def posts(self, page: Page) -> list[Any]:
        """Return the posts of a page."""

    def next(self, page: Page) -> str | None:
        """Return the cursor of the page that follows."""

    def newest(self, page: Page) -> str:
        """Return the mark from which posts are newer than those of this first page."""

    def nameless(self, page: Page, key: Key) -> Page:
        """Return the page without what names people beside the texts; it gives the same records and author keys."""

    def read(self, post: Any, place: str) -> Iterator[Record | Drop]:
        """Return what a post holds. Raises AttributeError, KeyError, TypeError where it has not the shape of one."""


def walk(campaign: Campaign, feed: Feed, limits: Limits, run: ReadingRun | None = None) -> ReadingRun:
    """Collect a feed page by page, from where the last run ended; a finished one is asked for newer posts only.

    Raises CcdError where the network refuses or does not answer; what was read is kept.
    """
    run = run or ReadingRun()
    pages = Pages(campaign.folder, feed.network, feed.name)
    source, key = f"{feed.network} {feed.name}", keyed(campaign.folder, feed.prefix)
    reading = Reading(campaign, pages, source, limits, run, lambda page, number: _open(feed, page, number))
    while not run.stopped:
        if reading.catch_up():
            continue
        note = reading.last.get(NOTE) or {}
        cursor = note.get("next")
        since = note.get("since") if cursor else note.get("newest")
        room = limits.posts - reading.posts
        if room < 1:
            run.stopped = f"--max-posts {limits.posts:,}: {reading.posts:,} posts were read for this query"
            break
        with damaged(
            f"the answer of {feed.network}", "what was read before is kept; try another time, or another server"
        ):
            page = feed.nameless(feed.ask(cursor, since, min(feed.most, room)), key)
            posts = feed.posts(page)
            newest = note["newest"] if cursor else feed.newest(page)
            follows = feed.next(page) if posts else None
            _storable([newest, follows])
        if not cursor and (not posts or newest == since):
            break  # nothing newer: no page
        page[NOTE] = {"query": feed.name, "at": now(), "since": since, "newest": newest}
        page[NOTE]["next"] = None if follows == cursor else follows  # some servers never end
        run.pages += 1
        run.posts += len(posts)
        reading.pages.append(page)
        reading.catch_up()
        if page[NOTE]["next"] is None:
            break
    return run


def _open(feed: Feed, page: Page, number: int) -> Opened:
    posts = feed.posts(page)
    return Opened(_records(feed, posts, number), len(posts), page[NOTE]["next"])


def _records(feed: Feed, posts: list[Any], page: int) -> Iterator[Record | Drop]:
    for number, post in enumerate(posts, 1):
        place = f"page {page}, post {number}"
        try:
            yield from [_checked(entry) for entry in feed.read(post, place)]
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            yield Drop(place, Reason.MALFORMED, f"not the shape of a post ({error})")


def _checked(entry: Record | Drop) -> Record | Drop:
    """Return the entry, where its parts are of their types. Raises TypeError."""
    if isinstance(entry, Record):
        optional = (entry.created_at, entry.lang, entry.author, *(photo.alt_text for photo in entry.photos))
        sure = (entry.post_id, entry.text, *(photo.source for photo in entry.photos))
        if not all(isinstance(value, str) for value in sure + tuple(v for v in optional if v is not None)):
            raise TypeError("a part that is no text")
    return entry


def _storable(marks: list[object]) -> None:
    """Raise where a mark of how far a walk got is not text, or no database holds it."""
    for mark in marks:
        if mark is not None:
            str.encode(mark)  # type: ignore[arg-type]


def whole_link(shown: str, address: str) -> str:
    """Return the address where a post shows the beginning of it; other words that lead somewhere stay as they are.

    >>> whole_link("a.org/lo…", "https://a.org/long"), whole_link("@ann", "https://a.org/@ann")
    ('https://a.org/long', '@ann')
    """
    beginning = shown.rstrip("….")
    scheme, _, rest = address.partition("://")
    begins = beginning and (rest.startswith(beginning) or address.startswith(beginning))
    return address if begins and scheme in ("http", "https") else shown


# --- addresses --------------------------------------------------------------------------------------------------------


def server(address: str, named: str) -> str:
    """Return a server's address, https where it says nothing. Raises CcdError where secrets would travel in clear.

    >>> server("mastodon.social/", "--instance"), server("http://127.0.0.1:80", "--instance")
    ('https://mastodon.social', 'http://127.0.0.1:80')
    """
    text = address.strip() if "://" in address else f"https://{address.strip()}"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        whole = parts.port is None or parts.port > 0
    except ValueError:
        host, whole = "", False
    if (
        not whole
        or not host
        or parts.scheme not in ("http", "https")
        or parts.path not in ("", "/")
        or parts.query
        or parts.username
    ):
        raise InputError(f"{named}: {address!r} is no server; give its name, such as mastodon.social")
    if parts.scheme == "http" and not is_loopback(text):
        raise InputError(f"{named}: {address} would send secrets in clear; use https")
    return f"{parts.scheme}://{parts.netloc.lower()}"
