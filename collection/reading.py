"""Raw pages on their way into the campaign: one reader for every network, killed at any moment and run again."""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import pairs
from ccd.campaign.tables.cursors import put_cursor, stored_so_far
from collection import store
from collection.pages import Page, Pages
from collection.records import Drop, Record


@dataclass(frozen=True)
class Limits:
    """`posts` read for this query in all runs together, `pairs` of it in the campaign; `photos` is all or first."""

    posts: int
    pairs: int | None = None
    photos: str = "all"


@dataclass
class ReadingRun:
    """What a run did."""

    counts: store.Counts = field(default_factory=store.Counts)
    pages: int = 0  # asked for now, which is what X takes money for
    posts: int = 0  # in them
    stopped: str = ""  # the limit that ended it before the source did
    tick: Callable[["ReadingRun"], None] = lambda run: None  # called after each page


@dataclass(frozen=True)
class Opened:
    """A page read: what it holds, how many posts that is, and the cursor of the page that follows (None: the last)."""

    records: Iterable[Record | Drop]
    posts: int
    follows: str | None


class Reading:
    """The pages of one query; how far they are stored is its row of `cursors`.

    `open_page` reads a page, given its number from 1.
    """

    def __init__(
        self,
        campaign: Campaign,
        pages: Pages,
        source: str,
        limits: Limits,
        run: ReadingRun,
        open_page: Callable[[Page, int], Opened],
    ) -> None:
        self._campaign, self._limits, self._run, self._open = campaign, limits, run, open_page
        self.pages = pages
        self._source = source
        self._key = f"{source} photos={limits.photos}"
        with campaign.read() as db:
            self._stored, self.posts = stored_so_far(db, self._key)
            if limits.pairs is not None:
                run.counts.met |= pairs.of_source(db, source)
        self.last: Page = self.pages.read(self._stored) if self._stored else {}
        self._full()

    def catch_up(self) -> bool:
        """Store the next page that is on disk and not in the campaign; False where there is none.

        The cursor moves after the page's pairs: killed in between, the page is read again, and its pairs are known.
        """
        if self._stored >= len(self.pages) or self._run.stopped:
            return False
        number = self._stored + 1
        page = self.pages.read(number)
        opened = self._open(page, number)
        records = (self._wanted(entry) for entry in opened.records)
        store.collect(self._campaign, records, self._source, self._limits.pairs, self._run.counts)
        if self._full():
            return False  # perhaps in mid-page: the next run reads it again
        self._stored, self.last = number, page
        self.posts += opened.posts
        with self._campaign.write() as db:
            done = int(opened.follows is None)
            put_cursor(db, self._key, cursor=opened.follows, pages=number, posts=self.posts, done=done)
        self._run.tick(self._run)
        return True

    def _wanted(self, entry: Record | Drop) -> Record | Drop:
        if isinstance(entry, Record) and self._limits.photos == "first":
            return dataclasses.replace(entry, photos=entry.photos[:1])
        return entry

    def _full(self) -> bool:
        most = self._limits.pairs
        if most is not None and len(self._run.counts.met) >= most:
            self._run.stopped = f"--max {most:,}: {len(self._run.counts.met):,} pairs of this source are there"
        return bool(self._run.stopped)
