"""The words that tables store: a judgment's status, a round's arm, a person's role."""

from enum import StrEnum


class Status(StrEnum):
    """What a judgment is. Only VALID ones are votes."""

    VALID = "valid"
    CANNOT_JUDGE = "cannot_judge"  # answered, and no vote
    SKIPPED = "skipped"
    DELETED = "deleted"  # the annotation is missing from a task that is still there
    EDITED_BY_OTHER = "edited_by_other"
    FOREIGN = "foreign"  # given by somebody else on this annotator's desk
    OUTSIDE_PROTOCOL = "outside_protocol"  # an answer the protocol does not have, or one is missing
    GROUND_TRUTH = "ground_truth"
    UNASSIGNED = "unassigned"  # the pair was never assigned to who answered
    CHANGED_TASK = "changed_task"  # given while the task showed another text or photo than the pair's
    CHANGED_PAGE = "changed_page"  # given while the labeling page was not the one that `ccd push` put there


ANSWERED = (Status.VALID, Status.CANNOT_JUDGE, Status.SKIPPED)  # the annotator is done with the pair; best first
SET_ASIDE = (Status.CHANGED_TASK, Status.CHANGED_PAGE)  # the annotator did nothing wrong: the pair is sent again
REPORTED = (Status.EDITED_BY_OTHER, Status.FOREIGN, Status.GROUND_TRUTH, Status.UNASSIGNED, *SET_ASIDE)


class Arm(StrEnum):
    """Why a pair was chosen."""

    RANDOM = "random"  # with a known probability
    ACTIVE = "active"  # ranked by a model
    GOLD = "gold"  # its answer is known
    IMPORTED = "imported"


class Role(StrEnum):
    """What a person does in a campaign."""

    ANNOTATOR = "annotator"
    ADJUDICATOR = "adjudicator"
