"""Posts from archives of the X API: v2 pages as twarc writes them or flattened, and v1.1 statuses; gzip or not.

A retweet stands for the post it repeats: that post owns the photo and its text. A quote is its own post with its own
photos. X renames "tweet" to "post" in v2; both spellings are read.
"""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccd.errors import InputError
from ccd.times import utc
from collection.exports import as_v1
from collection.files import MOST_DOCUMENT, find_photo, lines
from collection.ids import post_id
from collection.records import BadId, Drop, Photo, Reason, Record

Json = Mapping[str, Any]
_JSON = json.JSONDecoder()
_ASSIGNED = re.compile(rb"^\s*window\.YTD\.[\w.]+\s*=\s*")  # tweets.js of a user's own archive is a script
_TRAILING_COMMA = re.compile(rb",(\s*[\]}])")
_EDITED = re.compile(rb'"(?:edit_history_tweet_ids|editTweetIds)"\s*:\s*\[(?:[^\]]*,|\s*$)')  # two versions or more
_PHOTO_KEY = "3_"  # a v2 media key starts with its kind: 3 photo, 7 video, 13 promoted video, 16 GIF
_V1 = {"id_str", "user", "full_text", "extended_entities", "truncated"}  # what only statuses of v1.1 have
_PATIENCE = 100  # lines without a post after which a file is taken for something else


@dataclass(frozen=True)
class _Includes:
    """What a v2 page holds beside its posts, by id and by media key."""

    posts: Mapping[str, Json] = field(default_factory=dict)
    media: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class _Post:
    """One post in either version's form, made alike."""

    id: object
    text: str
    created_at: object
    lang: object
    media: tuple[tuple[str | None, str | None, bool, str | None], ...]  # media key, URL, is a photo, alt text
    links: tuple[str, ...]
    author: object
    sensitive: object
    short: bool = False  # the API cut the text


def read(file: Path, images: Path | None = None) -> Iterator[Record | Drop]:
    """Yield the records of an archive, in order; photos are looked for in `images` (default: the archive's folder).

    Raises CcdError for a file that holds no posts: users, counts, another kind of file, an empty one.

    >>> for entry in read(Path("pages.jsonl.gz"), Path("media")): ...  # doctest: +SKIP
    """
    beside = file.parent / "tweets_media"  # of a user's own archive
    folder = images or (beside if file.suffix == ".js" and beside.is_dir() else file.parent)
    held: list[Drop] | None = []  # drops before the first post: nothing is said of a file that turns out to be another
    for entry in _entries(file, folder):
        if held is None:
            if entry is not None:
                yield entry
        elif isinstance(entry, Drop) and entry.reason in (Reason.MALFORMED, Reason.NOT_UTF8, Reason.NOT_A_POST):
            held.append(entry)
            if len(held) >= _PATIENCE:
                break
        else:
            yield from held
            held = None
            if entry is not None:
                yield entry
    if held is not None:
        raise InputError(f"{file}: no posts found; give pages or posts of the X API as JSON, one a line")


def _entries(file: Path, folder: Path) -> Iterator[Record | Drop | None]:
    """Yield records and drops; None for a page that is there and empty."""
    replaced = _replaced(file)
    for place, document in _documents(file):
        if isinstance(document, Drop):
            yield document
            continue
        try:
            found = list(_posts(f"{file} {place}", document))
        except RecursionError:
            yield Drop(place or "line 1", Reason.MALFORMED, "lists in lists without end")
            continue
        if not found:
            yield None
        for number, (post, includes) in enumerate(found, 1):
            where = f"{place}, post {number}".removeprefix(", ") if len(found) > 1 else place or "post 1"
            if _id(post) in replaced:
                yield Drop(where, Reason.EDITED, f"{_id(post)} was edited")
                continue
            try:
                yield from _read_post(post, includes, where, folder)
            except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
                yield Drop(where, Reason.MALFORMED, f"not the shape of a post ({error})")


def _replaced(file: Path) -> set[str]:
    """Return the ids of versions of edited posts whose newest version is in the file, on whatever line."""
    if not any(_EDITED.search(line) for _number, line in lines(file)):
        return set()
    histories, there = set(), set()
    for place, document in _documents(file):
        with contextlib.suppress(RecursionError):
            for post, _includes in _posts(f"{file} {place}", document):
                versions = _versions(post)
                if len(versions) > 1:
                    histories.add(tuple(versions))
                    there.add(_id(post))
    return {name for versions in histories if versions[-1] in there for name in versions[:-1]}


def _documents(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield the JSON documents of a file with their places: one a line, or the complete file as one (place "")."""
    numbered = ((number, _ASSIGNED.sub(b"", line) if number == 1 else line) for number, line in lines(file))
    numbered = ((number, line) for number, line in numbered if line.strip())
    first = list(itertools.islice(numbered, 2))
    stream: Iterator[tuple[int, bytes]] = itertools.chain(first, numbered)
    if first and (first[0][1].strip() in (b"{", b"[") or all(_parse(n, line)[1] is None for n, line in first)):
        whole, size = [], 0
        for number, line in stream:
            whole.append((number, line))
            size += len(line)
            if size > MOST_DOCUMENT:
                raise InputError(
                    f"{file}: one JSON document of more than {MOST_DOCUMENT:,} bytes; write a page or post a line"
                )
        text = b"".join(line for _, line in whole)
        for form in (text, _TRAILING_COMMA.sub(rb"\1", text)):
            try:
                yield "", json.loads(form.strip().removesuffix(b";"))
                return
            except (ValueError, RecursionError):
                stream = iter(whole)
    for number, line in stream:
        drop, document = _parse(number, line)
        yield f"line {number}", drop or document


def _parse(number: int, line: bytes) -> tuple[Drop | None, Any]:
    try:
        text = line.decode("utf-8").strip().rstrip(",")
        found, at = [], 0
        while at < len(text):  # documents one after the other in a line
            document, at = _JSON.raw_decode(text, at)
            found.append(document)
            at += len(text[at:]) - len(text[at:].lstrip(" ,"))
        return None, found if len(found) > 1 else found[0]
    except UnicodeDecodeError:
        return Drop(f"line {number}", Reason.NOT_UTF8), None
    except (ValueError, IndexError, RecursionError) as error:
        return Drop(f"line {number}", Reason.MALFORMED, f"not JSON: {error}"), None


def _posts(where: str, document: Any) -> Iterator[tuple[Any, _Includes]]:
    """Yield the posts of a document, each with what its page includes. Raises CcdError for users or counts."""
    if isinstance(document, list):
        for item in document:
            yield from _posts(where, item)
    elif isinstance(document, dict) and isinstance(document.get("tweet"), dict):  # a user's own archive
        yield from _posts(where, document["tweet"])
    elif not isinstance(document, dict):
        yield document, _Includes()
    elif isinstance(document.get("statuses"), list):
        yield from _posts(where, document["statuses"])
    elif isinstance(document.get("data"), (list, dict)):
        data = document["data"]
        includes = _includes(document.get("includes"))
        for item in data if isinstance(data, list) else [data]:
            _refuse_others(where, item)
            yield item, includes
    elif "meta" not in document or "id" in document:
        _refuse_others(where, document)
        yield document, _Includes()


def _id(post: Any) -> str:
    return str(post.get("id_str") or post.get("id")) if isinstance(post, dict) else ""


def _versions(post: Any) -> list[str]:
    """Return the ids of all versions of a post that was edited, the newest last."""
    if not isinstance(post, dict):
        return []
    info = post.get("edit_info")
    initial = info.get("initial", info) if isinstance(info, dict) else None
    found = post.get("edit_history_tweet_ids") or (initial.get("editTweetIds") if isinstance(initial, dict) else None)
    return [str(name) for name in found] if isinstance(found, list) else []


def _refuse_others(where: str, item: Any) -> None:
    if isinstance(item, dict) and _text(item) is None:
        if "username" in item or "screen_name" in item:
            raise InputError(f"{where}: users, not posts; give a file with the posts themselves")
        if "tweet_count" in item or "post_count" in item:
            raise InputError(f"{where}: counts of posts, not posts; give a file with the posts themselves")


def _includes(found: Any) -> _Includes:
    def by(key: str, *names: str) -> dict[str, Json]:
        lists = [found[name] for name in names if isinstance(found.get(name), list)]
        return {item[key]: item for items in lists for item in items if isinstance(item, dict) and key in item}

    return _Includes(by("id", "tweets", "posts"), by("media_key", "media")) if isinstance(found, dict) else _Includes()


# --- one post -------------------------------------------------------------------------------------------------------


def _read_post(raw: Any, includes: _Includes, place: str, folder: Path) -> Iterator[Record | Drop]:
    if not isinstance(raw, dict) or _text(raw) is None:
        yield Drop(place, Reason.NOT_A_POST)
        return
    try:
        raw = as_v1(raw) or raw
        post = _v1(raw) if _V1.intersection(raw) else _v2(raw, includes)
        name = post_id(raw.get("id") if post is None else post.id)
    except BadId as error:
        yield Drop(place, error.reason)
        return
    if post is None:
        yield Drop(name, Reason.NO_ORIGINAL, place)
        return
    photos = []
    for index, (key, url, still, alt) in enumerate(post.media):
        if not still:
            yield Drop(f"{name}:{index}", Reason.MOVING, url or key or "")
            continue
        on_disk = find_photo(folder, post=name.split(":", 1)[1], index=index, url=url, key=key)
        photos.append(Photo(index, on_disk or url or f"{key} (no URL in the file)", alt or None))
    if photos:
        lang = post.lang if isinstance(post.lang, str) else None
        author = str(post.author) if isinstance(post.author, (str, int)) and post.author else None
        sensitive = post.sensitive if isinstance(post.sensitive, bool) else None
        when = utc(post.created_at)
        cut = ("the rest of a text that the API cut",) if post.short else ()
        undated = ("a date that cannot be read",) if post.created_at and when is None else ()
        yield Record(
            name, post.text, when, lang, tuple(photos), place, post.links, author, sensitive, cut + undated, post.short
        )
    elif not post.media:
        yield Drop(name, Reason.NO_PHOTO, place)


def _v1(status: Json) -> _Post:
    status = status.get("retweeted_status") or status
    user: Json = status["user"] if isinstance(status.get("user"), dict) else {}
    long = status.get("extended_tweet") or status
    media: list[Json] = next(
        (
            entities["media"]
            for entities in (long.get("extended_entities"), status.get("extended_entities"), long.get("entities"))
            if entities and entities.get("media")
        ),
        [],
    )
    # `entities` alone calls every medium a photo; the URL of a video's first frame gives it away
    found = [(m, m.get("media_url_https") or m.get("media_url")) for m in media]
    return _Post(
        status.get("id_str") or status.get("id"),
        _text(status) or "",
        status.get("created_at"),
        status.get("lang"),
        tuple(
            (m.get("id_str"), u, m.get("type") == "photo" and "_video_thumb/" not in (u or ""), m.get("ext_alt_text"))
            for m, u in found
        ),
        tuple(m["url"] for m in media if m.get("url")),
        user.get("id_str") or user.get("id"),
        status.get("possibly_sensitive"),
        status.get("truncated") is True and _text(status) == status.get("text"),
    )


def _v2(tweet: Json, includes: _Includes) -> _Post | None:
    """Return the post; None for a retweet whose original is not in the file."""
    attachments = tweet.get("attachments") or {}
    for reference in _either(tweet, "referenced_tweets", "referenced_posts") or ():
        if reference["type"] in ("retweeted", "reposted"):
            original = reference if "text" in reference else includes.posts.get(reference["id"])
            if original is None:
                return None
            tweet = original
            attachments = tweet.get("attachments") or attachments  # either of the two may carry them
    inline = {m["media_key"]: m for m in attachments.get("media") or () if "media_key" in m}  # flattened
    media: list[tuple[str | None, str | None, bool, str | None]] = []
    for key in attachments.get("media_keys") or inline:
        medium = inline.get(key) or includes.media.get(key) or {}
        still = medium["type"] == "photo" if "type" in medium else key.startswith(_PHOTO_KEY)
        media.append((key, medium.get("url") or medium.get("preview_image_url"), still, medium.get("alt_text")))
    entities = [tweet.get("entities"), (_either(tweet, "note_tweet", "note_post") or {}).get("entities")]
    urls = [url for found in entities if found for url in found.get("urls") or ()]
    return _Post(
        tweet.get("id"),
        _text(tweet) or "",
        tweet.get("created_at"),
        tweet.get("lang"),
        tuple(media),
        tuple(url["url"] for url in urls if url.get("url") and _shows_media(url)),
        tweet.get("author_id"),
        tweet.get("possibly_sensitive"),
    )


def _shows_media(url: Json) -> bool:
    display = str(url.get("display_url", ""))
    return "media_key" in url or display.startswith(("pic.twitter.com/", "pic.x.com/"))


def _text(post: Json) -> str | None:
    """Return the text in its longest form, None where there is none."""
    post = as_v1(post) or post
    long = _either(post, "note_tweet", "note_post") or post.get("extended_tweet")
    if not isinstance(long, dict):
        long = {}
    text = long.get("text") or long.get("full_text") or post.get("full_text") or post.get("text")
    return text if isinstance(text, str) else None


def _either(post: Json, old: str, new: str) -> Any:
    return post.get(old) or post.get(new)
