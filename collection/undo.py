"""Take back what a mistaken `ccd collect` brought: the pairs, posts, photos and drops of a source."""

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import pairs
from ccd.campaign.tables.events import record
from ccd.errors import InputError


def sources(campaign: Campaign) -> list[str]:
    """Return the sources of what was collected and dropped, sorted."""
    with campaign.read() as db:
        return pairs.sources(db)


def undo(campaign: Campaign, source: str) -> pairs.TakenBack:
    """Take back what a source brought, as if it had never been read; collect it again and it is as new.

    Pairs that are in a round or judged stay, with their posts. Duplicates are to be looked for again. Raises CcdError
    where nothing came from that source.

    >>> undo(campaign, "data/tweets.tsv").drops  # doctest: +SKIP
    11103
    """
    if source not in (known := sources(campaign)):
        raise InputError(f"{source}: nothing was collected from it; the sources are {', '.join(known) or 'none'}")
    with campaign.write() as db:
        taken, files = pairs.take_back(db, source)
        after = {"pairs": taken.pairs, "waiting": taken.waiting, "drops": taken.drops, "kept": taken.kept}
        record(db, "ccd collect", "undo", source, after=after)
    for file in files:
        (campaign.folder / file).unlink(missing_ok=True)
    return taken
