"""A look for leaks in a folder: what is tied across splits is told, whoever wrote the folder."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccd.errors import CcdError
from ccd.release.leaks import TOLD, check

CAT = "A cat sits on the roof of our house and looks at the moon"
DOG = "A dog lies under the table in the kitchen and waits for its dinner"


def picture(seed: int, quality: int = 90) -> bytes:
    """Coarse noise, so that no two seeds look alike; another quality gives other bytes of the same picture."""
    cells = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(cells).resize((128, 128), Image.Resampling.BICUBIC).save(data, "JPEG", quality=quality)
    return data.getvalue()


def folder(path: Path, rows: Mapping[str, list[dict[str, object]]], pictures: Mapping[str, bytes]) -> Path:
    (path / "images").mkdir(parents=True)
    for name, data in pictures.items():
        (path / "images" / name).write_bytes(data)
    for split in ("train", "dev", "test"):
        lines = [json.dumps(row) + "\n" for row in rows.get(split, [])]
        (path / f"{split}.jsonl").write_text("".join(lines))
    return path


def row(name: str, image: str, text: str, post: str = "") -> dict[str, object]:
    return {"pair_id": name, "image": f"images/{image}", "text": text, "label": "a", "post_id": post or name}


def test_ties_are_found_under_other_names(tmp_path: Path) -> None:
    rows = {
        "train": [row(f"p{n}", f"{n}.jpg", text) for n, text in enumerate((CAT, "one", "two", "three"), 1)],
        "dev": [row("q1", "5.jpg", "Look! " + CAT), row("q2", "copy.jpg", "four")],
        "test": [row("r1", "again.jpg", "five"), row("r2", "6.jpg", "RT @ann: two"), row("r3", "7.jpg", DOG)],
    }  # fmt: skip
    pictures = {f"{n}.jpg": picture(n) for n in range(1, 8)} | {"copy.jpg": picture(2), "again.jpg": picture(4, 60)}
    found = check(folder(tmp_path / "f", rows, pictures))
    assert set(found.problems) == {
        "dev.jsonl: pair q1 is tied to p1 in train.jsonl (near_text)",
        "dev.jsonl: pair q2 is tied to p2 in train.jsonl (image)",
        "dev.jsonl: pair q2 is tied to p2 in train.jsonl (near_image)",
        "test.jsonl: pair r1 is tied to p4 in train.jsonl (near_image)",
        "test.jsonl: pair r2 is tied to p3 in train.jsonl (post)",
    }
    assert {each["tie"]: each["after"] for each in found.ties} == {
        "image": 1, "near_image": 2, "near_text": 1, "post": 1, "any": 4,
    }  # fmt: skip
    assert (found.groups, found.straddling, found.unreadable) == (4, 4, 0)
    assert found.counts == {"train": {"a": 4}, "dev": {"a": 2}, "test": {"a": 3}}
    nearest = next(each for each in found.nearest if each.kind == "image")
    assert (nearest.pair, nearest.other, nearest.likeness) == ("q2", "p2", 1.0)


def test_a_tie_between_dev_and_test_is_a_problem_in_both(tmp_path: Path) -> None:
    rows = {"dev": [row("q", "1.jpg", CAT)], "test": [row("r", "2.jpg", CAT)]}
    found = check(folder(tmp_path / "f", rows, {"1.jpg": picture(1), "2.jpg": picture(2)}))
    assert set(found.problems) == {
        "dev.jsonl: pair q is tied to r in test.jsonl (near_text)",
        "test.jsonl: pair r is tied to q in dev.jsonl (near_text)",
    }


def test_only_what_a_release_promises_is_a_problem(tmp_path: Path) -> None:
    rows = {"train": [row("p", "1.jpg", CAT)], "test": [row("q", "2.jpg", CAT)]}
    made = folder(tmp_path / "f", rows, {"1.jpg": picture(1), "2.jpg": picture(2)})
    (made / "release.json").write_text(json.dumps({"split": {"ties": ["image", "post"]}}))
    found = check(made)
    assert found.problems == ()
    assert found.ties[-1]["after"] == 1
    (made / "release.json").unlink()
    assert len(check(made).problems) == 1


def test_without_texts_and_pictures_what_is_there_is_looked_at(tmp_path: Path) -> None:
    rows = {
        "train": [{"pair_id": "x:1:0", "label": "a", "post_id": "x:1"}],
        "dev": [{"pair_id": "x:1:1", "label": "b", "post_id": "x:1"}, {"pair_id": "x:2:0", "label": "b"}],
    }
    assert check(folder(tmp_path / "f", rows, {})).problems == (
        "dev.jsonl: pair x:1:1 is tied to x:1:0 in train.jsonl (post)",
    )


def test_a_picture_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    rows = {
        "train": [row("p", "gone.jpg", "one")],
        "dev": [row("q", "gone.jpg", "two"), row("r", "broken.jpg", "three")],
    }
    found = check(folder(tmp_path / "f", rows, {"broken.jpg": b"no picture"}))
    assert found.unreadable == 2
    assert any("q is tied to p" in line for line in found.problems)


def test_many_leaks_are_counted(tmp_path: Path) -> None:
    rows = {
        split: [row(f"{split}{n}", "none", f"{split} {n}", f"x:{n}") for n in range(50)] for split in ("train", "dev")
    }
    made = folder(tmp_path / "f", {s: [r | {"image": None} for r in of] for s, of in rows.items()}, {})
    problems = check(made).problems
    assert len(problems) == TOLD + 1
    assert problems[-1] == f"and {50 - TOLD} more pairs of dev and test with a tie to another split"


def test_no_folder_and_no_json_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match=r"train\.jsonl: not there"):
        check(tmp_path)
    made = folder(tmp_path / "f", {}, {})
    (made / "dev.jsonl").write_text("[1]\n")
    with pytest.raises(CcdError, match=r"dev\.jsonl, line 1: not a JSON object"):
        check(made)
