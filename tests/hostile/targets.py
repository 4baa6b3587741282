"""What reads bytes that strangers wrote, each as one function: it returns, or raises CcdError.

Each target is a file name, a valid content, and what reads it. `tests/hostile/test_fuzz.py` changes
the content.
"""

import functools
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from apps.connections import RefusedError
from ccd import protocol
from ccd.campaign import config
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.errors import CcdError
from ccd.judgment_tables import table as judgment_table
from ccd.release import Form, verify, write_release
from ccd.release.refill import posts_of, refill
from collection import archive, bluesky, feed, images, mastodon, pages, reading, store, table, tir, x
from tests.campaigns import small_campaign
from tests.ccd.build import campaign as judged_campaign

LABELS = ("explicit", "implicit", "irrelevant")


@dataclass(frozen=True)
class Target:
    """`read` gets the file with the content, in a folder that is its own."""

    name: str
    file: str
    valid: bytes
    read: Callable[[Path], object]


def attempt(target: Target, content: bytes, folder: Path) -> bool:
    """Read a content; True where it was taken. Anything but a CcdError of one line for a person is raised."""
    file = folder / target.file
    before = file.read_bytes() if file.exists() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    try:
        target.read(file)
    except (CcdError, RefusedError) as error:
        if not str(error).strip():
            raise AssertionError("an error that says nothing") from error
        return False
    finally:
        if before is not None:
            file.write_bytes(before)
    return True


def text_targets(folder: Path) -> list[Target]:
    """Readers of posts, judgments and TOML; they share the campaign that they make in `folder`."""
    made = small_campaign(folder / "campaign")

    def collected(read: Callable[[Path], Any]) -> Callable[[Path], object]:
        return lambda file: store.collect(made, read(file), file.name)

    toml = (Path(protocol.__file__).parent / "protocols" / "ccd.toml").read_bytes()
    votes = b"task,worker,label\nt1,ann,yes\nt1,bob,no\nt2,ann,yes\n"
    posts = [{"tweet_id": "1", "text": "Look!", "image_file": "a.jpg", "created_at": "2020-01-01T00:00:00Z"}]
    csv = b'tweet_id,text,image_file,created_at\n1,"Look, a cat",a.jpg,2020-01-01T00:00:00Z\n2,b,https://h.example/b.jpg,\n'
    prior = b"tweet_id,text_is_represented,image_adds,a,b,c,d\n263046056240115712,1,1,1,0,0,0\n"
    return [
        Target("archive v2", "pages.jsonl", _lines(V2, V2), collected(archive.read)),
        Target("archive v1.1", "statuses.jsonl", _lines(V1, V1), collected(archive.read)),
        Target("archive, one document", "page.json", json.dumps(V2, indent=1).encode(), collected(archive.read)),
        Target("table, CSV", "t.csv", csv, collected(table.read)),
        Target("table, TSV", "t.tsv", csv.replace(b",", b"\t"), collected(table.read)),
        Target("table, JSON lines", "t.jsonl", _lines(*posts), collected(table.read)),
        Target("tir", "textimage.csv", prior, tir.read),
        Target("X's answer", "x.json", json.dumps(V2).encode(), functools.partial(_x_page, made)),
        Target("Bluesky's answer", "bsky.json", json.dumps(BLUESKY).encode(), functools.partial(_bluesky, made)),
        Target("Mastodon's answer", "masto.json", json.dumps(MASTODON).encode(), functools.partial(_mastodon, made)),
        Target("page on disk", "000001.jsonl.gz", b"", pages.read),
        Target("judgments", "votes.csv", votes, judgment_table.read_table),
        Target("protocol", "p.toml", toml, lambda file: protocol.load(str(file))),
        Target("campaign.toml", "campaign.toml", CAMPAIGN, lambda file: config.read_config(file.parent)),
        Target("photo", "photo.jpg", _photo("JPEG"), _look),
        Target("photo, PNG", "photo.png", _photo("PNG"), _look),
    ]


def release_targets(folder: Path) -> list[Target]:
    """Files of a release, read by all who read releases."""
    votes = {f"x:{n}:0": (LABELS[n % 3], LABELS[n % 3], LABELS[0]) for n in range(12)}
    made = judged_campaign(folder / "judged", votes)
    aggregate_labels(made)
    split_campaign(made)
    whole = write_release(made, "whole").folder
    bare = write_release(made, "bare", Form(dehydrated=True)).folder
    tar = write_release(made, "tar", Form(images="tar")).folder
    shard = next(tar.glob("*.tar")).name

    def targets(release: Path, name: str, *read: tuple[str, Callable[[Path], object]]) -> list[Target]:
        file = str((release / name).relative_to(folder))
        content = (release / name).read_bytes()
        return [Target(f"{by}, {name}", file, content, lambda _, f=f: f(release)) for by, f in read]

    read = [("verify", verify), ("split --check", _checked), ("train", _trained_on)]
    found = [
        target
        for name in ("release.json", "train.jsonl", "protocol.json", "MANIFEST.sha256", "train.parquet")
        if (whole / name).exists()
        for target in targets(whole, name, *read)
    ]
    found += targets(tar, shard, ("verify", verify), ("split --check", _checked))

    def hydrated(release: Path) -> None:
        posts_of(release)
        out = folder / "hydrated"
        try:
            refill(release, out, made, {})
        finally:
            import shutil

            shutil.rmtree(out, ignore_errors=True)

    for name in ("release.json", "train.jsonl", "protocol.json", "judgments.parquet"):
        found += targets(bare, name, ("hydrate", hydrated))
    return found


def _checked(release: Path) -> None:
    from apps.cli.split import _check

    _check(release)


def _trained_on(release: Path) -> None:
    from collection.text import model_text
    from model.data import read_folder

    read_folder(release, model_text).digest("train", "dev", "test")


def model_targets(folder: Path) -> list[Target]:
    """Features that somebody else computed, networks that somebody else trained."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import safetensors.torch
    import torch

    from docs.arrays_to_onnx import convert
    from model.baselines.sizes import Sizes
    from model.checkpoint import load
    from model.encoders.glove import Glove
    from model.encoders.light_words import LightWords
    from model.encoders.names import Names
    from model.encoders.onnx import Onnx
    from model.encoders.precomputed import Precomputed
    from model.encoders.protocol import Words
    from model.features import Features, cache_folder, write_shard
    from model.zoo import make
    from tests.model.caches import Made

    photo = folder / "a.jpg"
    photo.write_bytes(_photo("JPEG"))
    features, boxes = np.ones((2, 4), np.float32), np.array([[0, 0, 4, 4], [1, 1, 8, 8]], np.float32)
    stream = io.BytesIO()
    np.savez(stream, features=features, boxes=boxes)
    encoded = [_base64(boxes), _base64(features)]
    tsv = "\t".join(["a", "8", "8", "2", *encoded]).encode() + b"\n"
    parquet = io.BytesIO()
    columns = {"image_id": ["a"], "features": [features.tolist()], "boxes": [boxes.tolist()]}
    pq.write_table(pa.table(columns), parquet)
    detections = {"image": "a.jpg", "detections": [{"box": [0, 0, 0.5, 1], "name": "dog", "score": 0.9}]}

    def precomputed(file: Path) -> None:
        Precomputed(file.parent if file.suffix == ".npz" else file).prepare(photo)

    def names(file: Path) -> None:
        encoder = Names(file, LightWords())
        encoder.encode([encoder.prepare(photo)])

    network = folder / "models" / "tfn-0"
    network.mkdir(parents=True)
    told = {"format": 1, "model": "tfn", "labels": ["no", "yes"]}
    told["network"] = {"region_width": 4, "word_width": 5, "labels": 2, "profile_width": 0}
    (network / "config.json").write_text(json.dumps(told))
    (network / "metrics.json").write_text('{"temperature": 1.5}')
    weights = safetensors.torch.save(make("tfn", Sizes(4, 5, 2)).state_dict())
    (network / "weights.safetensors").write_bytes(weights)

    def loaded(_: Path) -> None:
        found = load(network)
        found.network()
        assert found.temperature > 0
        assert found.labels

    cache = cache_folder(folder / "features", "words", "made", Made("made", None))
    write_shard(cache, [(hashlib.sha256(b"a").hexdigest(), Words(("a",), np.ones((1, 8), np.float32)))])
    shard = next(path for path in cache.iterdir() if path.is_dir())

    def cached(_: Path) -> None:
        found = Features(cache)
        found.batch(np.arange(len(found)))

    spec = {
        "input": {"scale": 0.01, "zero_point": 128, "tensor": 0},
        "ops": [
            {"op": "conv", "name": "c", "in": [0], "out": 1, "stride": 32, "groups": 1, "lo": 0.0, "hi": 6.0},
            {"op": "avg", "in": [1], "out": 2},
        ],
    }
    kernel = {"c.weight": np.ones((2, 3, 3, 3), np.float32), "c.bias": np.zeros(2, np.float32)}
    exported = convert(kernel, spec, 64).SerializeToString()
    (folder / "onnx").mkdir()

    def onnx(file: Path) -> None:
        encoder = Onnx(file)
        encoder.encode([encoder.prepare(photo)])

    hdf5 = io.BytesIO()
    import h5py

    with h5py.File(hdf5, "w") as groups:
        group = groups.create_group("a")
        group["features"], group["boxes"] = features, boxes
    torch.set_num_threads(1)
    return [
        Target("precomputed, TSV", "regions.tsv", tsv, precomputed),
        Target("precomputed, npz", "npz/a.npz", stream.getvalue(), precomputed),
        Target("precomputed, Parquet", "regions.parquet", parquet.getvalue(), precomputed),
        Target("precomputed, HDF5", "regions.h5", hdf5.getvalue(), precomputed),
        Target("names", "detections.jsonl", _lines(detections, detections), names),
        Target("glove", "glove.txt", b"cat 0.1 0.2\ndog 0.3 0.4\n", lambda file: Glove(file).encode(["a cat"])),
        Target("onnx", "onnx/net.onnx", exported, onnx),
        *(
            Target(f"checkpoint, {file.name}", str(file.relative_to(folder)), file.read_bytes(), loaded)
            for file in sorted(network.iterdir())
        ),
        *(
            Target(f"features, {file.name}", str(file.relative_to(folder)), file.read_bytes(), cached)
            for file in [cache / "manifest.json", *sorted(shard.iterdir())]
        ),
    ]


def _look(file: Path) -> None:
    try:
        images.verify(images.read(file))
    except images.BadImage:
        raise CcdError("no photo") from None


class _Said:
    """A network that gives one page, whatever it is asked."""

    host = "home.example"

    def __init__(self, page: Any) -> None:
        self._page = page

    def ask(self, method: str, *_args: Any, **_params: Any) -> Any:
        return self._page

    def search(self, **_params: Any) -> Any:
        return self._page


def _fresh(made: Campaign, file: Path) -> Any:
    """What the file says, and no page of an earlier walk."""
    import shutil

    shutil.rmtree(made.folder / "raw", ignore_errors=True)
    with made.write() as db:
        db.exec_driver_sql("DELETE FROM cursors")
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise CcdError("no JSON: the client of the network says so") from None


_FEW = reading.Limits(posts=30)


def _x_page(made: Campaign, file: Path) -> None:
    page = _fresh(made, file)
    if not isinstance(page, dict):
        raise CcdError("tweepy gives objects only")
    query = x.Query("q", "search_recent_tweets", {}, "next_token", 10, 10)
    x.walk(made, _Said(page), query, _FEW)  # type: ignore[arg-type]


def _bluesky(made: Campaign, file: Path) -> None:
    page = _fresh(made, file)
    feed.walk(made, bluesky.Search(_Said(page), "cats"), _FEW)  # type: ignore[arg-type]


def _mastodon(made: Campaign, file: Path) -> None:
    page = _fresh(made, file)
    if not isinstance(page, list):
        raise CcdError("Api gives lists only")
    feed.walk(made, mastodon.Timeline(_Said({"statuses": page}), "cats"), _FEW)  # type: ignore[arg-type]


def _lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def _photo(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((24, 24), 80).save(stream, kind)
    return stream.getvalue()


def _base64(array: Any) -> str:
    import base64

    return base64.b64encode(array.tobytes()).decode()


V2: dict[str, Any] = {
    "data": [
        {
            "id": "11", "text": "a cat https://t.co/a", "created_at": "2020-01-01T00:00:00.000Z", "lang": "en",
            "author_id": "7", "possibly_sensitive": False, "attachments": {"media_keys": ["3_1", "7_2"]},
            "entities": {"urls": [{"url": "https://t.co/a", "display_url": "pic.twitter.com/a", "media_key": "3_1"}]},
        },
        {
            "id": "12", "text": "RT", "author_id": "8",
            "referenced_tweets": [{"type": "retweeted", "id": "13"}], "note_tweet": {"text": "long", "entities": {}},
        },
    ],
    "includes": {
        "media": [
            {"media_key": "3_1", "type": "photo", "url": "https://pbs.example/a.jpg", "alt_text": "a"},
            {"media_key": "7_2", "type": "video", "preview_image_url": "https://pbs.example/v.jpg"},
        ],
        "tweets": [{"id": "13", "text": "original", "attachments": {"media_keys": ["3_1"]}}],
        "users": [{"id": "7", "username": "ann", "name": "Ann"}],
    },
    "errors": [{"resource_type": "user", "resource_id": "9", "type": "https://x/resource-not-found"}],
    "meta": {"result_count": 2, "newest_id": "12", "next_token": "b26v"},
}  # fmt: skip
V1: dict[str, Any] = {
    "id": 21, "id_str": "21", "full_text": "see https://t.co/b", "created_at": "Mon Oct 29 22:34:01 +0000 2012",
    "lang": "en", "user": {"id_str": "7", "screen_name": "ann"}, "possibly_sensitive": False,
    "extended_entities": {"media": [
        {"id_str": "5", "type": "photo", "media_url_https": "https://pbs.example/b.jpg", "url": "https://t.co/b"}
    ]},
}  # fmt: skip
BLUESKY: dict[str, Any] = {
    "posts": [
        {
            "uri": "at://did:plc:a/app.bsky.feed.post/3k", "author": {"did": "did:plc:a", "handle": "ann.bsky.social"},
            "record": {
                "text": "see example.org/l...", "createdAt": "2026-05-01T12:00:00.000Z", "langs": ["en"],
                "facets": [{
                    "index": {"byteStart": 4, "byteEnd": 20},
                    "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.org/long"}],
                }],
                "labels": {"values": [{"val": "porn"}]},
            },
            "embed": {"$type": "app.bsky.embed.images#view", "images": [{"fullsize": "https://c.example/a"}]},
            "labels": [{"val": "graphic-media", "src": "did:plc:b"}], "indexedAt": "2026-05-01T12:00:01.000Z",
        }
    ],
    "cursor": "25", "hitsTotal": 1,
}  # fmt: skip
MASTODON: list[Any] = [
    {
        "id": "110000000000000001", "created_at": "2026-05-01T12:00:00.000Z", "language": "en", "sensitive": False,
        "spoiler_text": "", "content": '<p>Post <a href="https://a.org/b">a.org/</a></p>', "reblog": None,
        "account": {"id": "7", "url": "https://home.example/@ann"},
        "media_attachments": [
            {"id": "1", "type": "image", "url": "https://files.example/1.jpg", "remote_url": None, "description": "a"}
        ],
    }
]  # fmt: skip
CAMPAIGN = b"""
name = "t"
protocol = "ccd"
judgments_per_pair = 3
tie_rule = "adjudicate"
[splits]
train = 0.84
dev = 0.08
test = 0.08
seed = 1
[filters]
minimum_words = 0
languages = ["en"]
[duplicates]
max_per_group = 3
[agreement]
fastest_seconds = 1.0
[x]
price_per_post = 0.005
[encoders]
regions = "light"
[[annotators]]
name = "ann"
email = "ann@example.org"
[[annotators]]
name = "bob"
email = "bob@example.org"
[[annotators]]
name = "cy"
email = "cy@example.org"
[[adjudicators]]
name = "lead"
email = "lead@example.org"
"""
