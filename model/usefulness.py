"""Whether a network is worth its predictions: better on dev than one label for every pair, and than the text alone.

Mean recall is what is compared: the share of each label's pairs that is found, averaged over the labels. Whoever says
one label of every pair, or guesses, gets 1 / C, however rare a label is. Measured once, when a network is trained; the
commands that use the network only read it. It flatters a little, as the best epoch was chosen on dev too.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ccd.files.regular import MOST_TEXT, read_json
from model.resampling import Floats, Ids, cells_of, interval_of, numbered, resampled

if TYPE_CHECKING:
    from model.data import Loader

KEY = "against"  # of metrics.json
UNKNOWN = (
    "It is not known whether this network is better than one label for every pair or than text alone: it was trained "
    "by an older toolkit, or dev is too small. Train again to know."
)


def measure(train: "Loader", dev: "Loader", predicted: Ids, labels: tuple[str, ...], balanced: bool) -> dict[str, Any]:
    """Compare predicted ids of dev [N] with train's most frequent label and with a regression on the mean word.

    `balanced`: the network was trained with class weights, and so is the regression. Differences have 95 % bootstrap
    intervals over leakage groups.
    """
    from model.evaluation import mean_of, recall

    size, of = len(labels), numbered(dev.groups, len(dev))
    most = int(np.bincount(train.labels, minlength=size).argmax())
    said = (predicted, np.full(len(dev), most), by_text(train, dev, size, balanced))
    sums = np.concatenate([cells_of(of, dev.labels * size + each, size**2) for each in said], axis=1)
    value, drawn = (mean_of(recall(each.reshape(-1, 3, size, size))) for each in (sums.sum(0), resampled(sums, 0)))
    found: dict[str, Any] = {"pairs": len(dev), "groups": len(sums), "recall": float(value[0, 0])}
    for place, name in ((1, "majority"), (2, "text")):
        gain = interval_of(value[0, 0] - value[0, place], drawn[:, 0] - drawn[:, place], len(sums))
        found[name] = {"recall": float(value[0, place]), "difference": asdict(gain)}
    found["majority"]["label"] = labels[most]
    return found


def by_text(train: "Loader", dev: "Loader", size: int, balanced: bool) -> Ids:
    """Return what logistic regression on the mean of a text's word features says of dev [N], learned from train."""
    from model.relation import fit

    rows, others = _mean_words(train), _mean_words(dev)
    spread = rows.std(0)
    scale = np.where(spread > 1e-9, spread, 1)
    model = fit(((rows - rows.mean(0)) / scale).astype(np.float32), train.labels, size)
    chances = model.predict(((others - rows.mean(0)) / scale).astype(np.float32))
    if balanced:
        chances = chances / np.maximum(np.bincount(train.labels, minlength=size), 1)
    return np.asarray(chances.argmax(1))


def read(models: Path, version: str) -> Mapping[str, Any] | None:
    """Return what was measured of the network in `models`/`version`.

    None where it was not, or the folder is elsewhere.
    """
    try:
        found = read_json(models / version / "metrics.json", MOST_TEXT).get(KEY)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, dict) else None


def is_useful(found: Mapping[str, Any] | None) -> bool | None:
    """Whether it is better than both, by the lower end of the intervals; None where that is not known."""
    lows = [] if found is None else [found[name]["difference"]["low"] for name in ("majority", "text")]
    if any(low is not None and low <= 0 for low in lows):
        return False
    return True if lows and None not in lows else None


def warning(found: Mapping[str, Any] | None) -> str | None:
    """One line where a network is no better than a baseline, or where that is not known; None where it is better."""
    useful = is_useful(found)
    if useful:
        return None
    if found is None or useful is None:
        return UNKNOWN
    names = {"majority": f"saying {found['majority']['label']} of every pair", "text": "text alone"}
    parts = []
    for name, words in names.items():
        gain = found[name]["difference"]
        if gain["low"] is not None and gain["low"] <= 0:
            parts.append(
                f"{words} ({100 * found[name]['recall']:.1f}; difference {100 * gain['low']:+.1f} to "
                f"{100 * gain['high']:+.1f} points)"
            )
    return (
        f"This network is no better than {' or than '.join(parts)}: mean recall {100 * found['recall']:.1f} % on "
        f"{found['pairs']:,} pairs of dev."
    )


def _mean_words(loader: "Loader") -> Floats:
    """[N, d]: the mean of each text's words, in the loader's order."""
    from model.masked import masked_mean

    rows = np.zeros((len(loader), 0))
    order = loader.sorted(256)
    for indices, batch in zip(order, loader.batches(order), strict=True):
        means = masked_mean(batch.words, batch.word_mask).double().cpu().numpy()
        rows = rows if rows.shape[1] else np.zeros((len(loader), means.shape[1]))
        rows[indices] = means
    return rows
