"""Posts that are gone leave the campaign: their text, photos and raw pages; ids, labels and a tombstone stay.

X's Developer Policy ("Content compliance") asks to remove deleted, protected, suspended or withheld posts as soon as
reasonably possible.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import deleted_posts
from ccd.campaign.tables.deleted_posts import UNFINISHED
from ccd.campaign.tables.events import now
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.images import images
from ccd.campaign.tables.live_posts import LIVE
from ccd.campaign.tables.notes import forget, noted
from ccd.errors import InputError
from collection import pages, quarantine, x, x_api
from collection.pages import NOTE, Page

FRESH = datetime.timedelta(hours=24)  # a post asked about since is not asked again
BATCH = 100  # ids a call, and a transaction
FEW = 0.05  # of the posts asked about may be not found, or one, before somebody must say that it is so
_SAID = {"ok": LIVE, "not found": "deleted", "forbidden": "protected"}


@dataclass
class Result:
    """What a run found: posts asked about, and those gone by status; files that were removed or rewritten."""

    began: str = field(default_factory=now)
    asked: int = 0
    posts: int = 0  # that X sent back, which is what is paid for
    gone: dict[str, int] = field(default_factory=dict)  # deleted | protected | suspended | withheld -> posts
    edited: int = 0  # posts with another text since; only a job says so
    unclear: int = 0  # X did not say; asked again next time
    images: int = 0
    pages: int = 0
    left: int = 0  # still to be asked about
    erased: int = 0  # earlier runs whose time in quarantine was over


def due(campaign: Campaign) -> list[str]:
    """Return the live posts of X that were not asked about in the last 24 hours, longest waiting first."""
    before = (datetime.datetime.now(datetime.UTC) - FRESH).isoformat()
    with campaign.read() as db:
        return [post for post in deleted_posts.unchecked(db, before) if post.removeprefix("x:").isdigit()]


def check(
    campaign: Campaign, api: x_api.XApi, limit: int, tick: Callable[[int], None] = lambda n: None, *, sure: bool = False
) -> Result:
    """Ask X which posts are gone, at most `limit` of them, and take their content out, into the quarantine.

    Nothing is taken out before all have been asked about. Killed, run it again. Raises CcdError where X refuses: what
    lives is not asked about again. Unless `sure`, raises it too where more than a few posts are not found: their ids
    may be wrong.
    """
    result = Result()
    begin(campaign, result)
    todo = due(campaign)
    todo, result.left = todo[:limit], max(0, len(todo) - limit)
    gone: dict[str, str] = {}
    for start in range(0, len(todo), BATCH):
        batch = todo[start : start + BATCH]
        page = api.ask("get_tweets", ids=[post.removeprefix("x:") for post in batch], tweet_fields=["id", "withheld"])
        found = _statuses(batch, page)
        gone |= {post: status for post, status in found.items() if status != LIVE}
        lives = {post: status for post, status in found.items() if status == LIVE}
        mark(campaign, [post for post in batch if post not in gone], lives, result)
        result.posts += x.posts_in(page)
        tick(len(batch))
    take_out(campaign, gone, result, sure=sure)
    return result


def begin(campaign: Campaign, result: Result) -> None:
    """Finish what a run that was killed had begun, and erase what was in quarantine for long enough."""
    clean(campaign, result)
    result.erased = quarantine.erase(campaign, campaign.config.quarantine_days)


def take_out(campaign: Campaign, gone: Mapping[str, str], result: Result, *, sure: bool) -> None:
    """Take posts that are gone out, `result.asked` others being there. Raises CcdError where they are too many."""
    lost = sum(status == "deleted" for status in gone.values())
    asked = result.asked + len(gone)
    if not sure and lost > max(1, FEW * asked):
        raise InputError(
            f"{lost:,} of {asked:,} posts asked about are not found at X, more than {FEW:.0%}; nothing was taken out: "
            "see that their ids are X's and complete, then run again with --yes"
        )
    try:
        for some in batches(sorted(gone), BATCH):
            mark(campaign, some, {post: gone[post] for post in some}, result)
    finally:
        clean(campaign, result)


def mark(campaign: Campaign, asked: list[str], found: Mapping[str, str], result: Result) -> None:
    """Take in, as one transaction, what X said of posts: live, or why they are gone; nothing where it did not say."""
    gone = {post: status for post, status in found.items() if status != LIVE}
    with campaign.write() as db:
        deleted_posts.note_checked(db, found, now())
        if gone and campaign.config.quarantine_days:
            quarantine.keep_rows(campaign, deleted_posts.rows_of(db, gone), result.began)
        deleted_posts.empty(db, gone, result.began)
    result.asked += len(asked)
    result.unclear += len(asked) - len(found)
    for status in gone.values():
        result.gone[status] = result.gone.get(status, 0) + 1


def _statuses(batch: list[str], page: Page) -> Mapping[str, str]:
    """Return what a page says of posts that were looked up; those of which it says nothing are left out."""
    ids = [post.removeprefix("x:") for post in batch]
    found = x.statuses_in(page | {NOTE: {"asked": ids}})
    for post in page.get("data") or ():
        if post.get("withheld") and post["id"] in found:
            found[post["id"]] = "withheld"
    return {f"x:{name}": _SAID.get(status, status) for name, status in found.items() if status != "error"}


def clean(campaign: Campaign, result: Result) -> None:
    """Bring the files in line with the tombstones, where a run has set some since this was last done."""
    with campaign.read() as db:
        began = noted(db, UNFINISHED)
        if began is None:
            return
        gone = {post.removeprefix("x:") for post in deleted_posts.tombstones(db)}
        lost = images(db, shown=False)
    keep = campaign.config.quarantine_days > 0
    for file in (image.file for image in lost):
        there = campaign.folder / file
        result.images += there.exists()
        if keep:
            quarantine.keep_file(campaign, there, began)
        there.unlink(missing_ok=True)
        (campaign.folder / "studio" / "files" / file).unlink(missing_ok=True)  # what Label Studio was offered
    (campaign.folder / "duplicates.html").unlink(missing_ok=True)  # `ccd duplicates` makes it anew, without them
    for path in pages.every(campaign.folder):
        if path.parts[-3] == "x" and (left := _without(pages.read(path), gone)) is not None:
            if keep:
                quarantine.keep_file(campaign, path, began)
            pages.write(path, left)
            result.pages += 1
    with campaign.write() as db:
        forget(db, UNFINISHED)


def _without(page: Page, gone: set[str]) -> Page | None:
    """Return the page without these posts, those that repeat them, and their media; None where it has none."""

    def lives(post: Mapping[str, Any]) -> bool:
        references = post.get("referenced_tweets") or post.get("referenced_posts") or ()
        repeats = [each["id"] for each in references if each.get("type") in ("retweeted", "reposted")]
        return post["id"] not in gone and not gone.intersection(repeats)

    includes = page.get("includes") or {}
    lists = [(page, "data"), (includes, "tweets"), (includes, "posts")]
    posts = [(at, key, at[key]) for at, key in lists if isinstance(at.get(key), list)]
    lost = {post["id"] for _, _, some in posts for post in some if not lives(post)}
    if not lost:
        return None
    left = page | ({"includes": dict(includes)} if includes else {})
    kept = []
    for at, key, some in posts:
        living = [post for post in some if lives(post)]
        (left if at is page else left["includes"])[key] = living
        kept += living
    if "media" in includes:
        keys = {key for post in kept for key in (post.get("attachments") or {}).get("media_keys") or ()}
        left["includes"]["media"] = [medium for medium in includes["media"] if medium["media_key"] in keys]
    note = page.get(NOTE) or {}
    left[NOTE] = note | {"gone": sorted({*note.get("gone", ()), *lost})}
    return left
