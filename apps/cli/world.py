"""`ccd world`: draw a synthetic dataset, to measure models on what is known of it."""

from pathlib import Path

import click

from apps.cli.contract import Report, reports

_SHARE = click.FloatRange(0, 1)


@click.command("world")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Where it goes: a new folder.")
@click.option("--pairs", type=click.IntRange(min=1), default=12252, show_default=True, help="How many (CCD has 12252).")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed is another world.")
@click.option(
    "--leak", type=_SHARE, default=0.0, show_default=True, help="Share of texts with a phrase of their class."
)
@click.option(
    "--unseen", type=_SHARE, default=0.0, show_default=True, help="Share of associations that train does not have."
)
@click.option("--typos", type=_SHARE, default=0.02, show_default=True, help="Share of words with two letters swapped.")
@click.option(
    "--clutter", type=_SHARE, default=0.3, show_default=True, help="Share of texts with a mention; a link; a hashtag."
)
@click.option("--accuracy", type=_SHARE, default=0.9, show_default=True, help="Right answers of simulated annotators.")
@click.option("--implicit-accuracy", type=_SHARE, default=0.7, show_default=True, help="The same on implicit pairs.")
@click.option("--detector-accuracy", type=_SHARE, default=0.8, show_default=True, help="Boxes that are named right.")
@click.option("--detector-missed", type=_SHARE, default=0.1, show_default=True, help="Objects without a box.")
@click.option(
    "--detector-false", type=click.FloatRange(0, 3), default=0.6, show_default=True, help="Boxes a picture of nothing."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that draw (default: one a processor).")
@reports(
    {
        "folder": "where it is",
        "synthetic": "true: the toolkit made it all",
        "new": "false where the same world was there already",
        "counts": "map from split to label to pairs; `all` is their sum",
        "settings": "what gives the same world again, as in its world.json",
    }
)
def world_command(folder: Path, pairs: int, workers: int | None, **knobs: float) -> Report:
    """Draw a made world: synthetic pairs with known labels, as a release.

    Each text names one thing, hints at another and may have a feeling; the picture decides the label. With --leak 0
    neither text nor picture alone gives it away. Simulated detections and judgments come with it. The splits are those
    of CCD, exactly so at 12252 pairs. Interrupted, the same command goes on.

    \b
    Example: ccd world --out world --leak 0.5
    """
    import os
    from dataclasses import asdict
    from typing import Any

    from apps.cli.progress import bars
    from apps.cli.release import counts_table
    from collection.synthetic.folder import write_dataset
    from collection.synthetic.pairs import Settings
    from collection.synthetic.shards import Plan
    from collection.synthetic.simulated import Annotators, Detector

    plan = Plan(
        pairs,
        Settings(int(knobs["seed"]), knobs["leak"], knobs["unseen"], knobs["typos"], knobs["clutter"]),
        Detector(knobs["detector_accuracy"], knobs["detector_missed"], knobs["detector_false"]),
        Annotators(knobs["accuracy"], knobs["implicit_accuracy"]),
    )
    with bars() as started:
        done = write_dataset(folder, plan, workers or os.cpu_count() or 1, started("pairs", pairs))
    shown: list[Any] = [
        counts_table(done.counts, synthetic=True),
        f"{folder} {'is written' if done.new else 'was there already, with these settings'}; all of it is synthetic.",
    ]
    facts = {"folder": str(folder), "synthetic": True, "new": done.new, "counts": done.counts, "settings": asdict(plan)}
    return Report(facts, shown)
