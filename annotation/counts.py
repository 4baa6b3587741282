"""Both sides compared: the annotations that a desk holds in Label Studio, and those that pulls have seen there.

A server that is killed stores an annotation before it moves its task's `updated_at` and counters, so that no time
stamp tells of it. Its project counts annotations themselves: where that number differs from ours, their ids are listed.
"""

from typing import Any

from annotation.client import HOLDS_ANSWERS, Studio
from annotation.desks import Desk, is_page_right, known_desks, project_of
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import tasks as ledger


def on_server(project: dict[str, Any]) -> int:
    """How many annotations a project holds, skips included, as Label Studio counted them when it was asked."""
    return int(project["total_annotations_number"]) + int(project["skipped_annotations_number"])


def ids_of(annotations: list[dict[str, Any]]) -> str:
    """Annotations as the ledger notes them: their ids, in order, each after a blank."""
    return "".join(f" {number}" for number in sorted(annotation["id"] for annotation in annotations))


def amiss(campaign: Campaign, studio: Studio) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Compare every desk with its project.

    Returns the desks whose number of answers differs, with the number (there, pulled), and those whose labeling page is
    not the one that `ccd push` put there. A desk whose project was deleted holds nothing, and is in neither.
    """
    differ, changed = {}, []
    for name, row in known_desks(campaign).items():
        project = project_of(campaign, studio, name, row.project_id)
        if project is None:
            continue
        with campaign.read() as db:
            here = ledger.count_annotations(db, row.project_id)
        if here != on_server(project):
            differ[name] = (on_server(project), here)
        if not is_page_right(campaign, project, row.page):
            changed.append(name)
    return differ, changed


def overlooked(campaign: Campaign, studio: Studio, desk: Desk, counted: int) -> list[int]:
    """The tasks whose annotations are not those that pulls have seen, though no change of theirs was reported.

    `counted` is what the server counted before the changed tasks were read: what came since may only add to what was
    seen. Asks the server for more only where the numbers show that something is missing here or there.
    """
    with campaign.read() as db:
        here = ledger.count_annotations(db, desk.project)
    if here == counted or (here > counted and here <= on_server(studio.get(f"/api/projects/{desk.project}/"))):
        return []
    with campaign.read() as db:
        known = ledger.annotations(db, desk.project)
    listed = dict.fromkeys(known, "")
    for task in studio.tasks(desk.project, fields="annotations_ids", where=(HOLDS_ANSWERS,)):
        numbers = sorted(int(number) for number in str(task["annotations_ids"]).split(",") if number.strip())
        listed[task["id"]] = "".join(f" {number}" for number in numbers)
    return [task for task, ids in listed.items() if ids != known.get(task)]
