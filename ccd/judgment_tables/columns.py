"""Which columns of a table of judgments are the task, the worker and the label; long tables and wide ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

from ccd.errors import CcdError, InputError
from ccd.judgment_tables.spellings import NULL_WORDS
from ccd.measures.related import GROUP

COLUMNS = ("task", "worker", "label")
MOST_OF_HEADER = 200  # characters that an error shows
_NAMES = {
    "task": (
        *("task", "taskid", "item", "itemid", "unit", "unitid", "pairid", "hitid", "assignmenttaskid", "question"),
        *("questionid", "subject", "subjectid", "patient", "patientid", "case", "caseid", "document", "documentid"),
        *("docid", "instance", "instanceid", "example", "exampleid", "sample", "sampleid", "tweetid", "postid", "id"),
    ),
    "worker": (
        *("worker", "workerid", "annotator", "annotatorid", "rater", "raterid", "coder", "coderid", "judge", "judgeid"),
        *("assignmentworkerid", "completedby", "labeler", "labeller", "assessor", "participant", "participantid"),
        *("userid", "user"),
    ),
    "label": (
        *("label", "answer", "judgment", "judgement", "rating", "choice", "value", "category", "class", "code"),
        *("response", "annotation", "vote"),
    ),
}
_STATUS = "assignmentstatus"  # a column of MTurk and of Toloka
_GOLDEN = re.compile(r"(input|golden)?(is)?(gold(en)?(standard|row|question|answer|label|unit)?|control(question)?)")
_NUMBERED = re.compile(r"(.*?[a-z])[ _.-]?(\d+)", re.IGNORECASE)
_TWO_PARTS = re.compile(r"(.+)[ _.:-](.+)")
REJECTED, GOLDEN = "rejected", "golden"
_NOT_GOLDEN = {"", "0", "false", "no", "none", "{}", *(word.lower() for word in NULL_WORDS)}
MOST_WORKERS = 100  # columns of a wide table whose columns nobody named


@dataclass(frozen=True)
class Named:
    """The columns that somebody named: each by its name, or by its number from 1 where the file has no header.

    Several `labels` make a wide table: a column a worker, who is called as the column.
    """

    task: str | None = None
    worker: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def by_number(self) -> bool:
        """Whether all are numbers, and one is there."""
        given = [name for name in (self.task, self.worker, *self.labels) if name is not None]
        return bool(given) and all(name.isascii() and name.isdigit() and int(name) > 0 for name in given)


@dataclass(frozen=True)
class Places:
    """Where a row has what it says; `worker` is None in a wide table, whose `labels` are (worker, place)."""

    task: int
    worker: int | None
    labels: tuple[tuple[str, int], ...]
    group: int | None
    status: int | None
    golden: tuple[int, ...] = ()
    has_header: bool = True
    is_guessed: bool = False  # nobody named the columns of the workers

    def left_out(self, row: Sequence[str]) -> str | None:
        """Why a row is no judgment: its assignment was rejected, or it is a question with a known answer."""
        if self.status is not None and row[self.status].strip().lower() == "rejected":
            return REJECTED
        return GOLDEN if any(marks_golden(row[place]) for place in self.golden) else None

    def judgments(self, row: Sequence[str]) -> list[list[str]]:
        """[task, worker, label], the leakage group too if there is one, of each judgment of a row."""
        group = [] if self.group is None else [row[self.group].strip()]
        worker = None if self.worker is None else row[self.worker].strip()
        task = row[self.task].strip()
        return [[task, name if worker is None else worker, row[place].strip(), *group] for name, place in self.labels]


def places(where: str, header: Sequence[str], named: Named) -> Places:
    """Find the columns in a header. Raises CcdError, which begins with `where`, for one that is not there, or twice.

    >>> places("votes.csv, line 1", ["id", "ann", "bob"], Named()).labels
    (('ann', 1), ('bob', 2))
    """
    if named.by_number and not {named.task, named.worker, *named.labels} - {None} <= set(header):
        return _by_number(where, header, named)
    group = header.index(GROUP) if list(header).count(GROUP) == 1 else None
    status = next((column for column, name in enumerate(header) if plain(name) == _STATUS), None)
    golden = tuple(column for column, name in enumerate(header) if is_golden(name))
    task = place(where, header, "task", named.task)
    worker = place(where, header, "worker", named.worker, needed=False)
    labels = [place(where, header, "label", name) for name in named.labels]
    if not labels and (found := place(where, header, "label", None, needed=False)) is not None:
        labels = [found]
    if worker is None and named.worker is None and len(labels) != 1:
        several = [_needed(column) for column in labels] or [
            column for column in range(len(header)) if column not in (task, group, status, *golden)
        ]
        if 2 <= len(several) <= MOST_WORKERS and (labels or named.task or plain(header[0]) in _NAMES["task"]):
            if not labels:
                _refuse_several_questions(where, [header[column] for column in several])
            people = tuple((header[column], column) for column in several)
            return Places(_needed(task), None, people, group, status, golden, is_guessed=not labels)
    for name, column in (("worker", worker), ("label", labels[0] if len(labels) == 1 else None)):
        if column is None:
            raise _missing(where, header, name)
    return Places(_needed(task), worker, (("", _needed(labels[0])),), group, status, golden)


def is_golden(name: str) -> bool:
    """Whether a column tells which rows are questions with a known answer, put in to try the workers."""
    return _GOLDEN.fullmatch(plain(name)) is not None or name.startswith("GOLDEN:")


def marks_golden(cell: object) -> bool:
    """Return whether a cell of such a column says that its row is one.

    >>> marks_golden("entailment"), marks_golden("FALSE"), marks_golden(None)
    (True, False, False)
    """
    return str(cell).strip().lower() not in _NOT_GOLDEN


def numbered(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the columns of a wide table of several questions: number of a worker → question → column.

    Empty for any other.

    >>> numbered(["text1", "image1", "text2", "image2"])["2"]
    {'text': 'text2', 'image': 'image2'}
    """
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            found.setdefault(match[2], {})[match[1]] = name
    questions = {tuple(of) for of in found.values()}
    return found if len(found) > 1 and len(questions) == 1 and len(questions.pop()) > 1 else {}


def both_parts(names: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Return the two parts of names that have each of one with each of the other; None where they are not of that kind.

    >>> both_parts(["ann_text", "ann_image", "bob_text", "bob_image"])
    (['ann', 'bob'], ['text', 'image'])
    """
    parts = [match.groups() for name in names if (match := _TWO_PARTS.fullmatch(name))]
    first, second = ([*dict.fromkeys(part[place] for part in parts)] for place in (0, 1))
    is_grid = len(first) > 1 < len(second) and len(set(parts)) == len(names) == len(first) * len(second)
    return (first, second) if is_grid else None


def _refuse_several_questions(where: str, names: Sequence[str]) -> None:
    if several := numbered(names):
        questions = list(next(iter(several.values())))
        one = " ".join(f"--label-column {of[questions[0]]}" for of in several.values())
        raise InputError(
            f"{where}: columns of {len(questions)} questions ({', '.join(questions)}) for each of {len(several)} "
            f"workers; name those of one question: {shorten(one, MOST_OF_HEADER)}"
        )


def _needed(column: int | None) -> int:
    assert column is not None
    return column


def plain(name: str) -> str:
    """Return a column's name as it is compared: letters and digits alone.

    >>> plain("Image_URL")
    'imageurl'
    """
    return re.sub("[^a-z0-9]", "", name.lower())


def place(where: str, header: Sequence[str], kind: str, asked: str | None, *, needed: bool = True) -> int | None:
    """Return the place of a column: the one that was asked for, or the first of the names that such columns have."""
    names = list(header)
    name = asked or kind
    if names.count(name) > 1:
        raise _missing(where, header, name, "is there twice")
    if name in names:
        return names.index(name)
    if asked is None:
        compared = [plain(each) for each in names]
        if known := next((each for each in _NAMES[kind] if each in compared), None):
            return compared.index(known)
        answers = [
            place for place, each in enumerate(names) if each.startswith(("Answer.", "OUTPUT:"))
        ]  # MTurk, Toloka
        if kind == "label" and len(answers) == 1:
            return answers[0]
    if needed or asked:
        raise _missing(where, header, name)
    return None


def _missing(where: str, header: Sequence[str], name: str, fault: str = "is missing") -> CcdError:
    there = shorten(", ".join(header), MOST_OF_HEADER)
    remedy = f"the header must name {', '.join(COLUMNS)} once each, or name yours with --task-column, --worker-column"
    return InputError(f"{where}: the column {name!r} {fault} among {there}; {remedy}, --label-column")


def _by_number(where: str, first: Sequence[str], named: Named) -> Places:
    """Return a file without a header."""
    options = "--task-column, --worker-column and --label-column"
    if named.task is None or not named.labels or (named.worker is None and len(named.labels) < 2):
        raise InputError(f"{where}: a file without a header; give {options} a number each")
    numbers = [int(name) for name in (named.task, *((named.worker,) if named.worker else ()), *named.labels)]
    if max(numbers) > len(first):
        raise InputError(
            f"{where}: {len(first)} cells and no column {max(numbers)}; give a number of one that is there"
        )
    worker = int(named.worker) - 1 if named.worker else None
    labels = tuple((name, int(name) - 1) for name in named.labels)
    return Places(int(named.task) - 1, worker, labels, None, None, has_header=False)
