"""What is nearly the same: pictures by perceptual hash, texts by MinHash, and the components of such ties.

Both searches are one: cut what stands for an item into bands, and compare the items that meet in a band. They are cut
into jobs, functions of their arguments alone, so that `run` may be `map` or the same on many machines
(ccd/files/ray.py); it may give what jobs find in any order.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ccd.files.photo import opened, rendered

IMAGE_DISTANCE = 20  # bits of 128; chosen in docs/duplicates.md
NEAREST = 7  # bits of 64 in which one of the two hashes may differ at most: what the search can find
TEXT_SIMILARITY = 0.6  # Jaccard of shingles; chosen there too
HASHED_AS = "imagehash.phash and dhash 8x8 of a grey draft of 128 px on white, no borders"  # two ways must not meet

SHINGLE = 5  # characters
BANDS, ROWS = 16, 4  # texts with Jaccard .6 meet in a band with probability 1 - (1 - .6^4)^16 = 0.89, .7: 0.99
_FLAT = 5.0  # standard deviation of grey values, of 255, below which a picture has nothing to compare
_BORDER = 8.0  # standard deviation of grey values below which a row or column at the edge is a bar
_LEAST = 0.4  # share of a side that is left when bars are cut off: else a dark picture would lose what it shows
_CHUNK = 2_000  # texts whose shingles are in memory at once
_JOB = 50_000  # texts of a job, or pairs of texts

Indices = npt.NDArray[np.int64]
Edges = npt.NDArray[np.int64]  # [number, 2], the smaller index first, each once
Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


def picture_hash(data: bytes) -> str:
    """Two perceptual hashes of a picture, 32 hex digits; "" for a flat one, whose hashes would be those of any other.

    pHash (Zauner 2010): which of the lowest 8 x 8 cosine frequencies lie over their median. dHash (Krawetz 2013): which
    of 8 x 8 cells are darker than their right neighbour. Bars at the edges are cut off first. Raises OSError where the
    bytes are no picture.
    """
    import imagehash

    try:
        with opened(data) as image:
            image.draft("L", (128, 128))  # a JPEG decodes at the size needed, not at its own: twice as fast
            grey = rendered(image).convert("L")
    except Exception as error:  # decoders raise whatever a hostile file makes them raise
        raise OSError(f"no picture ({error})") from None
    values = np.asarray(grey, dtype=np.float32)
    if values.std() < _FLAT:
        return ""
    top, bottom = _inside(values.std(axis=1))
    left, right = _inside(values[top:bottom].std(axis=0))
    shown = grey.resize((64, 64), Image.Resampling.BOX, (left, top, right, bottom))  # what both start from, once
    return f"{imagehash.phash(shown)}{imagehash.dhash(shown)}"


def _inside(deviations: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Where a picture begins and ends, by the standard deviations of its rows or columns."""
    varied = np.flatnonzero(deviations > _BORDER)
    if len(varied) == 0 or varied[-1] + 1 - varied[0] < _LEAST * len(deviations):
        return 0, len(deviations)
    return int(varied[0]), int(varied[-1]) + 1


def near_hashes(hashes: npt.NDArray[np.uint64], distance: int = IMAGE_DISTANCE, run: Run = map) -> Edges:
    """All pairs of `hashes` [n, 2] that differ in at most `distance` bits of both and NEAREST bits of one.

    Give each hash once. Exact: where 64 bits differ in at most 7, one of their four bands of 16 differs in none or one
    (multi-index hashing; Norouzi et al. 2012).

    >>> near_hashes(np.array([[0, 0], [0b111, 2**17 - 1], [2**64 - 1, 1]], dtype=np.uint64)).tolist()
    [[0, 1]]
    """
    return _once(
        list(run(_near_in_band, ((hashes, distance, half, low) for half in (0, 1) for low in range(0, 64, 16))))
    )


def _near_in_band(job: tuple[npt.NDArray[np.uint64], int, int, int]) -> Edges:
    """Return the pairs that differ in at most one bit of the 16 from `low` on, and are near."""
    hashes, distance, which, low = job
    half = hashes[:, which]
    band = (half >> np.uint64(low)).astype(np.uint16)
    found = []
    for flip in (0, *(1 << bit for bit in range(16))):
        for one, other in _meeting(band, flip):
            near = np.bitwise_count(half[one] ^ half[other]) <= NEAREST
            one, other = one[near], other[near]
            close = np.bitwise_count(hashes[one] ^ hashes[other]).sum(axis=1) <= distance
            found.append(np.stack([one[close], other[close]], axis=1))
    return _once(found)


# --- texts ----------------------------------------------------------------------------------------------------------

_SCRIPTS_WITHOUT_SPACES = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR")
_NOT_COMPARED = re.compile(r"https?://\S*|\b(?i:RT)(?=\s*@)|@\w+|(?:[^\w@]|_|@(?!\w))+")


def comparable(text: str) -> str:
    """Return the text without what changes from copy to copy: case, links, mentions, punctuation.

    "" where little is left. Texts of less than 6 words or 25 characters ("mood", "#hurricane #sandy") are no copies of
    each other: they would chain everything that was said of an event into one group.

    >>> comparable("RT @you: A shark swims in our STREET!! http://t.co/a"), comparable("So true...")
    ('a shark swims in our street', '')
    """
    short = " ".join(_NOT_COMPARED.sub(" ", text).casefold().split())
    return short if len(short) >= 25 and words(short) >= 6 else ""


def words(text: str) -> int:
    """Return the number of words: what stands between spaces and has a letter or digit.

    Hashtags are, users and links are not. In scripts without spaces every character counts, for lack of a dictionary.

    >>> words("@you Cats & dogs! #NY 🐈 https://t.co/a"), words("猫が好き")
    (3, 4)
    """
    found = 0
    for token in text.split():
        if not token.startswith(("@", "http://", "https://")) and any(map(str.isalnum, token)):
            found += max(1, sum(map(_stands_alone, token)))
    return found


def _stands_alone(character: str) -> bool:
    return character > "\u0dff" and unicodedata.name(character, "").startswith(_SCRIPTS_WITHOUT_SPACES)


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the shingles of two comparable texts."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def near_texts(texts: Sequence[str], least: float = TEXT_SIMILARITY, run: Run = map) -> Edges:
    """Pairs of comparable `texts` with a similarity of at least `least`. Give each text once, none of them empty.

    MinHash with locality-sensitive hashing (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3) proposes;
    what it proposes is verified. What it misses: see BANDS.

    >>> near_texts(["shark in the street", "a shark in the street", "a cat on a roof"]).tolist()
    [[0, 1]]
    """
    signatures = np.empty((len(texts), BANDS * ROWS), dtype=np.uint32)
    parts = ((start, texts[start : start + _JOB]) for start in range(0, len(texts), _JOB))
    for start, some in run(_signed, parts):
        signatures[start : start + len(some)] = some
    mixed = np.uint64(0x9E3779B97F4A7C15)
    kept = []
    for first in range(0, BANDS * ROWS, ROWS):
        band = np.zeros(len(texts), dtype=np.uint64)
        for column in signatures[:, first : first + ROWS].T:
            band = (band ^ column) * mixed
        for one, other in _meeting(np.unique(band, return_inverse=True)[1]):
            alike = (signatures[one] == signatures[other]).mean(axis=1) >= least - 0.25  # 4 standard errors
            kept.append(np.stack([one[alike], other[alike]], axis=1))
    proposed = _once(kept)
    some_of = (proposed[start : start + _JOB] for start in range(0, len(proposed), _JOB))
    jobs = ((edges, {i: texts[i] for i in np.unique(edges).tolist()}, least) for edges in some_of)
    return _once(list(run(_verified, jobs)))


def _signed(job: tuple[int, Sequence[str]]) -> tuple[int, npt.NDArray[np.uint32]]:
    start, texts = job
    return start, _signatures(texts)


def _verified(job: tuple[Edges, dict[int, str], float]) -> Edges:
    """Those of the proposed pairs that are as similar as they must be."""
    proposed, texts, least = job
    sure = [similarity(texts[i], texts[j]) >= least for i, j in proposed.tolist()]
    return np.asarray(proposed[np.array(sure, dtype=bool)])


def shingles(text: str) -> set[str]:
    """All stretches of SHINGLE characters; of a shorter text, the text."""
    return {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}


def _signatures(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """MinHash signatures [texts, BANDS x ROWS]: the least value of a text's shingles, by hash function.

    The functions are multiply-shift of a polynomial hash of the shingle.
    """
    random = np.random.default_rng(1)
    factors = random.integers(2**63, size=BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = random.integers(2**63, size=BANDS * ROWS, dtype=np.uint64)
    powers = np.uint64(0x100000001B3) ** np.arange(SHINGLE, dtype=np.uint64)
    signatures = np.empty((len(texts), BANDS * ROWS), dtype=np.uint32)
    for begin in range(0, len(texts), _CHUNK):
        some = [text.ljust(SHINGLE, "\0") for text in texts[begin : begin + _CHUNK]]
        codes = np.frombuffer("".join(some).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(codes, SHINGLE)
        hashed = (windows * powers).sum(axis=1, dtype=np.uint64)
        lengths = np.array([len(text) for text in some])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        inside = np.ones(len(codes), dtype=bool)  # a window must not begin in one text and end in the next
        for back in range(1, SHINGLE):
            inside[starts + lengths - back] = False
        hashed = hashed[inside[: len(hashed)]]
        counts = lengths - SHINGLE + 1
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        hashed ^= hashed >> np.uint64(31)
        for k, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
            values = ((hashed * factor + offset) >> np.uint64(32)).astype(np.uint32)
            signatures[begin : begin + len(some), k] = np.minimum.reduceat(values, first)
    return signatures


# --- both -----------------------------------------------------------------------------------------------------------


def components(number: int, edges: Iterable[Edges]) -> npt.NDArray[np.int64]:
    """Return the connected component of each of `number` items [number], as a number.

    >>> components(4, [np.array([[0, 2]]), np.array([[2, 3]])]).tolist()
    [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array  # heavy, and not every command needs it
    from scipy.sparse.csgraph import connected_components

    ties = np.concatenate([np.empty((0, 2), dtype=np.int64), *edges])
    graph = coo_array((np.ones(len(ties), dtype=bool), (ties[:, 0], ties[:, 1])), shape=(number, number))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _meeting(band: npt.NDArray[Any], flip: int = 0) -> Iterator[tuple[Indices, Indices]]:
    """All pairs of indices with equal values in `band` [n], but for the bit `flip`; each pair once.

    Values are integers from 0 up, not much larger than n or 2^16.
    """
    order = np.argsort(band, kind="stable")
    ends = np.cumsum(np.bincount(band, minlength=1 << 16))
    value = band[order]
    if flip:
        start = np.flatnonzero(value & flip)  # from the side that has the bit, so that a pair is met once
        end = ends[value[start] ^ flip]
        at = np.concatenate([[0], ends])[value[start] ^ flip]
    else:
        start = np.arange(len(band))
        end, at = ends[value], start + 1
    while len(start):
        left = at < end
        start, at, end = start[left], at[left], end[left]
        yield order[start], order[at]
        at = at + 1


def _once(found: Sequence[Edges]) -> Edges:
    """All edges [number, 2], sorted, each once."""
    low, high = np.sort(np.concatenate([np.empty((0, 2), dtype=np.int64), *found]), axis=1).T
    span = int(high.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(low * span + high), span), axis=1)
