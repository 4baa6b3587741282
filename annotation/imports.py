"""Import: what people said in other tools becomes judgments of this campaign, each once, in the arm `imported`."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotation import exported, exported_tables
from annotation.exported import Answer, Left
from ccd.campaign import imported
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import desks, known_pairs
from ccd.campaign.tables.frames import batches
from ccd.errors import InputError
from ccd.judgment_tables.columns import Named
from ccd.judgment_tables.spellings import spelling_key
from ccd.protocol import Protocol, Question
from ccd.vocabulary import Status

NO_PAIR = "of no pair of this campaign"
ADJUDICATOR = "of an adjudicator of this campaign"
REPEATED = "a later answer of the same person to the same pair"
SEVERAL = "several labels for one question"
NOT_ALL = "without a label on every question"


@dataclass
class Imported:
    """What an import did: read = new + known + what was left out, each by why with the first place."""

    read: int = 0
    new: Counter[str] = field(default_factory=Counter)  # judgments by status
    known: int = 0
    left: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)  # labels that the protocol lacks
    pairs: set[str] = field(default_factory=set)
    annotators: set[str] = field(default_factory=set)

    def leave(self, place: str, why: str) -> None:
        """Count something that is not imported."""
        self.left[why] += 1
        self.first.setdefault(why, place)


def read(file: Path, tool: str | None, named: Named) -> tuple[str, list[Answer | Left]]:
    """Read a file of another tool, which is recognised unless `tool` names it; gives the tool and what was read.

    Raises CcdError where the file cannot be read, or holds no answer of anybody.

    >>> read(Path("export.json"), None, Named())[0]  # doctest: +SKIP
    'label-studio'
    """
    if file.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        records = list(exported.records(file))
        first = next((each[1] for each in records if not isinstance(each, Left)), None)
        if first is None:
            raise InputError(f"{file}: no JSON objects; give an export as JSON or JSON lines")
        tool = tool or exported.recognised(first) or exported_tables.TABLE
        found = list(_of_records(file, tool, records, named))
    else:
        tool, answers = exported_tables.read(file, named, tool)
        found = list(answers)
    if not any(isinstance(each, Answer) for each in found):
        why = ", ".join(sorted({each.why for each in found if isinstance(each, Left)})) or "it is empty"
        raise InputError(
            f"{file}: no answer of anybody ({why}); see docs/import.md for what each tool's file must have"
        )
    return tool, found


def _of_records(
    file: Path, tool: str, records: Sequence[tuple[str, exported.Json] | Left], named: Named
) -> Iterator[Answer | Left]:
    yield from (each for each in records if isinstance(each, Left))
    rows = [each for each in records if not isinstance(each, Left)]
    if tool not in exported.READERS:
        names = list(dict.fromkeys(name for _place, row in rows for name in row))
        whole = ((place, {name: "" if row.get(name) is None else row[name] for name in names}) for place, row in rows)
        yield from exported_tables.of_rows(file, names, whole, named, tool)
        return
    for place, row in rows:
        try:
            yield from exported.READERS[tool](place, row, file)
        except (KeyError, TypeError, AttributeError, ValueError):
            yield Left(place, exported.UNREADABLE)


@dataclass(frozen=True)
class Meaning:
    """What a file's fields and labels are in a protocol."""

    protocol: Protocol
    fields: Mapping[str, str]  # question → field
    labels: Mapping[str, str]  # spelling of a label → label, or cannot_judge

    def answers(self, said: Mapping[str, Any]) -> tuple[dict[str, Any], str | None, str | None]:
        """Return the answers by question, why there are none (None: there are), and the label that is unknown."""
        found: dict[str, Any] = {}
        for question in self.protocol.questions:
            value = said.get(self.fields.get(question.name, ""))
            if isinstance(value, list):
                if len(value) > 1:
                    return {}, SEVERAL, None
                value = value[0] if value else None
            if value is None or value == "":
                return {}, NOT_ALL, None
            label = self.labels.get(spelling_key(str(value)))
            if question.kind == "score" and label != Status.CANNOT_JUDGE:
                label = _number(value)  # type: ignore[assignment]
            if label != Status.CANNOT_JUDGE and question.problem(label) is not None:
                return {}, None, str(value)
            found[question.name] = label
        return found, None, None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def meaning(
    where: str, answers: Sequence[Answer], protocol: Protocol, mapped: Mapping[str, str], columns: Sequence[str]
) -> Meaning:
    """Find which field answers which question: the one of its name or title, else the one that holds its labels.

    `mapped` is [import.labels] of campaign.toml, `columns` are the fields that somebody named, in the questions' order.
    Raises CcdError, which begins with `where`, where none or several could be meant.
    """
    labels = {
        spelling_key(each): each for question in protocol.questions for each in (*question.labels, Status.CANNOT_JUDGE)
    }
    titles = {spelling_key(c.title): c.name for question in protocol.questions for c in question.categories}
    known = {*labels.values()}
    for raw, label in mapped.items():
        if label not in known:
            raise InputError(
                f"campaign.toml, [import.labels]: {raw!r} is {label!r}, no label of protocol {protocol.name}; write "
                f"one of {', '.join(sorted(known))}"
            )
    labels = titles | labels | {spelling_key(raw): label for raw, label in mapped.items()}
    there = list(dict.fromkeys(name for answer in answers for name in answer.said))
    if missing := [name for name in columns if name not in there]:
        raise InputError(f"{where}: no field {missing[0]!r}; it has {', '.join(there)}")
    fields: dict[str, str] = {}
    for number, question in enumerate(protocol.questions):
        if columns:
            fields |= {question.name: columns[number]} if number < len(columns) else {}
            continue
        same = [name for name in there if spelling_key(name) in map(spelling_key, (question.name, question.title))]
        if not same:
            same = [name for name in there if _holds(question, labels, answers, name)] or there
        if len(same) > 1:
            raise InputError(
                f"{where}: {', '.join(same)} may answer {question.name!r}; name one with --label-column, again for "
                "each further question"
            )
        fields[question.name] = same[0]
    return Meaning(protocol, fields, labels)


def _holds(question: Question, labels: Mapping[str, str], answers: Sequence[Answer], name: str) -> bool:
    """Whether most of what a field says are answers to a question."""
    said = [each for answer in answers[:10_000] for each in exported.several(answer.said.get(name)) if each is not None]
    if question.kind == "score":
        fits = sum(question.problem(_number(each)) is None for each in said)
    else:
        fits = sum(labels.get(spelling_key(str(each))) in question.labels for each in said)
    return fits > len(said) / 2


def named_pairs(campaign: Campaign, answers: Sequence[Answer]) -> dict[str, str]:
    """Find the pairs that items name: by pair id, or by the id of a post with one photo; X's may lack the network.

    A post that has another text than the item is another post.
    """
    texts = {answer.item: answer.text for answer in answers}
    found: dict[str, str] = {}
    with campaign.read() as db:
        for some in batches(sorted(texts)):
            posts = {name: item for item in some for name in (item, f"x:{item}", f"id:{item}")}
            rows = known_pairs.of_posts(db, posts)
            photos = Counter(posts[post] for post, _pair, _text in rows)
            for post, pair, text in rows:
                item = posts[post]
                if photos[item] == 1 and (texts[item] or "").split() in ([], text.split()):
                    found[item] = pair
            found |= {pair: pair for pair in known_pairs.known(db, some)}
    return found


def pairs_of_text(campaign: Campaign, texts: Iterable[str]) -> dict[str, str]:
    """Find the pairs that have one of these texts alone; a text of several pairs names none."""
    digests = {hashlib.sha256(text.strip().encode()).hexdigest(): text for text in texts}
    found: dict[str, str] = {}
    with campaign.read() as db:
        for some in batches(sorted(digests)):
            found |= {digests[digest]: pair for digest, pair in known_pairs.with_text(db, some).items()}
    return found


def store(
    campaign: Campaign, answers: Sequence[tuple[Answer, str | None]], of: Meaning, source: str, done: Imported
) -> None:
    """Write the answers, each with its pair, as judgments in one transaction; what is there already stays.

    A person whose address is an annotator's in campaign.toml is that annotator. Pairs that are in no round yet make a
    round of the arm `imported`. `source` names the tool and the file.
    """
    people = {person.email: person.name for person in campaign.config.annotators}
    adjudicators = {name for person in campaign.config.adjudicators for name in (person.email, person.name)}
    taken: dict[tuple[str, str], dict[str, Any]] = {}
    with campaign.write() as db:
        users = {f"user {row.user_id}": row.desk for row in desks.desks(db).values() if row.user_id}
        for answer, pair in answers:
            worker = answer.worker.lstrip("@")
            name = people.get(worker.lower(), users.get(worker, worker) if answer.item == pair else worker)
            said, why, unknown = ({}, None, None) if answer.skipped else of.answers(answer.said)
            if {name, worker.lower()} & adjudicators:
                done.leave(answer.place, ADJUDICATOR)
            elif why:
                done.leave(answer.place, why)
            elif unknown is not None:
                done.unknown[unknown] += 1
            elif pair is None:
                done.leave(answer.place, NO_PAIR)
            elif (pair, name) in taken:
                done.leave(answer.place, REPEATED)
            else:
                cannot = Status.CANNOT_JUDGE in said.values()
                status = Status.SKIPPED if answer.skipped else Status.CANNOT_JUDGE if cannot else Status.VALID
                text = json.dumps(said, sort_keys=True, ensure_ascii=False) if status == Status.VALID else None
                taken[pair, name] = {"status": status, "answers": text, "seconds": answer.seconds, "at": answer.at}
        stored = imported.store(db, campaign.protocol, taken, source)
    done.new.update(stored.new)
    done.known += stored.known
    done.pairs |= {pair for pair, _name in taken}
    done.annotators |= {name for _pair, name in taken}
