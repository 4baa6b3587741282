"""Dawid and Skene's model: the paper's own figures, a restatement task by task, crowd-kit, what EM must do."""

import crowdkit.aggregation as crowdkit
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.measures.dawid_skene import DawidSkene, Model, expect
from ccd.measures.patterns import Rows
from tests.ccd.measures.test_aggregation import LABELS, judgments

# Table 1 of the paper: 45 patients by the answers of observers 1 (three times), 2, 3, 4, 5. As it is typed in several
# public programs; the R package `rater` has 1-1-2 for patient 7 where they have 1-2-2, which alone gives the paper's
# 0.89 in Table 3.
ANAESTHETISTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111
1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""
FIT = {"tol": 0.0, "n_iter": 10, "required": 1}


def anaesthetists() -> pd.DataFrame:
    rows = [
        (patient, observer, int(grade))
        for patient, grades in enumerate(ANAESTHETISTS.split(), 1)
        for observer, grade in zip((1, 1, 1, 2, 3, 4, 5), grades, strict=True)
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def restated(df: pd.DataFrame, labels: list[str], n_iter: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The paper's equations 2.3 to 2.5, task by task. Posterior of the tasks in their order, priors, errors, and
    log-likelihood."""
    tasks, workers = list(df["task"].unique()), list(df["worker"].unique())
    answers = [df[df["task"] == task] for task in tasks]
    posterior = np.array([[(a["label"] == label).mean() for label in labels] for a in answers])
    for _ in range(n_iter):
        priors = posterior.mean(axis=0)
        errors = np.full((len(workers), len(labels), len(labels)), 0.0)  # worker, true, observed
        for share, given_ in zip(posterior, answers, strict=True):
            for row in given_.itertuples():
                errors[workers.index(row.worker), :, labels.index(row.label)] += share
        for each in errors.reshape(-1, len(labels)):
            each[:] = each / each.sum() if each.sum() else 1 / len(labels)
        evidence = []
        for i, given_ in enumerate(answers):
            joint = priors.copy()
            for row in given_.itertuples():
                joint *= errors[workers.index(row.worker), :, labels.index(row.label)]
            evidence.append(joint.sum())
            posterior[i] = joint / joint.sum()
    return posterior, priors, errors, float(np.log(evidence).sum())


def identified() -> st.SearchStrategy[pd.DataFrame]:
    """Tasks' judgments, with repeats, and one task of three judgments."""
    three = pd.DataFrame({"task": [8] * 3, "worker": ["w0", "w1", "w2"], "label": ["x", "y", "y"]})
    return judgments(repeats=True).map(lambda df: pd.concat([df, three], ignore_index=True))


def test_the_paper() -> None:
    model = DawidSkene(labels=(1, 2, 3, 4))
    labels = model.fit_predict(anaesthetists())
    assert model.priors_.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]  # Table 2
    assert model.errors_.loc[1].T.round(2).to_numpy().tolist() == [  # Table 3, observer 1
        [0.89, 0.11, 0.00, 0.00],
        [0.07, 0.88, 0.05, 0.00],
        [0.00, 0.34, 0.66, 0.00],
        [0.00, 0.00, 0.56, 0.44],
    ]
    assert labels.loc[1:6].tolist() == [1, 4, 2, 2, 2, 2]  # Table 4
    assert model.probas_.loc[1:6].max(axis=1).round(2).tolist() == [1.0] * 6
    assert model.n_iter_ < 100
    assert set(model.table_["resolved_by"]) == {"dawid-skene"}


@settings(deadline=None, max_examples=25)
@given(identified())
def test_it_is_the_restatement_task_by_task(df: pd.DataFrame) -> None:
    model = DawidSkene(labels=LABELS, **FIT)  # type: ignore[arg-type]
    model.fit_predict(df)
    posterior, priors, errors, likelihood = restated(df, list(LABELS), model.n_iter_)
    assert np.allclose(model.probas_.loc[df["task"].unique()], posterior, atol=1e-6)
    assert np.allclose(model.priors_, priors, atol=1e-6)
    for place, worker in enumerate(df["worker"].unique()):
        assert np.allclose(model.errors_.loc[worker].T, errors[place], atol=1e-6)
    assert model.log_likelihood_ == pytest.approx(likelihood, abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(identified())
def test_the_likelihood_never_falls_and_probabilities_add_up(df: pd.DataFrame) -> None:
    before = -np.inf
    for n_iter in range(1, 8):
        model = DawidSkene(n_iter, -1.0, labels=LABELS)
        model.fit_predict(df)
        assert model.n_iter_ == n_iter
        assert model.log_likelihood_ >= before - 1e-9
        assert model.log_likelihood_ <= 1e-9
        before = model.log_likelihood_
    assert np.allclose(model.probas_.sum(axis=1), 1)
    assert model.priors_.sum() == pytest.approx(1)
    assert np.allclose(model.errors_.groupby(level="worker").sum(), 1)


@settings(deadline=None, max_examples=25)
@given(identified(), st.permutations(range(4)), st.integers(0, 99))
def test_order_and_names_of_rows_and_workers_do_not_matter(df: pd.DataFrame, names: list[int], seed: int) -> None:
    one, two = DawidSkene(labels=LABELS, **FIT), DawidSkene(labels=LABELS, **FIT)  # type: ignore[arg-type]
    one.fit_predict(df)
    two.fit_predict(
        df.sample(frac=1, random_state=seed).assign(worker=lambda d: d["worker"].map(lambda w: f"w{names[int(w[1:])]}"))
    )
    assert np.allclose(one.probas_, two.probas_, atol=1e-6)
    assert one.log_likelihood_ == pytest.approx(two.log_likelihood_, abs=1e-6)


@pytest.mark.filterwarnings("ignore")  # crowd-kit uses what pandas will drop
def test_as_crowd_kit_has_it() -> None:
    df = simulated(300)
    theirs = crowdkit.DawidSkene(n_iter=100, tol=1e-9)
    ours = DawidSkene(100, 1e-9)
    expected = theirs.fit_predict(df)
    pd.testing.assert_series_equal(ours.fit_predict(df), expected, check_dtype=False)
    assert np.allclose(ours.probas_, theirs.probas_.loc[ours.probas_.index, ours.probas_.columns], atol=1e-3)
    assert np.allclose(
        ours.errors_, theirs.errors_.reindex(ours.errors_.index).fillna(0)[ours.errors_.columns], atol=1e-3
    )


def test_good_workers_are_told_from_bad_ones() -> None:
    df, truth = simulated(300), simulated_truth(300)
    model = DawidSkene()
    assert (model.fit_predict(df) == truth).mean() > 0.93
    right = {worker: np.diag(model.errors_.loc[worker]).mean() for worker in df["worker"].unique()}
    assert min(right, key=right.__getitem__) == "w4"


def test_a_tie_is_settled_by_the_rule_alone() -> None:
    df = pd.DataFrame({"task": [1, 1, 1, 2, 2, 2], "worker": list("abcabc"), "label": list("xyzyzx")})
    df = pd.concat([df, df.iloc[:3].assign(task=3, label=list("zxy"))])
    for rule, label, way in (("adjudicate", None, "open"), ("drop", None, "dropped"), ("rule:y,x", "y", "rule:y,x")):
        model = DawidSkene(tie_rule=rule)
        assert model.fit_predict(df).tolist() == [label] * 3
        assert model.table_["resolved_by"].tolist() == [way] * 3
    expert = DawidSkene(tie_rule="expert", experts=["b"])
    assert expert.fit_predict(df).tolist() == ["y", "z", "x"]


def test_two_judgments_a_task_are_refused() -> None:
    """Different labels are equally likely under the model; so are they with two annotators in all."""
    two = pd.DataFrame({"task": [1, 1, 2, 2, 3, 3], "worker": list("abbcca"), "label": list("xyyxxx")})
    for few in (two, two.assign(worker=list("ababab")), two.iloc[:1]):
        with pytest.raises(CcdError, match="no task has 3 judgments, and with fewer different labels fit the model"):
            DawidSkene().fit_predict(few)


def test_two_annotators_have_equally_likely_models() -> None:
    """Why they are refused: two models of one table have the same likelihood, and give different labels."""
    rows = Rows(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0, 1]] * 4), np.array([30, 20, 20, 30]))
    same = Model(np.array([0.5, 0.5]), np.array([[[a, 1 - a], [1 - a, a]] for a in [(1 + 0.2**0.5) / 2] * 2]))
    # the shares of the table, as: the first annotator is never wrong, and the second is right on 60 of 100
    sure = Model(np.array([0.5, 0.5]), np.array([[[1, 0], [0, 1]], [[0.6, 0.4], [0.4, 0.6]]]))
    (first, likelihood), (second, other) = expect(rows, same), expect(rows, sure)
    assert likelihood == pytest.approx(other, rel=1e-12)
    assert first[1].tolist() == pytest.approx([0.5, 0.5])
    assert second[1].tolist() == pytest.approx([1, 0])


def test_whether_it_converged_is_known() -> None:
    df = simulated(300)
    done, stopped = DawidSkene(), DawidSkene(n_iter=2)
    done.fit_predict(df)
    stopped.fit_predict(df)
    assert (done.converged_, done.n_iter_ < 100) == (True, True)
    assert (stopped.converged_, stopped.n_iter_) == (False, 2)


def test_what_is_missing_few_and_empty() -> None:
    df = pd.DataFrame({"task": [1, 1, 1, 2], "worker": list("abca"), "label": list("xxxx")})
    model = DawidSkene(labels=("x", "y"), required=3)
    assert model.fit_predict(df).tolist() == ["x", None]
    assert model.table_["resolved_by"].tolist() == ["dawid-skene", "incomplete"]
    assert model.errors_.loc[("c", "x"), "y"] == 0.5  # c has judged nothing that is y
    assert DawidSkene().fit_predict(df.iloc[:0]).empty
    with pytest.raises(CcdError, match="'z' is not one of x, y"):
        model.fit_predict(df.assign(label="z"))


def simulated_truth(tasks: int) -> "pd.Series[str]":
    random = np.random.default_rng(7)
    return pd.Series(random.choice(list(LABELS), tasks, p=[0.5, 0.2, 0.3]), index=range(tasks))


def simulated(tasks: int) -> pd.DataFrame:
    """Five workers, of whom w4 guesses, judge every task."""
    random, truth = np.random.default_rng(8), simulated_truth(tasks)
    rows = []
    for task, label in truth.items():
        for worker, good in enumerate((0.9, 0.85, 0.8, 0.75, 0.3)):
            said = label if random.random() < good else random.choice([x for x in LABELS if x != label])
            rows.append((task, f"w{worker}", said))
    return pd.DataFrame(rows, columns=["task", "worker", "label"])
