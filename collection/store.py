"""From records to the tables posts, images, pairs and drops; run twice = run once, killed = run again."""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccd.campaign.campaign import Campaign, Connection
from ccd.campaign.config import Filters
from ccd.campaign.tables import pairs, photos
from ccd.campaign.tables.events import now
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.images import stored_images
from collection import images
from collection.authors import author_key, secret
from collection.filters import rejected
from collection.records import LONGEST_TEXT, Drop, Photo, Reason, Record
from collection.text import clean, model_text, storable

BATCH = 500  # photos a transaction
_REMEMBERED = 50_000  # photo files whose check is remembered: many posts share a picture

Looked = images.Picture | images.BadImage


@dataclass
class Counts:
    """What a run did: read = kept + known + updated + waiting + the sum of dropped.

    A photo counts once, a post without one too.
    """

    read: int = 0
    kept: int = 0
    known: int = 0  # pairs that were there already
    updated: int = 0  # pairs that have a newer text now
    waiting: int = 0  # photos that have an address and wait for their download
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> n
    examples: dict[str, Drop] = field(default_factory=dict)  # reason -> the first one
    unused: dict[str, int] = field(default_factory=dict)  # what posts have and cannot be used -> n
    met: set[str] = field(default_factory=set)  # pair ids kept, known or waiting; followed only where there is a limit


def collect(
    campaign: Campaign,
    records: Iterable[Record | Drop],
    source: str,
    limit: int | None = None,
    counts: Counts | None = None,
    *,
    update: bool = False,
) -> Counts:
    """Store the pairs of one source. `source` names it for ever; "synthetic" is that of the demo's pairs.

    With `limit`, stops when that many pairs are there or wait for their photo, new and known ones. `counts` of the
    sources before is added to, for a limit on several. Of pairs with the same text and image the first stays; of two
    contents under one id too, but with `update` a pair that is in no round and not judged takes the newer text.
    Raises CcdError where a file cannot be written or read; what was stored before stays.

    >>> collect(campaign, table.read(Path("data/tweets.tsv")), "data/tweets.tsv").kept  # doctest: +SKIP
    """
    images.sweep(campaign.folder)
    counts = counts or Counts()
    look = functools.lru_cache(_REMEMBERED)(_look)
    items = (item for entry in records for item in _items(entry, look, campaign.config.filters, counts.unused))
    while not _reached(counts, limit) and (some := list(itertools.islice(items, BATCH))):
        with campaign.write() as db:
            batch = StoredBatch(db, campaign.folder, source, some, counts, update=update)
            for item in some:
                batch.take(item)
                if limit is not None and batch.holds(item.pair_id):
                    counts.met.add(item.pair_id)
                if _reached(counts, limit):
                    break
            batch.write()
    return counts


def _reached(counts: Counts, limit: int | None) -> bool:
    return limit is not None and len(counts.met) >= limit


@dataclass(frozen=True)
class Item:
    """One photo of a record, looked at; or what a source dropped. With neither picture nor drop it waits."""

    pair_id: str  # the item of its drop where there is no pair id
    record: Record | None
    photo: Photo | None
    text: str
    text_sha256: str
    picture: images.Picture | None
    drop: Drop | None


def _items(entry: Record | Drop, look: Any, filters: Filters, unused: dict[str, int]) -> Iterator[Item]:
    if isinstance(entry, Record) and len(entry.text) > LONGEST_TEXT:  # a batch of them must fit into memory
        detail = f"a text of more than {LONGEST_TEXT:,} characters"
        entry = Drop(entry.post_id or entry.place, Reason.MALFORMED, detail)
    if isinstance(entry, Drop):
        yield Item(storable(entry.item), None, None, "", "", None, entry)
        return
    for what in entry.unused:
        unused[what] = unused.get(what, 0) + 1
    text = clean(entry.text, entry.media_links)
    for photo in entry.photos:
        looked: Looked | None = None if photo.url else look(photo.source)
        post_id = entry.post_id
        if post_id is None and photo.url:
            post_id = content_id(entry.text, hashlib.sha256(storable(photo.url).encode()).hexdigest())
        elif post_id is None and isinstance(looked, images.Picture):
            post_id = content_id(entry.text, looked.sha256)
        pair_id = storable(f"{post_id}:{photo.index}" if post_id else entry.place)
        record = dataclasses.replace(entry, post_id=post_id and storable(post_id), text=storable(entry.text))
        found = item(pair_id, record, photo, text, looked)
        yield dataclasses.replace(found, drop=found.drop or rejected(filters, record, text, pair_id))


def item(pair_id: str, record: Record, photo: Photo, text: str, looked: Looked | None) -> Item:
    """Return a photo of a post with the text that annotators see; `looked` is None while it waits for its download."""
    drop = None
    if not text:
        drop = Drop(pair_id, Reason.NO_TEXT, record.place)
    elif isinstance(looked, images.BadImage):
        drop = Drop(pair_id, looked.reason, looked.detail)
    picture = looked if isinstance(looked, images.Picture) else None
    return Item(pair_id, record, photo, text, hashlib.sha256(text.encode()).hexdigest(), picture, drop)


def found(campaign: Campaign, records: Iterable[Record]) -> Iterator[str | None]:
    """Yield the pair that has the content of each record, which has one photo; None where there is none."""
    look = functools.lru_cache(_REMEMBERED)(_look)
    for some in batches(records, BATCH):
        items = [next(_items(record, look, Filters(), {})) for record in some]
        with campaign.read() as db:
            batch = StoredBatch(db, campaign.folder, "", items, Counts())
        for each in items:
            content = each.picture and batch.contents.get((each.text_sha256, each.picture.sha256))
            yield content or (each.pair_id if each.pair_id in batch.there else None)


def _flag(said: bool | None) -> int | None:
    return None if said is None else int(said)  # PostgreSQL takes no truth value for a number


def content_id(text: str, image_sha256: str) -> str:
    """Return the post id of a pair whose source has no ids: `sha:<12 hex>` of the raw text and the image.

    Where the image is still to be downloaded, its address stands for it.

    >>> content_id("Look!", "00" * 32)
    'sha:72d13fbde3f0'
    """
    return "sha:" + hashlib.sha256(storable(text).encode() + b"\0" + bytes.fromhex(image_sha256)).hexdigest()[:12]


def _look(source: Path | str) -> Looked:
    """Return the checked picture, or why there is none."""
    if isinstance(source, str):
        return images.BadImage(Reason.NOT_ON_DISK, source)
    try:
        return images.verify(images.read(source))
    except images.BadImage as bad:
        return bad


class StoredBatch:
    """What a transaction knows of its items, and what it will write."""

    def __init__(
        self, db: Connection, folder: Path, source: str, items: list[Item], counts: Counts, *, update: bool = False
    ) -> None:
        self.db, self.folder, self.source = db, folder, source
        self.counts = counts
        self.rows: dict[str, list[dict[str, Any]]] = {"images": [], "posts": [], "pairs": [], "photos": []}
        self.drops: dict[str, Drop] = {}
        self.taken_back = set[str]()  # ids whose drops, of any source, are no longer so
        self.places = set[str]()  # the same of this source's places
        ids = {item.pair_id for item in items}
        contents = pairs.contents_of(db, ids)
        self.there = {pair: image for pair, (_text, image) in contents.items()}
        self.texts = {pair: text for pair, (text, _image) in contents.items()} if update else {}
        self.fixed = pairs.in_use(db, ids) if update else set()
        self.photos = {  # in the queue: None for one that waits, the drop for one that was tried and is no pair
            pair: why and Drop(pair, Reason(why[0]), why[1]) for pair, why in photos.tried(db, ids).items()
        }
        near = pairs.dropped_as(db, source, Reason.NEAR_DUPLICATE, ids)  # by `ccd duplicates`: they stay out
        self.near = {pair: Drop(pair, Reason.NEAR_DUPLICATE, detail) for pair, detail in near.items()}
        self.posts = pairs.post_texts(db, {i.record.post_id for i in items if i.record and i.record.post_id})
        self.contents = pairs.with_contents(db, {(i.text_sha256, i.picture.sha256) for i in items if i.picture})
        self.images = stored_images(db, {item.picture.sha256 for item in items if item.picture})

    def holds(self, pair_id: str) -> bool:
        """Return whether the pair is there, or waits for its photo."""
        return pair_id in self.there or (pair_id in self.photos and self.photos[pair_id] is None)

    def take(self, item: Item) -> None:
        """Decide on one item: kept, known, waiting or dropped."""
        self.counts.read += 1
        record, picture = item.record, item.picture
        if item.pair_id in self.there:
            if (
                record
                and self.texts.get(item.pair_id, item.text_sha256) != item.text_sha256
                and self._same_picture(item)
            ):
                self._update(item, record)
            elif record is None or self._same(item, record):
                self.counts.known += 1
                self._take_back(item)
            else:
                self._id_used(item, record)
        elif drop := item.drop or self.near.get(item.pair_id):
            self._drop(drop)
        elif record and record.post_id and item.photo and picture:
            if not self._same_text(record, item.text):
                self._id_used(item, record)
            elif kept := self.contents.get((item.text_sha256, picture.sha256)):
                self._drop(Drop(item.pair_id, Reason.DUPLICATE, f"same as {kept}"))
            else:
                self._keep(item, record, record.post_id, item.photo, picture)
        elif record and record.post_id and item.photo and item.photo.url:
            if not self._same_text(record, item.text):
                self._id_used(item, record)
            elif ended := self.photos.get(item.pair_id):
                self._drop(ended)
            else:
                self._wait(item, record, record.post_id, item.photo, item.photo.url)

    def _same(self, item: Item, record: Record) -> bool:
        """Return whether a stored pair has this item's content; a photo that is missing says nothing."""
        return self._same_picture(item) and self._same_text(record, item.text)

    def _same_text(self, record: Record, seen: str) -> bool:
        """Return whether a stored post, if any, has this text; exports differ in escapes and in links at the end."""
        there = self.posts.get(record.post_id or "")
        return there is None or there == record.text or clean(there, record.media_links) == seen

    def _same_picture(self, item: Item) -> bool:
        there = self.there[item.pair_id]
        if item.picture is None or item.picture.sha256 == there:
            return True
        source = item.photo and item.photo.source
        try:
            return isinstance(source, Path) and there in images.hashes_before(images.read(source))
        except images.BadImage:  # it went since it was looked at
            return False

    def _update(self, item: Item, record: Record) -> None:
        """Give a pair the newer text, unless somebody has judged the old one or another pair has it."""
        if item.pair_id in self.fixed:
            self._drop(
                Drop(record.place, Reason.ID_USED, f"{item.pair_id} is in a round or judged, and keeps its text")
            )
        elif kept := self.contents.get((item.text_sha256, self.there[item.pair_id])):
            self._drop(Drop(record.place, Reason.DUPLICATE, f"same as {kept}"))
        else:
            text = {"text": item.text, "model_text": model_text(item.text), "text_sha256": item.text_sha256}
            pairs.change_text(self.db, item.pair_id, text, record.post_id, record.text)
            self.contents[item.text_sha256, self.there[item.pair_id]] = item.pair_id
            self.posts[str(record.post_id)] = record.text
            self.texts[item.pair_id] = item.text_sha256
            self.counts.updated += 1
            self._take_back(item)

    def _id_used(self, item: Item, record: Record) -> None:
        """Drop an item whose id a pair has that stays; the drop is named after its place."""
        place = record.place if len(record.photos) == 1 else f"{record.place}, {item.pair_id}"
        self._drop(Drop(place, Reason.ID_USED, f"{item.pair_id} is there with another text or photo"))

    def _drop(self, drop: Drop) -> None:
        self.counts.dropped[drop.reason] = self.counts.dropped.get(drop.reason, 0) + 1
        self.counts.examples.setdefault(drop.reason, drop)
        self.drops[storable(drop.item)] = drop

    def _take_back(self, item: Item) -> None:
        """Forget earlier drops of an item that is a pair now, or waits for its photo: by id, by post and by place."""
        names = {item.pair_id}
        if item.record and item.record.post_id:
            names.add(item.record.post_id)
        places = {storable(item.record.place)} if item.record and len(item.record.photos) == 1 else set()
        self.taken_back |= names
        self.places |= places
        for name in names | places:
            self.drops.pop(name, None)

    def _keep(self, item: Item, record: Record, post_id: str, photo: Photo, picture: images.Picture) -> None:
        self.counts.kept += 1
        if isinstance(photo.source, Path):
            images.store(self.folder, picture, photo.source)
        if picture.sha256 not in self.images:
            self.images.add(picture.sha256)
            self.rows["images"].append(dataclasses.asdict(picture))
        self._post(record, post_id)
        self.rows["pairs"].append(
            {"pair_id": item.pair_id, "post_id": post_id, "image": picture.sha256, "photo": photo.index}
            | {"text": item.text, "model_text": model_text(item.text), "alt_text": photo.alt_text}
            | {"text_sha256": item.text_sha256, "collected_at": now()}
        )
        self.there[item.pair_id] = picture.sha256
        self.contents[item.text_sha256, picture.sha256] = item.pair_id
        self._take_back(item)

    def _wait(self, item: Item, record: Record, post_id: str, photo: Photo, url: str) -> None:
        self.counts.waiting += 1
        self._post(record, post_id)
        if item.pair_id not in self.photos:
            self.photos[item.pair_id] = None
            self.rows["photos"].append(
                {"pair_id": item.pair_id, "post_id": post_id, "photo": photo.index, "url": storable(url)}
                | {"text": item.text, "alt_text": photo.alt_text, "state": "todo", "tries": 0}
            )
        self._take_back(item)

    def _post(self, record: Record, post_id: str) -> None:
        if post_id not in self.posts:
            self.posts[post_id] = record.text
            self.rows["posts"].append(
                {"post_id": post_id, "source": self.source, "text": record.text}
                | {"created_at": record.created_at, "lang": record.lang}
                | {"author_key": self._author_key(record, post_id), "sensitive": _flag(record.sensitive)}
            )

    def _author_key(self, record: Record, post_id: str) -> str | None:
        return record.author and author_key(self._secret, post_id.partition(":")[0], record.author)

    @functools.cached_property
    def _secret(self) -> bytes:
        """Read once a batch, and not before there is an author."""
        return secret(self.folder)

    def write(self) -> None:
        """Write the rows; a drop of an earlier run, or of another source, gives way to what was found now."""
        pairs.add(self.db, self.rows)
        drops = [
            {"item": item, "reason": str(drop.reason), "detail": storable(drop.detail) or None}
            for item, drop in self.drops.items()
        ]
        pairs.replace_drops(self.db, self.source, drops, self.taken_back, self.places)
