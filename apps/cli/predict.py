"""`ccd predict`: what a trained network says of every pair of the campaign, kept for ever."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import click

from apps.cli import contract
from apps.cli.train import network_question_option, threads_option


@click.command("predict")
@click.option("--model", metavar="NAME", help="A folder in models, or a path (default: the one trained last).")
@network_question_option
@click.option("--pairs", type=click.File(encoding="utf-8"), help="Only these: a file with one pair_id a line, or `-`.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="`ray` predicts on all machines of its cluster; they must see the same disk.",
)
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "version": "the model version, under which the predictions are kept: the name of the network's folder",
        "question": "the question that the network answers",
        "folder": "where they are",
        "synthetic": "true where the toolkit made the pairs itself",
        "new": "pairs that this run predicted",
        "kept": "pairs that an earlier run of this version had predicted",
        "missing": "pairs that have no features, as their image cannot be read: left out",
        "labels": "map from labels to the new pairs that most likely have it; empty for a score",
        "warning": "one line where the network is no better than train's most frequent label or than text alone on "
        "dev, or where that is not known; else null",
        "seconds": "seconds that this run took",
    }
)
def predict_command(
    folder: Path, model: str | None, question: str | None, pairs: TextIO | None, engine: str, threads: int | None
) -> contract.Report:
    """Score all pairs with a trained network.

    Stores the probability of each label, what each stream of the network would say alone, how uncertain that is, and
    where the pair lies among the others; of a question that asks for a score, the score. What a network once said of a
    pair is never written again: run it after new pairs have come, or with another network, and only what is missing is
    predicted. Interrupt it at any time and run it again: it goes on where it was.

    \b
    Example:
      ccd predict
      ccd predict --model ananet-4fd1a2c09b3e --engine ray
    """
    import torch

    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from collection.text import model_text
    from model.checkpoint import chosen
    from model.prediction import predict, question_for, version_of
    from model.usefulness import KEY, warning

    campaign = Campaign.open(folder)
    if question:
        campaign.protocol.by_name(question)  # a wrong name is reported before any network is looked for
    checkpoint = chosen(folder / "models", model, question)
    only = None if pairs is None else [line.strip() for line in pairs if line.strip()]
    threads = threads or (1 if engine == "ray" else torch.get_num_threads())
    with campaign.alone("predict"), bars() as started:
        done = predict(campaign, checkpoint, model_text, only=only, engine=engine, threads=threads, started=started)
    facts = {
        "version": version_of(checkpoint),
        "question": question_for(checkpoint, campaign.protocol).name,
        "folder": str(done.folder),
        "synthetic": campaign.is_synthetic,
        "new": done.new,
        "kept": done.kept,
        "missing": done.missing,
        "labels": done.labels,
        "warning": None if checkpoint.is_score else warning(checkpoint.metrics.get(KEY)),
        "seconds": round(done.seconds, 2),
    }
    return contract.Report(facts, _shown(facts))


def _shown(facts: Mapping[str, Any]) -> list[str]:
    made = "synthetic " if facts["synthetic"] else ""
    lines = [f"{facts['new']:,} {made}pairs predicted in {facts['seconds']:,.1f} s, {facts['kept']:,} kept."]
    if facts["new"] and facts["labels"]:
        shares = ", ".join(f"{label} {count:,}" for label, count in facts["labels"].items())
        lines.append(f"Likeliest label of the new ones: {shares}.")
    if facts["missing"]:
        lines.append(f"{facts['missing']:,} pairs have no features and were left out; `ccd encode` says why.")
    if facts["warning"]:
        lines.append(facts["warning"])
    return [*lines, f"They are in {facts['folder']}."]
