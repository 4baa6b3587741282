"""Posts as other programs write them: snscrape, Apify's scrapers, exporters of X's web pages; in the form of v1.1."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def as_v1(raw: Json) -> dict[str, Any] | None:
    """Give a post of another program as a status of API v1.1; None where it is a post of X's own API.

    >>> post = {"_type": "snscrape.modules.twitter.Tweet", "id": 20, "rawContent": "hi", "media": None}
    >>> as_v1(post)["full_text"]
    'hi'
    """
    if str(raw.get("_type", "")).startswith("snscrape."):
        return _snscrape(raw)
    if "fullText" in raw or "extendedEntities" in raw or ("createdAt" in raw and "text" in raw):
        return _camel(raw)
    media = raw.get("media")
    if isinstance(media, list) and media and all(isinstance(m, dict) and "original" in m for m in media):
        return _web(raw)
    return None


def _snscrape(raw: Json) -> dict[str, Any]:
    original = raw.get("retweetedTweet")
    post: Json = original if isinstance(original, dict) else raw
    user = post.get("user")
    media = [
        {
            "type": "photo" if str(each.get("_type", "")).endswith("Photo") else "video",
            "media_url_https": each.get("fullUrl") or each.get("thumbnailUrl"),
            "ext_alt_text": each.get("altText"),
        }
        for each in post.get("media") or ()
        if isinstance(each, dict)
    ]
    return {
        "id_str": _digits(post.get("id")),
        "full_text": post.get("rawContent") or post.get("content"),
        "created_at": post.get("date"),
        "lang": post.get("lang"),
        "user": {"id_str": _digits(user.get("id"))} if isinstance(user, dict) else {},
        "extended_entities": {"media": media},
    }


def _camel(raw: Json) -> dict[str, Any]:
    original = raw.get("retweet") or raw.get("retweetedTweet")
    post: Json = original if isinstance(original, dict) else raw
    author = post.get("author") or post.get("user")
    entities = post.get("extendedEntities") or post.get("extended_entities")
    if not isinstance(entities, dict) or not entities.get("media"):
        entities = {"media": [_medium(each) for each in post.get("media") or () if isinstance(each, (str, dict))]}
    return {
        "id_str": _digits(post.get("id") or post.get("id_str")),
        "full_text": post.get("fullText") or post.get("full_text") or post.get("text"),
        "created_at": post.get("createdAt") or post.get("created_at"),
        "lang": post.get("lang"),
        "user": {"id_str": _digits(author.get("id"))} if isinstance(author, dict) else {},
        "possibly_sensitive": post.get("possiblySensitive"),
        "extended_entities": entities,
    }


def _web(raw: Json) -> dict[str, Any]:
    media = [
        {"type": each.get("type"), "media_url_https": each["original"], "ext_alt_text": each.get("ext_alt_text")}
        for each in raw["media"]
    ]
    return {
        "id_str": _digits(raw.get("id")),
        "full_text": raw.get("full_text") or raw.get("text"),
        "created_at": raw.get("created_at"),
        "lang": raw.get("lang"),
        "user": {"id_str": _digits(raw.get("user_id"))},
        "possibly_sensitive": raw.get("possibly_sensitive"),
        "extended_entities": {"media": media},
    }


def _medium(each: "str | Json") -> dict[str, Any]:
    if isinstance(each, str):
        return {"type": "photo", "media_url_https": each}
    url = each.get("media_url_https") or each.get("url") or each.get("mediaUrl")
    return {"type": each.get("type") or "photo", "media_url_https": url, "ext_alt_text": each.get("altText")}


def _digits(raw: object) -> object:
    """Return an id as text; a number with a point stays one, for it was rounded."""
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
