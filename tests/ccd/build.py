"""A small campaign with judgments in it, made without Label Studio, for the tests."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import CONFIG, Person
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import now

ANNOTATORS = ("a1", "a2", "a3")
SKIP = "cannot_judge"


def campaign(
    folder: Path, votes: Mapping[str, Sequence[str | None]], *, protocol: str = "ccd", per_pair: int = 3
) -> Campaign:
    """A campaign whose pairs got these votes: pair → what a1, a2, a3 said (None: nothing yet).

    `per_pair` is the number of annotators, all of whom judge every pair.

    Pairs are named `<post>:<photo>`; each has an image and a text of its own, so that only a post ties pairs.
    """
    names = [f"a{number}" for number in range(1, per_pair + 1)]
    made = Campaign.create(
        folder,
        name="t",
        protocol=protocol,
        annotators=tuple(Person(name, f"{name}@example.org") for name in [*names, *ANNOTATORS[per_pair:]]),
        adjudicators=(Person("lead", "lead@example.org"),),
    )
    if per_pair != 3:
        toml = folder / CONFIG
        toml.write_text(toml.read_text().replace("judgments_per_pair = 3", f"judgments_per_pair = {per_pair}"))
        made = Campaign.open(folder)
    add_pairs(made, list(votes), number=1)
    for pair, answers in votes.items():
        for annotator, answer in zip(names, answers, strict=True):
            if answer is not None:
                judge(made, pair, annotator, answer)
    return made


def add_pairs(
    made: Campaign,
    pairs: Sequence[str],
    *,
    number: int,
    arm: str = "random",
    source: str = "tweets.tsv",
    colours: Mapping[str, int] | None = None,
) -> None:
    """A round of new pairs, assigned to everybody; pairs of one of the `colours` share an image."""
    with made.write() as db:
        size = len(pairs)
        db.execute(
            schema.rounds.insert().values(
                round=number, arm=arm, strategy=arm, seed=1, size=size, pool=size, created_at=now()
            )
        )
        for place, pair in enumerate(pairs):
            post = pair.rpartition(":")[0]
            text = f"text of {pair}"
            image = _image(made, (colours or {}).get(pair, hash_of(pair)))
            if not db.execute(schema.posts.select().where(schema.posts.c.post_id == post)).first():
                db.execute(schema.posts.insert().values(post_id=post, source=source, text=text))
            if not db.execute(schema.images.select().where(schema.images.c.sha256 == image.stem)).first():
                relative = image.relative_to(made.folder).as_posix()
                db.execute(
                    schema.images.insert().values(
                        sha256=image.stem, file=relative, format="PNG", width=8, height=8, bytes=image.stat().st_size
                    )
                )
            db.execute(
                schema.pairs.insert().values(
                    pair_id=pair,
                    post_id=post,
                    image=image.stem,
                    photo=int(pair.rpartition(":")[2]),
                    text=text,
                    text_sha256=hashlib.sha256(text.encode()).hexdigest(),
                    collected_at=now(),
                )
            )
            db.execute(schema.round_pairs.insert().values(round=number, pair_id=pair, inclusion_probability=1.0))
            for annotator in [person.name for person in made.config.annotators[: made.config.judgments_per_pair]]:
                db.execute(
                    schema.assignments.insert().values(pair_id=pair, annotator=annotator, round=number, position=place)
                )


def judge(
    made: Campaign,
    pair: str,
    worker: str,
    answer: str | dict[str, str | float],
    role: str = "annotator",
    version: int = 1,
    status: str | None = None,
    revision: int = 1,
) -> None:
    """Store one judgment; a text answers the primary question, or is SKIP."""
    answers = answer if isinstance(answer, dict) else {made.protocol.question.name: answer}
    with made.write() as db:
        db.execute(
            schema.judgments.insert().values(
                annotation=f"{pair}/{worker}",
                version=version,
                project_id=1,
                task_id=1,
                pair_id=pair,
                annotator=worker,
                role=role,
                status=status or (SKIP if answer == SKIP else "valid"),
                answers=None if answer == SKIP else json.dumps(answers),
                created_at=now(),
                revision=revision,
                digest="",
                pulled_at=now(),
            )
        )


def hash_of(pair: str) -> int:
    """A colour for a pair, the same in every run."""
    return int(hashlib.sha256(pair.encode()).hexdigest()[:6], 16)


def _image(made: Campaign, colour: int) -> Path:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (colour >> 16, colour >> 8 & 255, colour & 255)).save(buffer, "PNG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = made.folder / "images" / sha256[:2] / f"{sha256}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return path
