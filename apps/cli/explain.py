"""`ccd explain`: where each word of a pair looks, and what both streams of the network say."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.train import data_option, threads_option

if TYPE_CHECKING:
    from rich.table import Table

    from model.attention import Explanation


@click.command("explain")
@click.argument("pair")
@click.option("--model", metavar="NAME", help="A folder in models, or a path (default: the one trained last).")
@click.option("--word", metavar="W", help="Draw this word alone, larger (default: all words in a grid).")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The picture (default: PAIR.png or PAIR-WORD.png, without colons).",
)
@data_option
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "pair_id": "the pair",
        "synthetic": "true where the toolkit made the pair itself",
        "text": "its text, as models see it",
        "image": "its photo",
        "label": "its label in --data; null for a pair of the campaign, which may have none yet",
        "model": "the folder of the network",
        "answers": "map from together, association and alignment to the probability of each label",
        "tokens": "n words of the text",
        "boxes": "K regions: left, top, right, bottom in shares of the photo",
        "weights": "n lists of K numbers: how each word attends over the regions",
        "strongest": "of each word, the region with the highest weight; null where there is no region",
        "picture": "the PNG",
    }
)
def explain_command(
    folder: Path,
    pair: str,
    model: str | None,
    word: str | None,
    out: Path | None,
    data: Path | None,
    threads: int | None,
) -> contract.Report:
    """Show why a network says what it says of PAIR.

    A picture of the photo for each word, brighter where the word attends to, its strongest region outlined; and what
    each of the two streams would say alone. PAIR is a pair_id of the campaign, or of --data.

    \b
    Example: ccd explain x:263046056240115712:0 --model ananet-4fd1a2c09b3e
    """
    from apps.cli.progress import bars
    from apps.cli.train import set_device
    from ccd.errors import InputError
    from ccd.files.atomic import write_new
    from model.attention import draw_all, draw_word, explain_pair
    from model.checkpoint import chosen
    from model.encoders.photo import open_rgb

    set_device(threads)
    checkpoint = chosen(folder / "models", model)
    if checkpoint.is_score:
        raise InputError(f"{checkpoint.folder}: predicts a score; name a network of labels with --model")
    told = _of_data(data, pair, checkpoint.question) if data else _of_campaign(folder, pair)
    photo = Path(told["image"])
    with bars() as started:
        found = explain_pair(checkpoint, told["text"], photo, folder, started)
    if word is not None and word not in found.tokens:
        raise InputError(f"{pair}: no word {word!r}; its words are {' '.join(found.tokens)}")
    image = open_rgb(photo)
    picture = draw_all(image, found) if word is None else draw_word(image, found, found.tokens.index(word))
    name = pair if word is None else f"{pair}-{word}"
    out = out or Path(re.sub(r"[^\w.@-]", "-", name) + ".png")
    png = io.BytesIO()
    picture.save(png, "PNG")
    write_new(out, png.getvalue())
    made = "synthetic pair " if told["synthetic"] else ""
    shown: list[Any] = [f"{made}{pair}: {told['text']}"]
    shown += [f"It was labelled {told['label']}."] if told["label"] else []
    shown += [*found.said(), _table(found), f"{out} is drawn."]
    facts = told | {"pair_id": pair, "model": str(checkpoint.folder), "picture": str(out)} | found.to_dict()
    return contract.Report(facts, shown)


def _of_data(data: Path, pair: str, question: str | None) -> dict[str, Any]:
    """Text, photo and label of a pair of a CCD-style folder."""
    from ccd.errors import InputError
    from collection.text import model_text
    from model.data import read_folder

    found = read_folder(data, model_text, question)
    for pairs in found.splits.values():
        if pair in pairs.ids:
            place = pairs.ids.index(pair)
            return {
                "text": found.texts[pairs.texts[place].decode()],
                "image": found.images[pairs.images[place].decode()],
                "label": found.labels[pairs.labels[place]],
                "synthetic": found.synthetic,
            }
    raise InputError(f"{data}: no pair {pair!r}; pair_ids are in its train, dev and test.jsonl")


def _of_campaign(folder: Path, pair: str) -> dict[str, Any]:
    """Text and photo of a pair of the campaign."""
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.tables import known_pairs
    from ccd.errors import InputError
    from collection.text import model_text

    campaign = Campaign.open(folder)
    with campaign.read() as db:
        row = known_pairs.content(db, [pair]).get(pair)
    if row is None:
        raise InputError(f"{folder}: no pair {pair!r}, or its post is gone; name another, or a release by --data")
    text = row.model_text or model_text(row.text)
    image = str(campaign.folder / row.file)
    return {"text": text, "image": image, "label": None, "synthetic": campaign.is_synthetic}


def _table(found: "Explanation") -> "Table":
    """Each word, the weight of its strongest region, and where that is."""
    from rich.table import Table

    table = Table("word", "weight", "region: left, top, right, bottom")
    for place, token in enumerate(found.tokens):
        best = found.strongest(place)
        if best is None:
            table.add_row(token, "", "none found")
        else:
            sides = ", ".join(f"{side:.2f}" for side in found.boxes[best])
            table.add_row(token, f"{found.weights[place, best]:.2f}", sides)
    return table
