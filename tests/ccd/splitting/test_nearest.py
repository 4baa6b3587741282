"""The nearest pairs across splits are the nearest, however they are looked for."""

import pandas as pd
import pytest

from ccd.splitting import nearest as neighbours
from ccd.splitting.near_duplicates import comparable, similarity
from ccd.splitting.nearest import nearest

TEXTS = [f"{who} {does} on the roof of our house all {when} long" for who in ("A cat", "A dog", "Two birds", "Nobody")
         for does in ("sleeps", "sings", "waits") for when in ("day", "night")]  # fmt: skip


def frame() -> tuple[pd.DataFrame, "pd.Series[str]"]:
    hashes: list[str | None] = [f"{n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}" for n in range(len(TEXTS))]
    hashes[3], hashes[5] = "", None
    columns = {"pair_id": [f"p{n:02d}" for n in range(len(TEXTS))], "phash": hashes, "text": TEXTS}
    pairs = pd.DataFrame(columns, dtype=object)
    return pairs, pd.Series([("train", "train", "dev", "test")[n % 4] for n in range(len(TEXTS))])


@pytest.mark.parametrize("chunk", [5, 1000])
def test_the_nearest_are_found(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_CHUNK", chunk)
    pairs, split = frame()
    found, looked_at = nearest(pairs, split, seed=1, most=100)
    assert looked_at == (split != "train").sum()
    best = {(each.kind, each.pair): each.likeness for each in found}
    for kind in ("image", "text"):
        listed = [each.likeness for each in found if each.kind == kind]
        assert listed == sorted(listed, reverse=True)
        for i in range(len(pairs)):
            others = [j for j in range(len(pairs)) if split[i] != "train" and split[j] != split[i]]
            likes = [likeness(kind, pairs, i, j) for j in others]
            nearest_of_it = round(max(likes, default=0), 4)
            assert best.get((kind, pairs["pair_id"][i]), 0) in (nearest_of_it, 0)
            listed_as = [
                each.likeness for each in found if each.kind == kind and f"p{i:02d}" in (each.pair, each.other)
            ]
            assert max(listed_as, default=0) >= nearest_of_it
    for each in found:
        i, j = int(each.pair[1:]), int(each.other[1:])
        assert (split[i], split[j]) == (each.split, each.other_split)
        assert round(likeness(each.kind, pairs, i, j), 4) == each.likeness


def likeness(kind: str, pairs: pd.DataFrame, i: int, j: int) -> float:
    if kind == "text":
        return similarity(comparable(pairs["text"][i]), comparable(pairs["text"][j]))
    one, other = pairs["phash"][i], pairs["phash"][j]
    return 1 - (int(one, 16) ^ int(other, 16)).bit_count() / 128 if one and other else 0.0


def test_of_many_pairs_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "COMPARISONS", 3 * len(TEXTS))
    assert nearest(*frame(), seed=1)[1] == 3
