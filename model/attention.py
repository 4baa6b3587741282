"""Why a network said what it said of a pair: where each word looks, and what each stream alone would say.

The picture is that of the paper's Fig. 3 (Xu et al., 2021): the photo, brighter where a word attends to, its strongest
region outlined. `Explanation` is the same as data, for whoever draws it otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from ccd.errors import InputError
from model.batch import Batch, ModelOutput
from model.checkpoint import Checkpoint
from model.data import Started, features_of, share_space
from model.encoders.protocol import Floats, Regions, Words
from model.encoders.tokens import tokenize
from model.encoding import Encoders
from model.features import Kind, image_key, text_key
from model.profile import profiles

KINDS: tuple[Kind, Kind] = ("regions", "words")
DARK = 0.25  # brightness where a word does not look
OUTLINE = (255, 196, 0)
_COLUMNS = 4  # of the grid of all words, at least
_MARGIN = 8  # pixels
_LETTERS = 16  # pixels high


@dataclass(frozen=True)
class Explanation:
    """One pair with n words, K regions and C labels.

    `boxes` [K, 4]: left, top, right, bottom in shares of the photo. `weights` [n, K]: how each word attends over the
    regions; rows sum to 1. `answers`: the probability of each label, by who says it: `together`, as `ccd predict` gives
    it, and the streams `association` and `alignment` where the network has them.
    """

    tokens: tuple[str, ...]
    boxes: Floats
    weights: Floats
    labels: tuple[str, ...]
    answers: Mapping[str, tuple[float, ...]]

    def strongest(self, word: int) -> int | None:
        """Return the region that a word attends to most; None where there is no region."""
        return int(self.weights[word].argmax()) if len(self.boxes) else None

    def said(self) -> list[str]:
        """Return the answers in words, the likeliest label first.

        >>> explanation.said()  # doctest: +SKIP
        ['association says implicit 0.55, explicit 0.30, irrelevant 0.15', ...]
        """
        lines = []
        for who, chances in self.answers.items():
            ranked = sorted(zip(chances, self.labels, strict=True), reverse=True)
            lines.append(f"{who} says {', '.join(f'{label} {chance:.2f}' for chance, label in ranked)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """For JSON: lists in place of arrays, labels in place of ids, five digits."""
        return {
            "tokens": list(self.tokens),
            "boxes": _rounded(self.boxes),
            "weights": _rounded(self.weights),
            "strongest": [self.strongest(word) for word in range(len(self.tokens))],
            "answers": {
                who: {label: round(chance, 5) for label, chance in zip(self.labels, chances, strict=True)}
                for who, chances in self.answers.items()
            },
        }


def explain_pair(checkpoint: Checkpoint, text: str, photo: Path, folder: Path, started: Started) -> Explanation:
    """Return what a trained network says of the text and photo, and why.

    `text` as models see it. `folder` holds `features/`, where the pair's features are looked up, or stored when they
    are made now; files of encoders are seen from it. Raises CcdError where the photo cannot be read, the encoders are
    not those of the training, or the network has no attention.
    """
    used = checkpoint.config["features"]
    encoders = Encoders(used["regions"]["line"], used["words"]["line"], folder)
    keys = {"regions": image_key(photo), "words": text_key(text)}
    items = {"regions": {keys["regions"]: str(photo)}, "words": {keys["words"]: text}}
    caches = {
        kind: features_of(kind, items[kind], encoders, folder / "features", started, used[kind]["cache"])
        for kind in KINDS
    }
    places = {kind: caches[kind].find([keys[kind]]) for kind in KINDS}
    if places["regions"][0] < 0:
        raise InputError(f"{photo}: its features cannot be made; `ccd encode` and `ccd doctor` say why")
    seen, told = (caches[kind].batch(places[kind])[0][0].astype(np.float32) for kind in KINDS)
    boxes, scores = (part.astype(np.float32) for part in caches["regions"].boxes(int(places["regions"][0])))
    one_space = share_space(caches["regions"], caches["words"])
    regions, words = Regions(seen, boxes, scores), Words(tokenize(text), told)
    return explain(checkpoint.network(), regions, words, checkpoint.labels, checkpoint.temperature, one_space=one_space)


def explain(
    network: nn.Module,
    regions: Regions,
    words: Words,
    labels: Sequence[str],
    temperature: float = 1.0,
    *,
    one_space: bool,
) -> Explanation:
    """Return what the network says of one pair, as its encoders gave it, and why.

    `labels` in the order of their ids. What the streams say together is divided by `temperature`, as predictions are;
    each stream alone is not, as dev sets the temperature of both together. `one_space` where both encoders share a
    space: the network may want the similarity profile. Raises CcdError where the network has no attention from words to
    regions.

    >>> explain(network, regions, words, ("irrelevant", "implicit", "explicit"), one_space=False)  # doctest: +SKIP
    """
    batch = Batch(
        torch.from_numpy(regions.features)[None],
        torch.ones(1, len(regions.features), dtype=torch.bool),
        torch.from_numpy(words.features)[None],
        torch.tensor([len(words.features)]),
    )
    network.eval()
    with torch.inference_mode():
        verdict: ModelOutput = network(replace(batch, profile=profiles(batch)) if one_space else batch)
    if verdict.word_to_region is None:
        raise InputError("this network has no attention from words to regions; explain with ananet or paper")
    heard = {
        "together": verdict.logits / temperature,
        "association": verdict.association,
        "alignment": verdict.alignment,
    }
    answers = {who: tuple(logits[0].softmax(-1).tolist()) for who, logits in heard.items() if logits is not None}
    weights = verdict.word_to_region[0].numpy()
    return Explanation(words.tokens, regions.boxes, weights, tuple(labels), answers)


def draw_word(photo: Image.Image, explanation: Explanation, word: int, width: int = 480) -> Image.Image:
    """Return the photo in so many pixels' width as one word looks at it; below it the word and its strongest weight."""
    height = max(1, round(photo.height * width / photo.width))
    shown = _brightened(photo.convert("RGB").resize((width, height)), explanation.boxes, explanation.weights[word])
    size = max(11, width // 20)
    tile = Image.new("RGB", (width, height + 2 * size), "white")
    pen = ImageDraw.Draw(shown)
    said = explanation.tokens[word]
    if (best := explanation.strongest(word)) is not None:
        pen.rectangle(_pixels(explanation.boxes[best], shown.size), outline=OUTLINE, width=max(2, width // 120))
        said += f"  {explanation.weights[word, best]:.2f}"
    tile.paste(shown, (0, 0))
    ImageDraw.Draw(tile).text((_MARGIN, height + size // 2), said, "black", _letters(size))
    return tile


def draw_all(photo: Image.Image, explanation: Explanation, width: int = 960) -> Image.Image:
    """Return the photo as it is, then every word's picture, in a grid of so many pixels' width.

    Above it what the network and its streams say.
    """
    number = 1 + len(explanation.tokens)
    columns = min(number, max(_COLUMNS, math.isqrt(number) + 1))  # of a long text more, so that one sees it at once
    side = (width - (columns + 1) * _MARGIN) // columns
    tiles = [photo.convert("RGB").resize((side, max(1, round(photo.height * side / photo.width))))]
    tiles += [draw_word(photo, explanation, word, side) for word in range(len(explanation.tokens))]
    font = _letters(_LETTERS)
    top = _MARGIN + 3 * _LETTERS // 2 * len(explanation.answers)
    step = max(tile.height for tile in tiles) + _MARGIN
    page = Image.new("RGB", (width, top + step * -(-len(tiles) // columns) + _MARGIN), "white")
    pen = ImageDraw.Draw(page)
    for row, said in enumerate(explanation.said()):
        pen.text((_MARGIN, _MARGIN + 3 * _LETTERS // 2 * row), said, "black", font)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        page.paste(tile, (_MARGIN + column * (side + _MARGIN), top + row * step))
    return page


@lru_cache
def _letters(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's font, which knows Latin with all its accents, Greek, Cyrillic and Arabic; Pillow's has no Ã."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _brightened(photo: Image.Image, boxes: Floats, weights: Floats) -> Image.Image:
    """Each pixel as bright as the strongest region over it, seen from the word's strongest; DARK outside of all."""
    level = np.zeros((photo.height, photo.width), np.float32)
    for box, weight in zip(boxes, weights / max(float(weights.max(initial=0)), 1e-12), strict=True):
        left, top, right, bottom = _pixels(box, photo.size)
        part = level[top : bottom + 1, left : right + 1]
        np.maximum(part, weight, out=part)
    bright = np.asarray(photo, np.float32) * (DARK + (1 - DARK) * level)[..., None]
    return Image.fromarray(bright.round().astype(np.uint8))


def _pixels(box: Floats, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom pixel of a box, within the photo."""
    ends = np.array([size[0], size[1]] * 2) - 1
    left, top, right, bottom = np.clip(np.rint(box * ends), 0, ends).astype(int).tolist()
    return left, top, max(left, right), max(top, bottom)


def _rounded(values: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(value), 5) for value in row] for row in values]
