"""The text-image relationship data: faults of a file that went through a spreadsheet, and the file itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection import tir, x_api
from tests.collection.replay import TOKEN, post, serving
from tests.data import SHARED

HEADER = (
    "tweet_id,text_is_represented,image_adds,image_adds_text_repr,image_adds_text_notrepr,"
    "image_notadds_text_repr,image_notadds_text_notrepr,,,\n"
)
ROWS = [
    "700000000000000001,1,1,1,0,0,0,,,",
    "700000000000000002,0,1,0,1,0,0,,,",
    "6.92094E+17,1,0,0,0,1,0,,,",
    '700000000000000004,"a leaked, quoted text",1,0,0,0,1,0,,',
    "700000000000000005,one, two,0,0,0,0,0,1,",
    "700000000000000006,a,b,c,0,1,0,1,0,0",
    "700000000000000007,0,0,0,0,1,,,,",
    "700000000000000008,1,1,0,0,0,1,,,",
    "700000000000000001,0,0,0,0,0,1,,,",
    ",0,0,0,0,0,1,,,",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "textimage.csv"
    path.write_text(HEADER + "\n".join(ROWS) + "\n")
    return path


def test_rows_are_repaired_or_refused(file: Path) -> None:
    table = tir.read(file)
    assert {name[-1]: label for name, label in table.labels.items()} == {
        "1": "image_adds=1,text_is_represented=1",
        "2": "image_adds=1,text_is_represented=0",
        "4": "image_adds=0,text_is_represented=1",
        "5": "image_adds=0,text_is_represented=0",
        "6": "image_adds=1,text_is_represented=0",
        "7": "image_adds=0,text_is_represented=0",
    }
    assert table.repaired == {
        5: "shifted right by 1",
        6: "shifted right by 2",
        7: "shifted right by 3",
        8: "one cell short",
    }
    assert set(table.refused) == {4, 9, 10, 11}
    assert "mangled: 6.92094E+17" in table.refused[4]
    assert "another label" in table.refused[10]


def test_whichever_cell_is_missing_a_row_one_cell_short_has_one_label() -> None:
    for cells, label in tir._CELLS.items():
        for i in range(6):
            assert tir._labels([*cells[:i], *cells[i + 1 :]]) == (label, "one cell short")


def test_another_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    with pytest.raises(CcdError, match="not the text-image relationship data"):
        tir.read(tmp_path / "a.csv")


def run(campaign: Campaign, file: Path) -> Any:
    result = CliRunner().invoke(cli, ["collect", "tir", str(file), "--dir", str(campaign.folder), "--json", "-"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_labels_are_priors_and_twice_is_once(campaign: Campaign, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(x_api.TOKEN, raising=False)
    facts = run(campaign, file)
    assert (facts["labels"], facts["new"], facts["hydrated"], facts["collected"]) == (6, 6, False, None)
    assert (len(facts["repaired"]), len(facts["refused"])) == (4, 4)
    assert run(campaign, file)["new"] == 0
    with campaign.read() as db:
        rows = db.execute(sa.select(schema.priors).order_by(schema.priors.c.post_id)).all()
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.judgments)) == 0
    assert len(rows) == 6
    assert rows[0] == ("x:700000000000000001", "tir", "image_adds=1,text_is_represented=1")


def test_with_a_token_the_posts_are_looked_up(campaign: Campaign, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        server.add(post(700000000000000001), post(700000000000000004, photos=2))
        monkeypatch.setenv(x_api.TOKEN, TOKEN)
        monkeypatch.setenv(x_api.BASE_URL, server.url)
        facts = run(campaign, file)
    assert facts["hydrated"]
    assert list(facts["collected"]["statuses"].values()).count("not found") == 4
    assert facts["collected"]["waiting"] == 3


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_the_real_file() -> None:
    assert SHARED
    table = tir.read(SHARED / "tir" / "textimage.csv")
    assert (len(table.labels), len(table.repaired), len(table.refused)) == (4443, 34, 28)
    assert all("mangled" in why for why in table.refused.values())
    kinds = list(table.repaired.values())
    assert [kinds.count(f"shifted right by {n}") for n in (1, 2, 3)] == [30, 1, 1]
    assert kinds.count("one cell short") == 2
