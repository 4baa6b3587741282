"""Posts from the X API v2 (tweepy): search, ids, timelines. Each page is kept before it is read: none is bought twice.

Source: https://docs.x.com/x-api (read 2026-08). tweepy's Paginator drops `includes`, where the photos are: hence
a page walk of our own.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables.cursors import cursor_of, put_cursor
from ccd.campaign.tables.events import now
from ccd.errors import InputError, damaged
from collection import archive, reading
from collection.authors import Key, keyed
from collection.files import lines
from collection.ids import post_id
from collection.pages import NOTE, Page, Pages
from collection.reading import Limits, Opened, Reading
from collection.records import BadId, Drop, Record
from collection.x_api import XApi

# no user objects: they cost twice a post
FIELDS: Mapping[str, Any] = {
    "media_fields": ["media_key", "type", "url", "preview_image_url", "alt_text", "width", "height"],
    "tweet_fields": (
        "id,text,author_id,created_at,lang,possibly_sensitive,attachments,entities,note_tweet,referenced_tweets,"
        "conversation_id,edit_history_tweet_ids,public_metrics,withheld"
    ),
}
MEDIA = ["attachments.media_keys"]
ORIGINALS = [*MEDIA, "referenced_tweets.id", "referenced_tweets.id.attachments.media_keys"]
MOST_A_POST = 3  # posts that one id can bring: itself, what it answers and what it quotes
BY_IDS = "ids"  # all look-ups by id share their pages, so that no id is bought for two lists

# --- queries --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Query:
    """A request that comes in pages. `name` names its pages and its source for ever."""

    name: str
    method: str  # of tweepy.Client
    params: Mapping[str, Any]
    token: str  # how the request calls meta.next_token
    least: int  # posts a page
    most: int


def search(query: str, *, full_archive: bool = False) -> Query:
    """Return the query for posts with photos that match; what it lacks of `has:images -is:retweet` is added to it.

    The last seven days, or with `full_archive` everything since 2006, newest first.

    >>> search("cats OR dogs").params["query"]
    '(cats OR dogs) has:images -is:retweet'
    """
    words = query.split()
    if not words:
        raise InputError("the query is empty; say what to search for")
    text = " ".join(words)
    missing = [word for word in ("has:images", "-is:retweet") if word not in words]
    if missing:
        text = f"({text})" if "OR" in words else text
        text = " ".join([text, *missing])
    params = {"query": text, "expansions": MEDIA, **FIELDS}
    if full_archive:  # without a start X looks back 30 days only
        params["start_time"] = "2006-03-21T00:00:00Z"
        return Query(f"search-all {text}", "search_all_tweets", params, "next_token", 10, 500)
    return Query(f"search {text}", "search_recent_tweets", params, "next_token", 10, 100)


def user(campaign: Campaign, api: XApi, name: str) -> Query:
    """Return the query for a user's newest 3,200 posts, no retweets. A name is asked once ($0.010) and remembered."""
    name = name.removeprefix("@")
    if not re.fullmatch(r"[A-Za-z0-9_]{1,15}", name):
        raise InputError(f"{name!r} is no user name of X; give letters, digits and _ only")
    key = f"x user-id {name.lower()}"
    with campaign.read() as db:
        number = cursor_of(db, key)
    if number is None:
        number = (api.ask("get_user", username=name).get("data") or {}).get("id")
        if number is None:
            raise InputError(f"X knows no user {name}; check the name")
        with campaign.write() as db:
            put_cursor(db, key, cursor=number, pages=0, posts=0, done=1)
    params = {"id": number, "exclude": ["retweets"], "expansions": MEDIA, **FIELDS}
    return Query(f"user {name.lower()}", "get_users_tweets", params, "pagination_token", 5, 100)


def read_ids(file: Path) -> list[str]:
    """Read the ids of a file, one a line, each once. Raises CcdError where one is none or was in a spreadsheet."""
    found: dict[str, None] = {}
    wrong = []
    for number, line in lines(file):
        text = line.decode("utf-8", "replace").strip().strip('"')
        if not text:
            continue
        try:
            name = post_id(text)
        except BadId:
            name = ""
        if name.startswith("x:"):
            found[name.removeprefix("x:")] = None
        else:
            wrong.append(f"line {number}: {text[:40]}")
    if wrong:
        more = f" and {len(wrong) - 3:,} more" if len(wrong) > 3 else ""
        raise InputError(
            f"{file}: not ids of posts: {', '.join(wrong[:3])}{more}; one id a line, all digits (6.92E+17 lost some)"
        )
    if not found:
        raise InputError(f"{file}: no ids; write one a line")
    return list(found)


# --- the walk -------------------------------------------------------------------------------------------------------


@dataclass
class XRun(reading.ReadingRun):
    """What a run did; its pages and posts were bought."""

    statuses: dict[str, str] = field(default_factory=dict)  # id -> ok | not found | forbidden | error | not asked
    start: Callable[[int, int], None] = lambda left, bought: (
        None
    )  # told how many posts may be bought, and how many were


def walk(campaign: Campaign, api: XApi, query: Query, limits: Limits, run: XRun | None = None) -> XRun:
    """Collect a query's posts page by page, from where the last run ended; a finished one asks for newer posts only.

    Raises CcdError where X refuses or does not answer; what was bought is kept.
    """
    run = run or XRun()
    reader, key = _read(campaign, query.name, limits, run), keyed(campaign.folder, "x")
    while not run.stopped and reader.catch_up():
        pass
    run.start(max(0, limits.posts - reader.posts), reader.posts)
    while not run.stopped:
        last = reader.last
        note = last.get(NOTE) or {}
        token = _next(last)
        since = note.get("since_id") if token else note.get("newest_id")
        room = limits.posts - reader.posts
        if room < query.least:
            run.stopped = f"--max-posts {limits.posts:,}: {reader.posts:,} posts were bought for this query"
            break
        params = dict(query.params) | {"max_results": min(query.most, room), query.token: token}
        if since:
            params["since_id"] = since
            params.pop("start_time", None)
        page = _page_of(api, query, params, key)
        if not token and since and not page.get("data"):
            break  # nothing newer: no page, nothing paid
        ids = [int(post["id"]) for post in _data(page)] + [int(note.get("newest_id") or 0)]
        page[NOTE] = {"query": query.name, "at": now(), "since_id": since, "newest_id": str(max(ids))}
        if token is not None and _next(page) == token:
            page[NOTE]["end"] = "the next token was the same again"
        run.pages += 1
        run.posts += posts_in(page)
        reader.pages.append(page)
        reader.catch_up()
        if _next(page) is None:
            break
    return run


def _page_of(api: XApi, query: Query, params: Mapping[str, Any], key: Key) -> Page:
    """Return a page of the answer. Raises CcdError where it has not the shape of one."""
    with damaged("X's answer", "what was read before is kept; run again later"):
        page = nameless(api.ask(query.method, **params), key)
        for post in _data(page):
            int(post["id"])
        posts_in(page)
        (_next(page) or "").encode()
    return page


def hydrate(campaign: Campaign, api: XApi, ids: Iterable[str], limits: Limits, run: XRun | None = None) -> XRun:
    """Look posts up by their ids, 100 a call; ids that X settled before are not asked again.

    A retweet stands for the post it repeats, which comes with it. `run.statuses` has every id.
    """
    run = run or XRun()
    run.statuses = dict.fromkeys(ids, "not asked")
    reader, key = _read(campaign, BY_IDS, limits, run), keyed(campaign.folder, "x")
    bought = 0
    for number in range(1, len(reader.pages) + 1):
        page = reader.pages.read(number)
        statuses = {i: s for i, s in statuses_in(page).items() if i in run.statuses}
        run.statuses |= statuses
        bought += posts_in(page) if statuses else 0
    while not run.stopped and reader.catch_up():
        pass
    run.start(max(0, limits.posts - bought), bought)
    asked = [i for i, status in run.statuses.items() if status in ("not asked", "error")]
    while asked and not run.stopped:
        size = min(100, (limits.posts - bought) // MOST_A_POST)
        if size < 1:
            run.stopped = f"--max-posts {limits.posts:,}: {bought:,} posts were bought for these ids"
            break
        chunk, asked = asked[:size], asked[size:]
        page = nameless(api.ask("get_tweets", ids=chunk, expansions=ORIGINALS, **FIELDS), key)
        page[NOTE] = {"query": BY_IDS, "at": now(), "asked": chunk}
        run.pages += 1
        run.posts += posts_in(page)
        bought += posts_in(page)
        reader.pages.append(page)
        run.statuses |= statuses_in(page)
        reader.catch_up()
    return run


# --- what a page says ------------------------------------------------------------------------------------------------

_IDS = {"author_id", "in_reply_to_user_id"}
_PEOPLE = {"users", "mentions", "author", "in_reply_to_user"}  # twarc's flattened pages have the last two
_ADDRESSES = {"expanded_url", "unwound_url", "display_url"}
_HANDLE = re.compile(r"\b((?:twitter|x)\.com)/\w+/(?=status|s\w*…)")  # in every photo's address, too


def nameless(page: Page, key: Key) -> Page:
    """Return the page without what names people beside the texts: users' ids as keyed hashes, nothing else of them.

    Read again, it gives the same records, and the same author keys. An address of a post loses its author's name and
    still leads there.
    """
    left: Page = _nameless(page, key)
    if isinstance(errors := left.get("errors"), list):
        left["errors"] = [error for error in errors if error.get("resource_type") != "user"]
    return left


def _nameless(value: Any, key: Key) -> Any:
    if isinstance(value, list):
        return [_nameless(each, key) for each in value]
    if not isinstance(value, dict):
        return value
    left = {}
    for name, each in value.items():
        if name in _IDS:
            left[name] = each and key(each)
        elif name in _ADDRESSES and isinstance(each, str):
            left[name] = _HANDLE.sub(r"\1/i/", each)
        elif name not in _PEOPLE:
            left[name] = _nameless(each, key)
    return left


def posts_in(page: Page) -> int:
    """Count the posts that a page brought. Whether X bills included ones is not documented, so they count."""
    includes = page.get("includes") or {}
    return len(_data(page)) + sum(len(includes.get(name) or ()) for name in ("tweets", "posts"))


def statuses_in(page: Page) -> dict[str, str]:
    """Return what a page says of each id that was asked for: ok, not found, forbidden or error."""
    note = page.get(NOTE) or {}
    found = dict.fromkeys(note.get("asked", ()), "error")
    for error in page.get("errors") or ():
        name = str(error.get("resource_id") or error.get("value"))
        kind = str(error.get("type"))
        if name in found and kind.endswith("resource-not-found"):
            found[name] = "not found"
        elif name in found and "not-authorized" in kind:
            found[name] = "forbidden"
    found |= {name: "not found" for name in note.get("gone", ()) if name in found}  # removed by `ccd compliance`
    return found | {post["id"]: "ok" for post in _data(page) if post["id"] in found}


def _read(campaign: Campaign, query: str, limits: Limits, run: XRun) -> Reading:
    """Return the reader of a query's pages, which are what `ccd collect archive` reads too."""
    pages = Pages(campaign.folder, "x", query)

    def open_page(page: Page, number: int) -> Opened:
        records = _page_records(pages.path(number), number) if _data(page) else ()
        return Opened(records, posts_in(page), _next(page))

    return Reading(campaign, pages, f"x {query}", limits, run, open_page)


def _page_records(path: Path, number: int) -> Iterator[Record | Drop]:
    """Yield what a page holds, with places that say which page."""
    for entry in archive.read(path):
        if isinstance(entry, Drop):
            yield dataclasses.replace(entry, item=_place(entry.item, number), detail=_place(entry.detail, number))
        else:
            yield dataclasses.replace(entry, place=_place(entry.place, number))


def _place(text: str, number: int) -> str:
    return re.sub(r"^line 1\b", f"page {number}", text)


def _next(page: Page) -> str | None:
    """Return the token of the page that follows; None where this is the last."""
    if (page.get(NOTE) or {}).get("end"):
        return None
    token = (page.get("meta") or {}).get("next_token")
    return token if isinstance(token, str) else None


def _data(page: Page) -> list[dict[str, Any]]:
    data = page.get("data")
    return data if isinstance(data, list) else []
