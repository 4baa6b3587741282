"""Near-duplicates: the searches against all pairs, the groups, what goes and what stays, and the real tweets."""

import collections
import csv
import hashlib
import html
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from ccd.campaign.campaign import Campaign
from ccd.campaign.rounds import new_round
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.splitting import near_duplicates as near
from ccd.splitting.near_duplicates import (
    IMAGE_DISTANCE,
    NEAREST,
    TEXT_SIMILARITY,
    comparable,
    components,
    near_hashes,
    near_texts,
    picture_hash,
    similarity,
)
from collection import duplicates
from collection.contact_sheet import contact_sheet
from collection.duplicates import find
from collection.records import Photo, Record
from collection.store import collect
from collection.table import read
from collection.text import clean
from tests.data import SHARED

USES_RAY = duplicates
CHECKED = Path(__file__).with_name("duplicate_pairs.csv")
SHARK = "A shark swims in the streets of my town after the storm"


def quiet(name: str, total: int) -> Callable[[int], None]:
    return lambda number: None


# --- the searches ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**128 - 1), unique=True, max_size=20), st.integers(0, 40), st.randoms())
def test_all_near_hashes_are_found_and_no_other(values: list[int], distance: int, chance: random.Random) -> None:
    for value in values[:8]:  # neighbours at every distance
        for bit in chance.sample(range(128), chance.randint(1, 24)):
            value ^= 1 << bit
        values.append(value)
    values = list(dict.fromkeys(values))
    halves = np.array([divmod(value, 2**64) for value in values], dtype=np.uint64).reshape(-1, 2)
    found = near_hashes(halves, distance).tolist()
    apart = {(i, j): [bits.bit_count() for bits in divmod(values[i] ^ values[j], 2**64)]
             for i, j in itertools.combinations(range(len(values)), 2)}  # fmt: skip
    assert found == [[i, j] for (i, j), bits in apart.items() if sum(bits) <= distance and min(bits) <= NEAREST]


def test_jobs_may_end_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(function: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Any]:
        return reversed([function(job) for job in jobs])

    texts = [f"{SHARK} number {i // 2}{' again' * (i % 2)}" for i in range(30)]
    once = near_texts(texts).tolist()
    monkeypatch.setattr(near, "_JOB", 4)
    assert near_texts(texts).tolist() == near_texts(texts, run=backwards).tolist() == once
    assert len(once) >= 15


def test_near_texts_are_true_and_hardly_any_is_missed() -> None:
    chance = random.Random(1)
    words = [f"{a}{b}{c}" for a in "bdkmt" for b in "aeiou" for c in "lnrs"]
    texts = {" ".join(chance.choices(words, k=10)) for _ in range(200)}
    for text in sorted(texts)[:100]:
        changed = text.split()
        changed[chance.randrange(10)] = "other"
        texts.add(" ".join(changed))
    ordered = sorted(texts)
    found = {(i, j) for i, j in near_texts(ordered).tolist()}
    near = {(i, j): s for i, j in itertools.combinations(range(len(ordered)), 2)
            if (s := similarity(ordered[i], ordered[j])) >= TEXT_SIMILARITY}  # fmt: skip
    assert found <= near.keys()
    assert len(near) > 40
    assert len(found) >= 0.9 * len(near)


@pytest.mark.parametrize(
    "texts", [[], ["only one text"], ["ab", "x" * 3], ["same start here", "unlike at all 🐈🐈🐈🐈🐈"]]
)
def test_few_and_short_texts_have_no_ties(texts: list[str]) -> None:
    assert near_texts(texts).shape == (0, 2)


@given(st.text())
def test_what_is_comparable_is_so_already(text: str) -> None:
    once = comparable(clean(text))
    assert once == "" or comparable(once) in (once, "")
    assert comparable(f"RT @you: {SHARK.upper()}!!! http://t.co/a") == comparable(SHARK)


def test_texts_are_compared_from_six_words_and_25_characters_on() -> None:
    assert near.comparable("sharks swim along our flooded street") != ""
    assert near.comparable("sharks swimming along our street") == ""
    assert near.comparable("a cat sat on that red mat") != ""  # 25 characters
    assert near.comparable("a cat sat on the red mat") == ""


def test_components_follow_chains() -> None:
    edges = [np.array([[0, 4], [2, 3]]), np.array([[3, 0]])]
    assert components(5, edges).tolist() == [0, 1, 0, 0, 0]
    assert components(2, []).tolist() == [0, 1]


# --- pictures -------------------------------------------------------------------------------------------------------


def scene(seed: int) -> Image.Image:
    """A picture with shapes of its own."""
    chance = random.Random(seed)
    image = Image.new("RGB", (320, 240), (chance.randrange(256), 120, 90))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = chance.randrange(280), chance.randrange(200)
        draw.ellipse((x, y, x + chance.randrange(20, 120), y + chance.randrange(20, 90)), fill=chance.randrange(2**24))
    return image


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def saved(name: str, image: Image.Image, **options: int) -> Path:
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return saved


def apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_a_picture_is_near_to_its_copies_and_far_from_others(saved: Callable[..., Path]) -> None:
    first = picture_hash(saved("a.png", scene(1)).read_bytes())
    copies = [
        saved("small.jpg", scene(1).resize((160, 120)), quality=40),
        saved("large.jpg", scene(1).resize((1280, 960)), quality=90),
        saved("bright.webp", ImageEnhance.Brightness(scene(1)).enhance(1.1)),
        saved("palette.gif", scene(1).quantize(64)),
    ]
    assert all(apart(first, picture_hash(copy.read_bytes())) <= IMAGE_DISTANCE for copy in copies)
    others = [picture_hash(saved("b.png", scene(seed)).read_bytes()) for seed in range(2, 30)]
    assert all(apart(one, other) > IMAGE_DISTANCE for one, other in itertools.combinations([first, *others], 2))


def test_bars_at_the_edges_are_cut_off_and_nothing_else() -> None:
    plain, varied = np.float32(1), np.float32(60)
    assert near._inside(np.array([plain, varied, plain, varied, varied, plain])) == (1, 5)
    assert near._inside(np.full(6, varied)) == (0, 6)
    assert near._inside(np.array([plain, plain, varied, plain, plain, plain])) == (0, 6)  # too little would be left


def test_a_flat_picture_has_no_hash_and_a_broken_one_is_an_error(saved: Callable[..., Path]) -> None:
    assert picture_hash(saved("flat.png", Image.new("RGB", (50, 50), (9, 99, 200))).read_bytes()) == ""
    with pytest.raises(OSError, match=r"truncated|identify"):
        picture_hash(saved("cut.jpg", scene(1)).read_bytes()[:2000])


# --- a campaign -----------------------------------------------------------------------------------------------------


def records(saved: Callable[..., Path]) -> list[Record]:
    """Two copies of a post, the picture with another text, the text with another picture, three alone."""
    one, copy = saved("1.png", scene(1)), saved("2.jpg", scene(1).resize((200, 150)))
    two, three = saved("3.png", scene(2)), saved("4.png", scene(3))
    flat = [saved(f"flat{n}.png", Image.new("RGB", (40, 40), (n, n, n))) for n in (10, 200)]
    rows = [
        ("x:9", SHARK, "2012-10-29T10:00:00+00:00", one),
        ("x:1", f"RT @you: {SHARK}! #wow", "2012-10-29T11:00:00+00:00", copy),
        ("x:2", "My new <b>car</b> is fine, thank you all for asking", None, copy),
        ("x:3", f"{SHARK} again", None, two),
        ("x:4", "Nothing of all that happened where I live today", None, three),
        ("x:5", "A first flat picture that has nothing to show", None, flat[0]),
        ("x:6", "Another flat picture with no more in it, sorry", None, flat[1]),
    ]
    return [Record(name, text, when, None, (Photo(0, file),), name) for name, text, when, file in rows]


def groups(campaign: Campaign) -> dict[str, str | None]:
    p = schema.pairs.c
    with campaign.read() as db:
        return {row.pair_id: row.duplicate_group for row in db.execute(sa.select(p.pair_id, p.duplicate_group))}


EXPECTED = {"x:9:0": "x:2:0", "x:2:0": "x:2:0", "x:3:0": "x:2:0"} | {f"x:{n}:0": f"x:{n}:0" for n in (4, 5, 6)}


def test_the_earliest_stays_and_an_image_alone_takes_nothing_out(
    campaign: Campaign, saved: Callable[..., Path]
) -> None:
    collect(campaign, records(saved), "posts")
    found = find(campaign, quiet)
    assert (found.hashed, found.flat, found.unreadable, found.pairs) == (6, 2, 0, 6)
    assert (found.groups, found.grouped, found.largest, found.dropped, found.in_rounds) == (1, 3, 3, 1, 0)
    assert groups(campaign) == EXPECTED
    with campaign.read() as db:
        drop = db.execute(sa.select(schema.drops)).one()
    assert (drop.item, drop.reason, drop.detail) == ("x:1:0", "near-duplicate text and image", "like x:9:0")
    again = find(campaign, quiet)
    assert (again.hashed, again.dropped) == (0, 0)
    assert groups(campaign) == EXPECTED


def test_a_pair_without_a_time_gives_way_to_one_with_a_time() -> None:
    text = "A shark swims in our street tonight"
    frame = pd.DataFrame(
        {"pair_id": ["x:1:0", "x:2:0"], "image": "a", "phash": "", "text": [text, text.upper()]}
        | {"created_at": [None, "2012-10-29T22:34:01+00:00"]}
    )
    assert duplicates.Links.of(frame).alike(frame) == {"x:1:0": "x:2:0"}


def test_a_pair_that_was_taken_out_ties_no_others_together() -> None:
    hashes = ["0" * 32, "0" * 28 + "f" * 4, "0" * 24 + "f" * 8]  # the second is near to both others
    frame = pd.DataFrame(
        {"pair_id": ["x:1:0", "x:2:0", "x:3:0"], "image": list("abc"), "phash": hashes, "text": ["one", "two", "three"]}
    )
    links = duplicates.Links.of(frame)
    assert links.groups(frame, pd.Series([True, True, True])).tolist() == ["x:1:0"] * 3
    assert links.groups(frame, pd.Series([True, False, True])).tolist() == ["x:1:0", "x:3:0"]


def test_ray_finds_the_same(
    campaign: Campaign, saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, ray_or_pickled: near.Run
) -> None:
    for module, name in ((near, "_JOB"), (duplicates, "BATCH")):
        monkeypatch.setattr(module, name, 2)  # more than one job of each kind
    collect(campaign, records(saved), "posts")
    found = find(campaign, quiet, engine="ray")
    draw = np.random.default_rng(1)
    hashes = draw.integers(0, 2**64, (40, 2), dtype=np.uint64)
    hashes[20:] = hashes[:20] ^ (np.uint64(1) << draw.integers(0, 64, (20, 2), dtype=np.uint64))
    elsewhere = near_hashes(hashes, run=ray_or_pickled).tolist()
    assert elsewhere == near_hashes(hashes).tolist() == [[i, i + 20] for i in range(20)]
    assert (found.hashed, found.flat, found.unreadable, found.pairs) == (6, 2, 0, 6)
    assert (found.groups, found.grouped, found.largest, found.dropped, found.in_rounds) == (1, 3, 3, 1, 0)
    assert groups(campaign) == EXPECTED


def test_what_was_taken_out_stays_out_with_what_was_the_same(campaign: Campaign, saved: Callable[..., Path]) -> None:
    posts = records(saved)
    twin = Record("x:7", posts[1].text, "2012-10-30T00:00:00+00:00", None, posts[1].photos, "x:7")
    collect(campaign, [*posts, twin], "posts")
    find(campaign, quiet)
    again = collect(campaign, [*posts, twin], "posts")
    assert (again.kept, again.known, again.dropped) == (0, 6, {"near-duplicate text and image": 2})
    assert groups(campaign) == EXPECTED


def test_a_pair_in_a_round_is_never_taken_out(campaign: Campaign, saved: Callable[..., Path]) -> None:
    collect(campaign, records(saved), "posts")
    new_round(campaign, size=7, seed=1)
    found = find(campaign, quiet)
    assert (found.dropped, found.in_rounds, found.pairs) == (0, 1, 7)
    assert groups(campaign)["x:1:0"] == "x:1:0" == groups(campaign)["x:9:0"]
    with campaign.read() as db:
        copies = db.execute(sa.select(schema.pairs.c.pair_id, schema.pairs.c.copy_of)).all()
    assert len([1 for _, of in copies if of]) == 1, "what would have been taken out, and nothing else"


def test_killed_among_the_pictures_goes_on_where_it_was(
    campaign: Campaign, saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(campaign, records(saved), "posts")
    monkeypatch.setattr(duplicates, "BATCH", 2)

    def killed(name: str, total: int) -> Callable[[int], None]:
        def step(number: int) -> None:
            raise KeyboardInterrupt

        return step

    with pytest.raises(KeyboardInterrupt):
        find(campaign, killed)
    found = find(campaign, quiet)
    assert (found.hashed, found.dropped) == (4, 1)
    assert groups(campaign) == EXPECTED


def test_hashes_made_in_another_way_are_made_again(campaign: Campaign, saved: Callable[..., Path]) -> None:
    collect(campaign, records(saved), "posts")
    find(campaign, quiet)
    with campaign.write() as db:
        db.execute(schema.meta.update().where(schema.meta.c.key == "picture_hash").values(value="dHash"))
    assert find(campaign, quiet).hashed == 6


def test_a_lost_picture_is_told_and_only_its_own_pairs_tie(campaign: Campaign, saved: Callable[..., Path]) -> None:
    collect(campaign, records(saved), "posts")
    for file in (campaign.folder / "images").glob("*/*"):
        file.unlink()
    found = find(campaign, quiet)
    assert (found.hashed, found.unreadable, found.dropped) == (0, 6, 0)
    assert found.groups == 1


def test_two_runs_at_once_are_refused(campaign: Campaign) -> None:
    with campaign.alone("duplicates"), pytest.raises(CcdError, match="another `ccd duplicates` is at work"):
        find(campaign, quiet)


def test_an_empty_campaign_has_no_groups(campaign: Campaign) -> None:
    assert find(campaign, quiet).groups == 0


def test_the_contact_sheet_shows_groups_and_runs_nothing(campaign: Campaign, saved: Callable[..., Path]) -> None:
    collect(campaign, records(saved), "posts")
    find(campaign, quiet)
    page = contact_sheet(campaign)
    assert page.count("<h2>") == 1
    assert "x:2:0: 3 pairs, 3 pictures, 3 texts" in page
    assert page.count('src="data:image/jpeg;base64,') == 3
    assert "<b>" not in page
    assert html.escape("My new <b>car</b>") in page
    assert "http" not in page


# --- real tweets ----------------------------------------------------------------------------------------------------


def test_the_check_list_holds_300_pairs() -> None:
    rows = list(csv.DictReader(CHECKED.open()))
    assert len(rows) == len({(row["one"], row["other"]) for row in rows}) == 300
    assert all(row["same"] in (row["first"], row["second"]) for row in rows)


@pytest.mark.parametrize(("kind", "kappa"), [("image", 1.0), ("text", 0.989)])
def test_two_judges_agree_on_the_check_list(kind: str, kappa: float) -> None:
    """Cohen's kappa, as docs/duplicates.md says it."""
    rows = [(row["first"], row["second"]) for row in csv.DictReader(CHECKED.open()) if row["kind"] == kind]
    agreed = sum(first == second for first, second in rows) / len(rows)
    firsts, seconds = (collections.Counter(judged) for judged in zip(*rows, strict=True))
    chance = sum(firsts[said] * seconds[said] for said in firsts) / len(rows) ** 2
    assert (agreed - chance) / (1 - chance) == pytest.approx(kappa, abs=0.0005)


@pytest.mark.slow
@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_thresholds_on_checked_pairs() -> None:
    """The precision and recall that docs/duplicates.md says, with the searches run on all pictures and all texts."""
    assert SHARED is not None
    pictures = {hashlib.sha256(data).hexdigest(): picture_hash(data)
                for data in (file.read_bytes() for file in (SHARED / "tweets" / "images").iterdir())}  # fmt: skip
    entries = read(SHARED / "tweets" / "tweets.tsv")
    texts = {e.post_id: comparable(clean(e.text)) for e in entries if isinstance(e, Record)}
    ties = {"image": (pictures, tied(pictures, near_pictures)), "text": (texts, tied(texts, near_texts))}
    said = collections.Counter[tuple[str, str, str]]()
    for row in csv.DictReader(CHECKED.open()):
        contents, edges = ties[row["kind"]]
        one, other = contents[row["one"]], contents[row["other"]]
        alike = one != "" and (one == other or (one, other) in edges or (other, one) in edges)
        same = row["same"] == "yes"
        of = row["kind"], row["half"]
        said.update({(*of, "alike"): alike, (*of, "rightly"): alike and same, (*of, "same"): same})
    found = {of: tuple(said[*of, what] for what in ("alike", "rightly", "same"))
             for of in itertools.product(("image", "text"), ("choose", "report"))}  # fmt: skip
    assert found == {
        ("image", "choose"): (11, 11, 24),
        ("image", "report"): (11, 11, 23),
        ("text", "choose"): (48, 48, 60),
        ("text", "report"): (42, 42, 56),
    }
    assert len(ties["image"][1]) == 23


def near_pictures(hashes: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return near_hashes(np.array([divmod(int(each, 16), 2**64) for each in hashes], dtype=np.uint64))


def tied(contents: Mapping[Any, str], near: Callable[[list[str]], Any]) -> set[tuple[str, str]]:
    """The ties that a search finds among contents, each once."""
    once = sorted({content for content in contents.values() if content})
    return {(once[i], once[j]) for i, j in near(once)}
