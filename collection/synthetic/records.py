"""The demo's posts: synthetic pairs as records, with the true label of each.

Everything here is made up and must be called synthetic wherever it is shown.
"""

from pathlib import Path

from ccd.files.atomic import write_atomic
from collection.records import Photo, Record
from collection.synthetic.pairs import Settings, synthetic_pair
from collection.synthetic.shards import picture

SOURCE = "synthetic"  # posts.source of every pair of ours: campaign.is_synthetic looks for it


def records(n: int, seed: int, folder: Path) -> tuple[list[Record], dict[str, str]]:
    """Write the pictures of the first `n` pairs into `folder` (JPEG); return the records and the true labels.

    >>> found, truth = records(40, 1, Path("pictures"))  # doctest: +SKIP
    >>> collect(campaign, found, SOURCE)  # doctest: +SKIP
    """
    folder.mkdir(parents=True, exist_ok=True)
    found, truth = list[Record](), dict[str, str]()
    for number in range(n):
        pair = synthetic_pair(number, Settings(seed))
        file = folder / f"{seed}-{number}.jpg"
        write_atomic(file, picture(pair))
        found.append(Record(pair.post_id, pair.text, None, "en", (Photo(0, file),), f"pair {number}"))
        truth[f"{pair.post_id}:0"] = pair.label
    return found, truth
