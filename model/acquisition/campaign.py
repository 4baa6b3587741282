"""A campaign's pairs as a pool: those that can be drawn, and those that have a label to learn from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ccd.campaign import predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import assignments, judgments, known_pairs
from ccd.campaign.tables.events import now
from ccd.campaign.tables.pairs import in_rounds
from ccd.campaign.tables.random_arm import linked
from ccd.errors import CcdError, InputError
from model.acquisition.clusters import cluster
from model.acquisition.pool import Floats, Ints, Labelled, Pool

if TYPE_CHECKING:
    import pandas as pd

PAIRS_A_CLUSTER = 100
CLUSTERS = 256  # at most


@dataclass(frozen=True)
class Candidates:
    """The `pool`, and what of it is `labelled`; `beyond` it are the pairs that can be judged and not ranked.

    These have no prediction of the model `version` (`unpredicted`; of all pairs that were to be ranked or learned
    from), are copies of a pair that is in a round, or are linked to one that was drawn at random. `could_be_drawn`
    pairs, ranked or not, were in no round `at` that time.
    """

    pool: Pool
    labelled: Labelled
    beyond: Sequence[str]
    could_be_drawn: int
    version: str | None
    unpredicted: int
    at: str
    linked: int = 0  # pairs of the pool that are linked to one drawn at random, as there are too few others

    def pair(self, row: int) -> str:
        """Return the id of a row of a batch: of the pool, or beyond it."""
        return self.pool.ids[row] if row < len(self.pool) else self.beyond[row - len(self.pool)]


def candidates(
    campaign: Campaign,
    version: str | None,
    seen: Callable[[str], str],
    *,
    question: str | None = None,
    again: bool = False,
    seed: int = 0,
    size: int = 0,
) -> Candidates:
    """Pairs of living posts that are in no round, but for copies of one that is (`pairs.copy_of`); and labelled ones.

    The same photo with another text is another pair, and no copy. Pairs that are linked to one drawn at random are left
    `beyond`, where `size` others can be ranked: it would have to follow them into train
    (ccd/campaign/tables/random_arm.py).

    With `again` the judged pairs are those that an annotator has not had, with their votes. Without a `version` there
    are no predictions, and embeddings are the pairs' similarity profiles, where encoders share a space and `ccd encode`
    has run. `seen` gives what a model sees of a text. Labels and votes are those on `question` (default: the protocol's
    first). Raises CcdError where it asks for a score, or where the network knows other labels.

    >>> found = candidates(campaign, latest(campaign), collection.text.model_text)  # doctest: +SKIP
    >>> len(found.pool), len(found.labelled.rows), found.could_be_drawn  # doctest: +SKIP
    (12252, 600, 11652)
    """
    of = campaign.protocol.by_name(question) if question else campaign.protocol.question
    if not of.labels:
        raise InputError(
            f"question {of.name!r} asks for a score, and pairs are ranked to find a label; draw them at random: "
            "`ccd round new`"
        )
    names = [annotator.name for annotator in campaign.config.annotators]
    with campaign.read() as db:
        at = now()
        group_of, label_of = {}, {}
        for pair, original, label in known_pairs.labelled(db, of.name):
            group_of[pair] = original or pair
            if label is not None:
                label_of[pair] = of.labels.index(label)
        drawn = in_rounds(db) & group_of.keys()
        votes = judgments.valid_judgments(db, of.name) if again else None
        had_by_all = assignments.had_by_all(db, names) if again else set()
        tied = linked(db, campaign.config.split_ties)
    copied = {group_of[pair] for pair in drawn}
    could_be_drawn = [pair for pair in group_of if pair not in drawn]
    free = [pair for pair in could_be_drawn if group_of[pair] not in copied]
    apart = [pair for pair in free if pair not in tied]
    follow = 0 if len(apart) >= size else len(free) - len(apart)
    free = free if follow else apart
    known = sorted(label_of if votes is None else (set(votes["task"]) & group_of.keys()) - had_by_all)
    ids = free + known
    told = _told(campaign, version, ids, of.labels)
    kept = ids if told is None else told.ids
    number = {name: i for i, name in enumerate(sorted({group_of[pair] for pair in kept}))}
    group = np.array([number[group_of[pair]] for pair in kept], np.int64)
    del number, group_of
    place = {pair: row for row, pair in enumerate(kept)}
    profiles = _profiles(campaign, ids, seen) if told is None else told.profiles
    nothing: Floats = np.zeros((len(kept), 0), np.float16)
    embeddings = told.embeddings if told is not None else nothing if profiles is None else profiles
    pool = Pool(
        ids=kept,
        embeddings=embeddings,
        groups=group,
        clusters=cluster(embeddings, min(CLUSTERS, len(kept) // PAIRS_A_CLUSTER), seed),
        probabilities=None if told is None else told.probabilities,
        association=None if told is None else told.association,
        alignment=None if told is None else told.alignment,
        profiles=profiles,
        judgments=None if votes is None else _counts(place, votes, of.labels),
    )
    rows = [place[pair] for pair in known if pair in place and pair in label_of]
    labelled = Labelled(np.array(rows, np.int64), np.array([label_of[kept[row]] for row in rows], np.int64))
    beyond = [pair for pair in could_be_drawn if pair not in place]
    return Candidates(pool, labelled, beyond, len(could_be_drawn), version, len(ids) - len(kept), at, follow)


def _told(
    campaign: Campaign, version: str | None, ids: Sequence[str], labels: tuple[str, ...]
) -> predictions.Predictions | None:
    if version is None:
        return None
    told = predictions.read(campaign, version, ids)
    if told.labels != labels:
        raise InputError(
            f"{version} knows the labels {', '.join(told.labels)}, the protocol {', '.join(labels)}; train on pairs of "
            "every label, then run `ccd predict`"
        )
    return told


def _counts(place: Mapping[str, int], votes: "pd.DataFrame", names: tuple[str, ...]) -> Ints:
    """How often each pair of the pool was given each label [N, C]."""
    counts = np.zeros((len(place), len(names)), np.int64)
    for task, label in zip(votes["task"], votes["label"], strict=True):
        if task in place:
            counts[place[task], names.index(label)] += 1
    return counts


def _profiles(campaign: Campaign, ids: Sequence[str], seen: Callable[[str], str]) -> Floats | None:
    """Return the similarity profile of each pair from the feature cache [N, 28]; None where encoders share no space.

    A pair that is not encoded has noughts. None, too, where nothing is encoded.
    """
    from model.data import Loader, Pairs, share_space
    from model.features import Features, text_key
    from model.profile import PROFILE_WIDTH

    root, config = campaign.folder / "features", campaign.config
    try:
        regions = Features.latest(root, "regions", config.region_encoder)
        words = Features.latest(root, "words", config.word_encoder)
    except CcdError:
        return None
    if not share_space(regions, words):
        return None
    place = {pair: row for row, pair in enumerate(ids)}
    images, texts = np.zeros(len(ids), "S64"), np.zeros(len(ids), "S64")
    with campaign.read() as db:
        for pair, image, text, shown in known_pairs.texts(db):
            if pair in place:
                images[place[pair]], texts[place[pair]] = image, text_key(shown or seen(text))
    loader = Loader(Pairs(tuple(ids), images, texts, np.zeros(len(ids), np.int64)), regions, words)
    found = np.zeros((len(ids), PROFILE_WIDTH), np.float16)
    order = loader.sorted(256)
    for indices, batch in zip(order, loader.batches(order), strict=True):
        assert batch.profile is not None
        found[[place[loader.ids[i]] for i in indices]] = batch.profile.numpy()
    return found
