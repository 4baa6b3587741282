"""The report: its numbers, a page that needs no other file, and pictures that can be looked at."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from ccd.campaign.gold_labels import aggregate_labels
from ccd.errors import CcdError
from ccd.reports import report
from ccd.reports.page import page
from ccd.reports.plots import MOST_ANNOTATORS, busiest, pictures
from ccd.reports.report import Wanted
from tests.ccd.build import add_pairs, campaign, judge

E, I, R = "explicit", "implicit", "irrelevant"  # noqa: E741
VOTES = {"x:1:0": (E, E, E), "x:2:0": (E, I, R), "x:3:0": (I, I, R), "x:4:0": (R, R, R)}
FEW = Wanted(n_resamples=50)
VOID = {"meta", "img", "br"}  # elements without an end


class Page(HTMLParser):
    """Checks that elements end in order, and keeps the text, the pictures and every address."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        assert tag not in ("script", "link", "iframe")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def pictures(self) -> list[bytes]:
        head = "data:image/png;base64,"
        assert all(address.startswith(head) for address in self.addresses)
        return [base64.b64decode(address.removeprefix(head)) for address in self.addresses]


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


def table(workers: int, labels: tuple[str, ...], pairs: int = 40, each: int = 3) -> pd.DataFrame:
    """Judgments of `each` of so many workers a pair, who err now and then."""
    rows = [
        (f"p{pair}", f"w{(pair + i) % workers:02d}", labels[(pair + (pair * 7 + i * 3) % 5 // 4) % len(labels)])
        for pair in range(pairs)
        for i in range(min(each, workers))
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def of(df: pd.DataFrame, labels: tuple[str, ...] = ("no", "yes")) -> dict[str, Any]:
    return report.of_table(df, labels, FEW)


def test_a_campaign_gets_all_its_files(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    judge(made, "x:2:0", "lead", E, role="adjudicator")
    aggregate_labels(made)
    found = report.of_campaign(made, Wanted(n_resamples=50, half_width=0.2))
    written = report.write(tmp_path, "t", found)
    names = ["confusion", "classes"]
    assert [path.name for path in written] == [
        "agreement.json",
        "agreement.html",
        *(f"agreement-relation-{name}.png" for name in names),
    ]
    assert json.loads((tmp_path / "agreement.json").read_text()) == found
    html = Page((tmp_path / "agreement.html").read_text())
    assert sorted(html.pictures) == sorted(path.read_bytes() for path in written[2:])
    assert [size(png)[0] > 800 and size(png)[1] > 150 for png in html.pictures] == [True] * 2
    assert found["scorecards"]["a1"]["recall"][E] == {"value": 1.0, "part": 2, "of": 2, "reason": None}
    assert found["confusions"][2] == [1, 1, 6]  # explicit beside irrelevant, implicit, explicit
    assert {kind: list(each) for kind, each in found["subsets"].items()} == {"arm": ["random"], "round": ["1"]}
    assert found["plan"]["half_width"] == 0.2


def test_parts_of_a_campaign_are_counted_apart(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    add_pairs(made, ["x:9:0"], number=2, arm="gold")
    judge(made, "x:9:0", "a1", E)
    judge(made, "x:9:0", "a2", E)
    subsets = report.of_campaign(made, FEW)["subsets"]
    assert {name: each["n_pairs"] for name, each in subsets["arm"].items()} == {"random": 4, "gold": 1}
    assert {name: each["n_judgments"] for name, each in subsets["round"].items()} == {"1": 12, "2": 2}


def test_the_same_judgments_give_the_same_files(tmp_path: Path) -> None:
    found = of(table(3, ("no", "yes")))
    for folder in ("one", "two"):
        report.write(tmp_path / folder, "t", found, new=True)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_page_asks_nothing_of_anybody() -> None:
    found = of(table(3, ("no", "yes")))
    html = page("t", found, {"label": pictures(found["questions"]["label"])})
    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r"base64,[^\"]*", "", html))
    assert len(Page(html).pictures) == 2


def test_names_are_shown_as_they_are() -> None:
    names = {"w00": "<b>&\"'", "w01": "$x$ _y_", "w02": "a very long name " * 5}
    df = table(3, ("<i>", "yes")).assign(worker=lambda df: df["worker"].map(names))
    found = of(df, ("<i>", "yes"))
    text = Page(page("<t>", found, {"label": pictures(found["questions"]["label"])})).text
    for name in (*names.values(), "<i>", "Agreement: <t>"):
        assert name.strip() in text


@pytest.mark.parametrize(
    "df",
    [table(1, ("no", "yes")), table(2, ("yes",)), table(2, ("no", "yes"), pairs=1), table(10, tuple("abcdefgh"), 80)],
    ids=["one annotator", "one label", "one pair", "ten annotators, eight labels"],
)
def test_whatever_there_is_can_be_written(tmp_path: Path, df: pd.DataFrame) -> None:
    found = of(df, tuple(sorted({"no", "yes", *df["label"]})))
    written = report.write(tmp_path / "deep" / "out", "t", found, new=True)
    Page(written[1].read_text())
    assert "nan" not in written[0].read_text().lower().replace("annot", "")
    for path in written[2:]:
        assert size(path.read_bytes())[0] > 800


def test_one_annotator_alone_has_no_pictures_and_a_reason(tmp_path: Path) -> None:
    found = of(table(1, ("no", "yes")))
    assert pictures(found["questions"]["label"]) == {}
    text = Page(page("t", found, {"label": {}})).text
    assert "alpha, nominal: undefined, no pair has two judgments" in text


def test_of_a_crowd_the_busiest_are_drawn() -> None:
    df = pd.concat(
        [table(40, ("no", "yes"), 80), pd.DataFrame([["p0", "zed", "no"]], columns=["task", "worker", "label"])]
    )
    found = of(df)
    assert len(found["scorecards"]) == 41
    drawn = busiest(found)
    assert (len(drawn), "zed" in drawn) == (MOST_ANNOTATORS, False)
    text = Page(page("t", found, {"label": pictures(found["questions"]["label"])})).text
    assert "the 24 annotators with most judgments" in text


def test_scores_have_coefficients_and_no_labels(tmp_path: Path) -> None:
    (tmp_path / "fit.toml").write_text(
        'name = "fit"\ntitle = "Fit"\nreference = "none"\nyear = 2024\nguideline = "Say."\n'
        '[[questions]]\nname = "fit"\ntitle = "Fit"\nkind = "score"\nminimum = 0.0\nmaximum = 10.0\nstep = 0.5\n'
    )
    made = campaign(tmp_path, {"x:1:0": (None,) * 3, "x:2:0": (None,) * 3}, protocol="fit.toml")
    for pair, scores in (("x:1:0", (1.0, 2.0, 1.0)), ("x:2:0", (9.0, 9.0, 8.5))):
        for worker, score in zip(("a1", "a2", "a3"), scores, strict=True):
            judge(made, pair, worker, {"fit": score})
    found = report.of_campaign(made, FEW)
    assert found["coefficients"]["krippendorff_interval"]["value"] > 0.9
    assert (found["labels"], found["confusions"]) == ([], [])
    assert found["scorecards"]["a1"]["others"]["reason"] == "scores have no majority"
    assert [path.name for path in report.write(tmp_path, "t", found)] == ["agreement.json", "agreement.html"]


def test_a_picture_that_is_no_longer_drawn_goes(tmp_path: Path) -> None:
    report.write(tmp_path, "t", of(table(3, ("no", "yes"))))
    assert (tmp_path / "agreement-label-classes.png").exists()
    (tmp_path / "mine.png").write_bytes(b"mine")
    report.write(tmp_path, "t", of(table(1, ("no", "yes"))))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agreement.html", "agreement.json", "mine.png"]


def test_a_new_report_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "agreement.json").write_text("mine")
    with pytest.raises(CcdError, match=r"agreement\.json: is there already, with other content"):
        report.write(tmp_path, "t", of(table(3, ("no", "yes"))), new=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_in_the_way_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CcdError, match="cannot be made a folder"):
        report.write(tmp_path / "file", "t", of(table(3, ("no", "yes"))), new=True)
