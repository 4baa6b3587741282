"""Tables measured again: rows, resumption, intervals over seeds, and what is ahead of what."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ccd.errors import CcdError
from model import reproduce
from model.baselines.sizes import Sizes
from model.evaluation import confusion, weighted_f1
from model.profile import PROFILE_WIDTH
from model.reproduce import Measured, Source, ahead, best_one_sided, draw_grid, measure
from model.tables import GRID, TABLES, Table, TableRow
from model.training import Settings
from model.zoo import ZOO, config_of
from tests.model.caches import WIDTH, loader

LABELS = ["irrelevant", "related"]
CHANCE = Table(
    "chance", (TableRow("Majority", "majority"), TableRow("Stratified", "stratified"), TableRow("Text only", "text"))
)


def source(root: Path, space: str | None = None, pairs: int = 60) -> Source:
    train, dev, test = (loader(root / str(seed), pairs, seed, space=space) for seed in range(3))
    sizes = Sizes(WIDTH, WIDTH, len(LABELS), PROFILE_WIDTH if space else 0)
    about = {"labels": LABELS, "synthetic": True, "data": "made", "features": {}}
    return Source(train, dev, test, sizes, "made", about)


def test_every_row_is_trained_with_every_seed_and_never_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = source(tmp_path)
    found = measure(CHANCE, made, None, Settings(epochs=1), 2, tmp_path / "out", small=True)
    assert [each.row.name for each in found] == ["Majority", "Stratified", "Text only"]
    assert all(each.predicted.shape == (2, 60) for each in found)
    expected = 100 * (made.test.labels == np.bincount(made.train.labels).argmax()).mean()
    assert found[0].values["accuracy"] == pytest.approx((expected, expected))
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 6
    assert list((tmp_path / "out" / "training").iterdir()) == []  # the networks themselves are not kept
    monkeypatch.setattr(reproduce, "train", None)
    again = measure(CHANCE, made, None, Settings(epochs=1), 2, tmp_path / "out", small=True)
    assert [each.values for each in again] == [each.values for each in found]


def test_an_interrupted_measurement_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, trained, real = source(tmp_path), [], reproduce.train

    def until_the_third(model: str, *arguments: object) -> object:
        trained.append(model)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return real(model, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reproduce, "train", until_the_third)
    settings, out = Settings(epochs=1), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        measure(CHANCE, made, None, settings, 2, out, small=True)
    found = measure(CHANCE, made, None, settings, 2, out, small=True)
    assert trained == ["majority", "majority", "stratified", "stratified", "stratified", "text", "text"]
    monkeypatch.setattr(reproduce, "train", real)
    undisturbed = measure(CHANCE, made, None, settings, 2, tmp_path / "other", small=True)
    assert [each.values for each in found] == [each.values for each in undisturbed]


def test_other_data_or_settings_are_other_runs(tmp_path: Path) -> None:
    one, out = Table("one", CHANCE.rows[:1]), tmp_path / "out"
    made = source(tmp_path)
    other = Source(made.train, made.dev, made.test, made.sizes, made.words, {**made.about, "data": "other"})
    for settings, of in ((Settings(), made), (Settings(rate=0.1), made), (Settings(), other), (Settings(), made)):
        measure(one, of, None, settings, 1, out, small=True)
    assert len(list((out / "runs").iterdir())) == 3


def test_rows_without_bert_use_the_first_word_encoder(tmp_path: Path) -> None:
    rows = (TableRow("both", "majority"), TableRow("first", "majority", plain=True, twin=True))
    table, full, plain = Table("", rows), source(tmp_path / "a"), source(tmp_path / "b")
    plain = Source(plain.train, plain.dev, plain.test, plain.sizes, "glove", plain.about)
    found = measure(table, full, plain, Settings(), 1, tmp_path, small=True)
    assert [each.words for each in found] == ["made", "glove"]
    alone = measure(table, full, None, Settings(), 1, tmp_path, small=True)
    assert not alone[1].values
    assert alone[1].why.startswith("needs two word encoders")


def test_what_needs_one_space_is_not_measured_without(tmp_path: Path) -> None:
    table = Table("", (TableRow("profile", "similarity"), TableRow("no space", "ananet", {"shared_space": False})))
    apart = measure(table, source(tmp_path / "a"), None, Settings(epochs=1), 1, tmp_path, small=True)
    assert [each.why for each in apart] == ["needs encoders of one space"] * 2
    together = measure(table, source(tmp_path / "b", "one"), None, Settings(epochs=1), 1, tmp_path, small=True)
    assert not any(each.why for each in together)
    assert together[0].values["accuracy"][0] > 80  # the profile sees a match that nothing was trained on


def test_no_test_pair_is_told(tmp_path: Path) -> None:
    made = source(tmp_path)
    empty = Source(made.train, made.dev, loader(tmp_path / "none", 0, 9), made.sizes, "made", made.about)
    with pytest.raises(CcdError, match="test has no pair"):
        measure(CHANCE, empty, None, Settings(), 1, tmp_path, small=True)


def test_the_interval_over_seeds_is_students() -> None:
    values = (70.0, 72.0, 77.0)
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    found = Measured(TableRow("", "text"), values={"accuracy": values}).spread("accuracy")
    assert (found.mean - (found.half or 0), found.mean + (found.half or 0)) == pytest.approx((low, high))
    assert Measured(TableRow("", "text"), values={"accuracy": (70.0,)}).spread("accuracy").half is None


def test_ahead_is_the_difference_with_an_interval_of_the_pairs() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 400)
    good, poor = (np.where(draw.random((2, 400)) < share, labels, 0) for share in (0.9, 0.5))
    a, b = (Measured(TableRow("", "text"), predicted=predicted) for predicted in (good, poor))
    found = ahead(a, b, labels, 3)
    means = [np.mean([weighted_f1(confusion(labels, each, 3)) for each in side]) for side in (good, poor)]
    assert found.value == pytest.approx(100 * (means[0] - means[1]))
    assert 0 < found.low < found.value < found.high
    same = ahead(a, a, labels, 3)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert ahead(b, a, labels, 3).value == pytest.approx(-found.value)


def test_ahead_draws_whole_leakage_groups() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 100).repeat(4)
    right = (draw.random((2, 100)) < np.array([[0.9], [0.6]])).repeat(4, axis=1)
    a, b = (Measured(TableRow("", "text"), predicted=np.where(each, labels, 0)[None]) for each in right)
    widths = []
    for groups in (None, [str(i // 4) for i in range(400)]):
        found = ahead(a, b, labels, 3, groups)
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.15)


def test_a_label_without_test_pairs_has_no_f1_and_no_part_in_the_mean(tmp_path: Path) -> None:
    made = source(tmp_path)
    about = {**made.about, "labels": [*LABELS, "absent"]}
    other = Source(made.train, made.dev, made.test, replace(made.sizes, labels=3), made.words, about)
    found = measure(Table("", CHANCE.rows[:1]), other, None, Settings(), 2, tmp_path / "out", small=True)[0]
    spread = found.spread("absent")
    assert (spread.mean, spread.half, spread.reason) == (None, None, "no pair has this label")
    both = [found.values[name][0] for name in LABELS]
    assert found.values["macro_f1"][0] == pytest.approx(np.mean(both))


def test_the_best_one_sided_row_is_chosen_by_dev() -> None:
    rows = [("text", 0.5), ("image", 0.7), ("paper", 0.9), ("majority", 0.4)]
    found = [Measured(TableRow(model, model), values={"accuracy": (1.0,)}, dev=dev) for model, dev in rows]
    best = best_one_sided(found)
    assert best is not None
    assert best.row.model == "image"
    assert best_one_sided(found[2:3]) is None


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_the_paper_can_be_made(name: str) -> None:
    rows = TABLES[name].rows
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.model in ZOO
        for small in (False, True):
            config = reproduce._config(row, Sizes(4, 4, 3, PROFILE_WIDTH), small)
            assert isinstance(config, type(config_of(row.model, Sizes(4, 4))))
            assert all(getattr(config, key) == value for key, value in row.switches.items())


def test_the_tables_have_all_rows_of_the_paper() -> None:
    printed = {name: [row for row in table.rows if row.paper] for name, table in TABLES.items()}
    assert {name: len(rows) for name, rows in printed.items()} == {
        "table3": 11, "table4": 8, "table5": 3, "table6": 7, "fig4": 1, "ablation": 0,
    }  # fmt: skip
    # one network has the same figures wherever the paper prints it
    full = {"accuracy": 84.84, "weighted_f1": 83.84}
    assert [printed[name][place].paper for name, place in (("table3", -1), ("table4", 0), ("table6", 0))] == [full] * 3
    assert len(TABLES["fig4"].rows) == len(GRID) ** 2


def test_the_grid_is_drawn(tmp_path: Path) -> None:
    rows = TABLES["fig4"].rows
    found = [Measured(row, values={"accuracy": (float(i),), "weighted_f1": (50.0,)}) for i, row in enumerate(rows)]
    draw_grid(found, "made up", tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_says_what_it_was(tmp_path: Path) -> None:
    measure(Table("", CHANCE.rows[:1]), source(tmp_path), None, Settings(seed=0), 1, tmp_path, small=True)
    (file,) = (tmp_path / "runs").iterdir()
    told = json.loads(file.read_bytes())
    assert (told["model"], told["row"], told["training"]["seed"]) == ("majority", "Majority", 0)
    assert told["about"]["synthetic"] is True
