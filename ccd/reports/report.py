"""The agreement report: every number of every question, in agreement.json, as a page, and as pictures.

Of each question the report has level, labels, all of `ccd.measures.agreement.Agreement`, and:

- `confusions` [labels][labels]: how often one annotator said the one and another the other of the same pair;
- `scorecards`: annotator → `ccd.measures.scorecards.Scorecard`;
- `subsets`: {"arm": {arm: agreement}, "round": {…}};
- `plan`: `ccd.measures.sample_size.Plan`, or None where no half width was asked for.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ccd.campaign import revisions
from ccd.campaign.agreement import by_subset, of_judged
from ccd.campaign.campaign import Campaign
from ccd.campaign.judged_groups import with_groups
from ccd.campaign.scorecards import of_campaign as scorecards_of
from ccd.campaign.tables import judgments
from ccd.errors import EnvironmentFailure, InputError
from ccd.files.atomic import write_atomic
from ccd.measures import scorecards
from ccd.measures.aggregation import MajorityVote
from ccd.measures.agreement import Agreement, Resample, agreement
from ccd.measures.sample_size import plan
from ccd.measures.scorecards import Scorecard
from ccd.protocol import Level
from ccd.reports.page import page
from ccd.reports.plots import pictures

QUESTION = "label"  # what a table of judgments answers: the name of its column


@dataclass(frozen=True)
class Wanted:
    """What is asked for: bootstrap draws, and to what half width of alpha to plan (None: no plan)."""

    n_resamples: int = 1000
    seed: int = 0
    resample: Resample = "pairs"
    half_width: float | None = None


def of_campaign(campaign: Campaign, wanted: Wanted) -> dict[str, Any]:
    """Return the report of a campaign. Raises CcdError where its primary question has no judgments yet."""
    questions = {}
    with campaign.read() as db:
        asked = revisions.used(db, campaign.protocol)
        for question in (revisions.as_judged(each, asked) for each in campaign.protocol.questions):
            # Each reads the judgments for itself: all of a large campaign are in memory once at a time
            cards = scorecards_of(db, question, campaign.config.fastest_seconds)
            subsets = by_subset(db, question, asked, wanted.n_resamples, wanted.seed, wanted.resample)
            df = with_groups(db, judgments.valid_judgments(db, question.name))
            if df.empty and question.name == campaign.protocol.question.name:
                raise InputError("no judgments yet; run `ccd pull` once annotators have judged some pairs")
            found = of_judged(df, question, asked, wanted.n_resamples, wanted.seed, wanted.resample)
            questions[question.name] = _question(df, question.labels, question.level, found, cards, subsets, wanted)
    return _report(campaign.protocol.question.name, campaign.is_synthetic, questions, revisions.mixed(asked))


def of_table(df: pd.DataFrame, labels: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    """Return the report of judgments without a campaign (task, worker, label; one row a judgment).

    The labels are nominal. Settled is what most judgments of a task say, where it has two or more and no tie.
    """
    cards = scorecards.scorecards(df, labels, MajorityVote(labels, required=2).fit_predict(df))
    found = agreement(df, labels, "nominal", wanted.n_resamples, wanted.seed, wanted.resample)
    return _report(QUESTION, False, {QUESTION: _question(df, labels, "nominal", found, cards, {}, wanted)}, None)


def write(folder: Path, title: str, report: Mapping[str, Any], new: bool = False) -> list[Path]:
    """Write agreement.json, agreement.html and agreement-<question>-<picture>.png; each whole or not at all.

    Pictures of an earlier report that are no longer drawn are taken away. With `new`, the folder is made, and nothing
    in it is ever replaced: raises CcdError where another report is there. Returns what was written.
    """
    drawn = {question: pictures(found) for question, found in report["questions"].items()}
    files = {
        "agreement.json": (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode(),
        "agreement.html": page(title, report, drawn).encode(),
    }
    for question, pngs in drawn.items():
        files |= {f"agreement-{question}-{name}.png": png for name, png in pngs.items()}
    earlier = {*folder.glob("agreement-*.png"), *filter(Path.exists, map(folder.joinpath, files))}
    if new:
        other = [path for path in earlier if path.name not in files or path.read_bytes() != files[path.name]]
        if other:
            raise InputError(f"{min(other)}: is there already, with other content; move it away or name another folder")
        _make(folder)
    for name, data in files.items():
        write_atomic(folder / name, data)
    for path in earlier - {folder / name for name in files}:
        path.unlink()
    return [folder / name for name in files]


def _report(primary: str, synthetic: bool, questions: dict[str, dict[str, Any]], mixed: str | None) -> dict[str, Any]:
    of = {"synthetic": synthetic, "question": primary}
    return of | questions[primary] | {"questions": questions, "mixed": mixed}


def _question(
    df: pd.DataFrame,
    labels: Sequence[str],
    level: Level,
    found: Agreement,
    cards: Mapping[Any, Scorecard],
    subsets: Mapping[str, Mapping[str, Agreement]],
    wanted: Wanted,
) -> dict[str, Any]:
    planned = None if wanted.half_width is None else plan(df, labels, level, wanted.half_width, seed=wanted.seed)
    return {
        "level": level,
        "labels": list(labels),
        **found.to_dict(),
        "confusions": scorecards.confusions(df, labels).tolist(),
        "scorecards": {str(name): card.to_dict() for name, card in cards.items()},
        "subsets": {kind: {key: each.to_dict() for key, each in some.items()} for kind, some in subsets.items()},
        "plan": None if planned is None else asdict(planned),
    }


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailure(f"{folder}: cannot be made a folder ({error.strerror}); choose another") from None
