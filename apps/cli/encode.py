"""`ccd encode`: features of all images and texts, kept for training and prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract

if TYPE_CHECKING:
    from ccd.campaign.campaign import Campaign

MOST_SHOWN = 20  # missing images


@click.command("encode")
@click.option("--regions", metavar="LINE", help="Encoder of images (default: as campaign.toml says).")
@click.option("--words", metavar="LINE", help="Encoder of texts (default: as campaign.toml says).")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that encode.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="`ray` encodes on all machines of its cluster; they must see the same disk.",
)
@contract.in_campaign
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "pairs": "pairs of posts that are not gone",
        "images": "different images of these pairs",
        "texts": "different texts of these pairs, as models see them",
        "new": "regions and words: how many images and texts this run encoded",
        "kept": "regions and words: how many an earlier run had encoded",
        "missing": "map from image files that could not be encoded to the reason",
        "forgotten": "images and texts that no pair has any more, taken out of every cache",
        "seconds": "regions and words: seconds that this run took",
        "bytes_per_pair": "size of both caches on disk, by the number of pairs",
        "folders": "regions and words: the folder of each cache",
    }
)
def encode_command(folder: Path, regions: str | None, words: str | None, workers: int, engine: str) -> contract.Report:
    """Make features of all images and texts.

    The encoders are named in campaign.toml under [encoders]. What was encoded before is kept; only what is new or
    changed is encoded. Interrupt it at any time and run it again: it goes on where it was.

    \b
    Example:
      ccd encode --workers 2
    """
    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from model.encoding import Encoders, encode
    from model.features import forget

    campaign = Campaign.open(folder)
    config = campaign.config
    encoders = Encoders(regions or config.region_encoder, words or config.word_encoder, campaign.folder)
    pairs, images, texts = _content(campaign)
    root = campaign.folder / "features"
    with campaign.alone("encode"), bars() as started:
        forgotten = forget(root, "regions", images) + forget(root, "words", texts)
        done = {
            "regions": encode(encoders, "regions", images, root, workers=workers, engine=engine, started=started),
            "words": encode(encoders, "words", texts, root, workers=workers, engine=engine, started=started),
        }
    size = sum(file.stat().st_size for run in done.values() for file in run.cache.rglob("*") if file.is_file())
    facts = {
        "synthetic": campaign.is_synthetic,
        "pairs": pairs,
        "images": len(images),
        "texts": len(texts),
        "new": {kind: run.new for kind, run in done.items()},
        "kept": {kind: run.kept for kind, run in done.items()},
        "missing": {images[key]: reason for key, reason in done["regions"].missing.items()},
        "forgotten": forgotten,
        "seconds": {kind: round(run.seconds, 2) for kind, run in done.items()},
        "bytes_per_pair": round(size / pairs) if pairs else 0,
        "folders": {kind: str(run.cache) for kind, run in done.items()},
    }
    return contract.Report(facts, _shown(facts))


def _content(campaign: "Campaign") -> tuple[int, dict[str, str], dict[str, str]]:
    """Number of living pairs, the path of each of their images, and each of their texts, by key."""
    from ccd.campaign.tables import known_pairs
    from ccd.campaign.tables.images import images as images_of
    from collection.text import model_text
    from model.features import text_key

    with campaign.read() as db:
        images = {row.sha256: str(campaign.folder / row.file) for row in images_of(db, shown=True)}
        # model_text is not there of pairs that an older toolkit collected
        seen = [row.model_text or model_text(row.text) for row in known_pairs.texts(db)]
    return len(seen), images, {text_key(text): text for text in seen}


def _shown(facts: Mapping[str, Any]) -> list[str]:
    made = "synthetic " if facts["synthetic"] else ""
    lines = [f"{facts['pairs']:,} {made}pairs: {facts['images']:,} images and {facts['texts']:,} texts."]
    for kind, of in (("regions", "images"), ("words", "texts")):
        new, kept, seconds = (facts[key][kind] for key in ("new", "kept", "seconds"))
        lines.append(f"{kind}: {new:,} {of} encoded in {seconds:,.1f} s, {kept:,} kept; {facts['folders'][kind]}")
    if facts["forgotten"]:
        lines.append(f"{facts['forgotten']:,} images and texts that no pair has any more were taken out.")
    lines.append(f"{facts['bytes_per_pair']:,} bytes a pair on disk.")
    if missing := facts["missing"]:
        lines.append(f"{len(missing):,} images could not be encoded:")
        lines += [f"  {reason}" for reason in list(missing.values())[:MOST_SHOWN]]
        if len(missing) > MOST_SHOWN:
            lines.append(f"  and {len(missing) - MOST_SHOWN:,} more; --json names all")
    return lines
