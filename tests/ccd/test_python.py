"""The Python face: what `import ccd` offers, and the programs of docs/python.md as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import ccd
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.release import Form, write_release
from tests.ccd.build import campaign
from tests.ccd.campaign.test_gold_labels import E, I, R

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
VOTES = {"p1": (E, E, I), "p2": (R, R, R), "p3": (I, I, I), "p4": (E, E, E)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with votes.csv, judged.csv, pairs.csv and the campaign `shop`, which is released."""
    folder = tmp_path_factory.mktemp("home")
    made = campaign(folder / "shop", {f"x:{n}:0": each for n, each in enumerate(VOTES.values())})
    aggregate_labels(made)
    split_campaign(made)
    write_release(made, "v1", Form("files"))
    votes = [(task, worker, label) for task, each in VOTES.items() for worker, label in zip("abc", each, strict=True)]
    pd.DataFrame(votes, columns=["task", "worker", "label"]).to_csv(folder / "votes.csv", index=False)
    judged = pd.DataFrame([("x:0:0", "zoe", E), ("x:1:0", "zoe", R)], columns=["task", "worker", "label"])
    judged.to_csv(folder / "judged.csv", index=False)
    pairs = pd.DataFrame({"pair_id": [f"p{n}" for n in range(40)], "label": E, "text": "a cat"})
    pairs.assign(post_id=[f"x:{n // 2}" for n in range(40)]).to_csv(folder / "pairs.csv", index=False)
    return folder


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_the_programs_of_the_page_run(program: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len([line for line in program.splitlines() if line]) <= 5
    monkeypatch.chdir(home)
    exec(program, {})


def test_every_public_name_is_there_and_lists_itself() -> None:
    assert all(getattr(ccd, name) is not None for name in ccd.__all__)
    assert dir(ccd) == ccd.__all__
    with pytest.raises(AttributeError, match="no attribute 'agreeement'"):
        ccd.agreeement  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    heavy = "import sys, ccd; print({'pandas', 'numpy', 'sqlalchemy', 'pydantic', 'scipy'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "set()\n"


def test_frames_have_the_columns_that_the_page_names(home: Path) -> None:
    made = ccd.Campaign.open(home / "shop")
    for name, columns in re.findall(r"^\| `(\w+)\(.*?\)` \|[^|]*\| (.*) \|$", PAGE, flags=re.MULTILINE):
        if name == "predictions":
            continue  # there are none
        assert list(getattr(made, name)().columns) == re.findall(r"`(\w+)`", columns)
    judged = made.judgments().query("worker != 'zoe'")  # whom a program of the page added
    assert judged["label"].value_counts().to_dict() == {E: 5, I: 4, R: 3}
    assert made.labels()["label"].tolist() == [E, R, I, E]
    with pytest.raises(ccd.InputError, match="no predictions"):
        made.predictions()


def test_judgments_are_added_once_and_wrong_ones_not_at_all(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (E, E, E), "x:1:0": (R, R, R)})
    df = pd.DataFrame([("x:0:0", "zoe", E), ("x:1:0", "zoe", I)], columns=["task", "worker", "label"])
    assert (made.add_judgments(df), made.add_judgments(df)) == (2, 0)
    assert made.add_judgments(df.assign(label=E)) == 1  # she changed her mind on one
    assert len(made.judgments()) == 8
    for wrong, says in (
        (df.replace("x:0:0", "x:9:0"), "no such pair"),
        (df.assign(label="maybe"), "'maybe' is not one of"),
        (df.assign(task="x:0:0"), "judges it twice"),
        (df.drop(columns="worker"), "has no worker"),
    ):
        with pytest.raises(ccd.InputError, match=says):
            made.add_judgments(pd.concat([wrong, df.assign(worker="yan")]))
    with pytest.raises(ccd.InputError, match="lack the column 'worker'"):
        made.add_judgments(df.drop(columns="worker"))
    assert set(made.judgments()["worker"]) == {"a1", "a2", "a3", "zoe"}


def test_aggregators_say_their_settings() -> None:
    assert repr(ccd.MajorityVote(["no", "yes"], required=3)) == "MajorityVote(labels=('no', 'yes'), required=3)"
    assert repr(ccd.DawidSkene()) == "DawidSkene()"
    assert ccd.MajorityVote(**ccd.MajorityVote(tie_rule="drop").get_params()).tie_rule == "drop"
    with pytest.raises(ccd.InputError, match="method 'median' is unknown"):
        ccd.aggregate(pd.DataFrame(), "median")


@pytest.mark.parametrize("method", ["majority", "weighted", "dawid-skene", "mean"])
def test_one_label_for_each_task(method: str, home: Path) -> None:
    votes = pd.read_csv(home / "votes.csv")
    if method == "mean":
        votes["label"] = votes["label"].map({R: 0, I: 1, E: 2})
    found = ccd.aggregate(votes, method)
    assert list(found.index) == ["p1", "p2", "p3", "p4"]
    assert list(found.columns[:2]) == ["label", "resolved_by"]
    assert found["label"].tolist() == ([5 / 3, 0, 1, 2] if method == "mean" else [E, R, I, E])
