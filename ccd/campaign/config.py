"""`campaign.toml`: what a person edits, its template, and what is checked of it before anything is done."""

import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccd.errors import CcdError, InputError, as_path
from ccd.files.regular import MOST_TEXT, read_regular
from ccd.splitting.options import CCD, DEFAULT_SHARES, LINKS, SPLITS, Quotas

CONFIG = "campaign.toml"
_LICENSE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.+-]*[A-Za-z0-9])?")
FASTEST_SECONDS = 2.0  # nobody reads a text and looks at a picture in less

TEMPLATE = """\
# What a person edits. Tokens and passwords never go here: they come from the environment.
name = {name}
protocol = {protocol}            # a shipped one (`ccd protocol list`) or the path of your own TOML file
judgments_per_pair = 3
tie_rule = "adjudicate"     # adjudicate | drop | rule:<label>,<label>,... (the first of the tied ones in this order) |
                            # expert (who has `expert = true` under [[annotators]] decides between the tied ones)
# database_url = "postgresql+psycopg://user@host/database"    # password in PGPASSWORD; default: campaign.db here

[splits]                    # shares, or numbers of pairs (dev = 975, test = 983; train is what is left)
train = 0.84
dev = 0.08
test = 0.08
seed = 1
# like = "ccd"              # instead: each label as in Table II of the paper
# ties = ["image", "near_image", "near_text", "post", "author"]    # what keeps pairs together; default: all of these

[x]
price_per_post = 0.005      # dollars that X takes for a post read; for the estimates of `ccd collect x`
# quarantine_days = 1       # for so long `ccd compliance --undo` can put back what was taken out; 0: erased at once

[filters]                   # posts that are not collected, each counted in `ccd status`; default: none is left out
# languages = ["en"]
# minimum_words = 3
# sensitive = false         # false leaves out what the platform marks as sensitive
# retweets = false          # false leaves out texts that begin with RT @name
# truncated = false         # false leaves out texts that the API cut
# blocked_words = ["giveaway", "follow back"]

[duplicates]
# max_per_group = 1         # pairs of one group of near-duplicates that a round takes at most; default: all

[agreement]
fastest_seconds = 2.0       # a judgment given in less counts as too fast in `ccd agreement`

[release]                   # for the card, the citation and the metadata of `ccd release`
# license = "cc-by-4.0"     # of what is yours: labels and judgments; an SPDX id or a name of the Hugging Face Hub
# authors = ["Ada Lovelace"]    # who made the dataset, as a citation names them

[encoders]                  # what `ccd encode` makes features with; the others need weights, see docs/encoders.md
regions = "light"           # light | patches | detr | owl | faster-rcnn | arrays:FILE | precomputed:FILE | names:FILE
words = "light"             # light | glove | bert | glove+bert | tower; glove:FILE and bert:MODEL name the weights

[import.labels]             # for `ccd import`: what other tools call the labels here; cannot_judge is one too
# "related" = "explicit"

[label_studio]
# url = "http://127.0.0.1:8080"  # an existing server, its token in LABEL_STUDIO_API_KEY; default: `ccd studio start`

{people}"""


@dataclass(frozen=True)
class Person:
    """An annotator or adjudicator: `name` in our tables, `email` in Label Studio.

    The vote of an annotator who is `expert` breaks ties where campaign.toml has tie_rule = "expert".
    """

    name: str
    email: str
    expert: bool = False


@dataclass(frozen=True)
class Filters:
    """Which posts are not collected; the default keeps all."""

    languages: tuple[str, ...] = ()
    minimum_words: int = 0
    sensitive: bool = True
    retweets: bool = True
    truncated: bool = True
    blocked_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """`campaign.toml`, checked. See TEMPLATE for what each entry means."""

    name: str
    protocol: str
    judgments_per_pair: int
    tie_rule: str
    database_url: str | None
    quotas: Quotas
    split_seed: int
    split_ties: tuple[str, ...]
    filters: Filters
    max_per_group: int | None  # pairs of a duplicate group in one round
    fastest_seconds: float
    region_encoder: str  # a line that model/encoders understands
    word_encoder: str
    license: str | None
    authors: tuple[str, ...]
    imported_labels: Mapping[str, str]  # what other tools call a label → the label
    label_studio_url: str | None
    price_per_post: float
    quarantine_days: float
    annotators: tuple[Person, ...]
    adjudicators: tuple[Person, ...]


def render(name: str, protocol: str, annotators: tuple[Person, ...], adjudicators: tuple[Person, ...]) -> str:
    """The text of a new campaign.toml."""
    people = "\n".join(
        f"[[{kind}]]\nname = {_toml(person.name)}\nemail = {_toml(person.email)}\n"
        for kind, group in (("annotators", annotators), ("adjudicators", adjudicators))
        for person in group
    )
    return TEMPLATE.format(name=_toml(name), protocol=_toml(protocol), people=people)


def read_config(folder: str | os.PathLike[str]) -> Config:
    """Read and check `campaign.toml` of a folder. Raises CcdError with file, place and remedy."""
    path = as_path(folder, "the campaign's folder") / CONFIG
    try:
        text = read_regular(path, MOST_TEXT).decode("utf-8-sig")  # some editors put a byte order mark first
    except FileNotFoundError:
        raise InputError(f"{path}: no campaign here; run `ccd init` or name its folder with --dir") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); it must be a UTF-8 text file") from None
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """Check the text of a campaign.toml; `path` is for messages. Raises CcdError with file, place and remedy."""

    def wrong(what: str) -> CcdError:
        return InputError(f"{path}: {what}")

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more digits than Python reads
        raise wrong(f"not valid TOML ({error}); mend that line") from None

    known = {
        "": {"name", "protocol", "judgments_per_pair", "tie_rule", "database_url", "splits", "label_studio", "x"}
        | {"filters", "duplicates", "agreement", "release", "encoders", "import", "annotators", "adjudicators"},
        "splits": {*SPLITS, "seed", "like", "ties"},
        "filters": {"languages", "minimum_words", "sensitive", "retweets", "truncated", "blocked_words"},
        "duplicates": {"max_per_group"},
        "agreement": {"fastest_seconds"},
        "release": {"license", "authors"},
        "encoders": {"regions", "words"},
        "import": {"labels"},
        "label_studio": {"url"},
        "x": {"price_per_post", "quarantine_days"},
    }

    def entry(section: str, key: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        table = data.get(section, {}) if section else data
        place = f"[{section}] {key}" if section else key
        value = table.get(key, default)
        if value is None and key != "name":
            return None
        if not isinstance(value, kind) or isinstance(value, bool):
            names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise wrong(f"{place} is {value!r}; it must be of type {names}")
        return value

    for section in filter(None, known):
        if not isinstance(data.get(section, {}), dict):
            raise wrong(f"{section} must be a table; write [{section}] on a line of its own")
    for section, keys in known.items():
        table = data.get(section, {}) if section else data
        for key in table.keys() - keys:
            raise wrong(
                f"unknown entry {key!r}{f' in [{section}]' if section else ''}; known: {', '.join(sorted(keys))}"
            )

    name = entry("", "name", str)
    if not name.strip():
        raise wrong("name is empty; give the campaign a name")
    per_pair = entry("", "judgments_per_pair", int, 3)
    annotators = _people(data, "annotators", wrong)
    adjudicators = _people(data, "adjudicators", wrong)
    for field in ("name", "email"):
        both = {getattr(p, field) for p in annotators} & {getattr(p, field) for p in adjudicators}
        if both:
            raise wrong(f"{sorted(both)[0]!r} is annotator and adjudicator; nobody settles ties they took part in")
    if per_pair < 2:
        raise wrong(f"judgments_per_pair is {per_pair}; write a number from 2 up")
    if len(annotators) < per_pair:
        raise wrong(
            f"{len(annotators)} annotators for {per_pair} judgments a pair; "
            "add [[annotators]] or lower judgments_per_pair"
        )
    url = entry("", "database_url", str)
    if url is not None and _holds_password(url, wrong):
        raise wrong("database_url holds a password; take it out and set PGPASSWORD in the environment")
    studio = entry("label_studio", "url", str)
    if studio and "@" in studio:
        raise wrong("[label_studio] url holds a user; take it out and set LABEL_STUDIO_API_KEY in the environment")
    if studio and not studio.startswith(("http://", "https://")):
        raise wrong(f"[label_studio] url is {studio!r}; it must start with http:// or https://")

    def number(section: str, key: str, default: float) -> float:
        value = entry(section, key, (int, float), default)
        return float(value) if abs(value) < 1e9 or value != value else math.inf  # an integer may be too large for it

    price = number("x", "price_per_post", 0.005)
    if not 0 <= price < 1000:  # nan too
        raise wrong(f"[x] price_per_post is {price}; write the dollars a post, such as 0.005")
    days = number("x", "quarantine_days", 1.0)
    if not 0 <= days <= 365:  # nan too
        raise wrong(f"[x] quarantine_days is {days}; write days from 0 to 365, 0 to erase at once")
    seed = entry("splits", "seed", int, 1)
    if not 0 <= seed < 2**63:
        raise wrong(f"[splits] seed is {seed}; write a number from 0 up, of at most 18 digits")
    most = entry("duplicates", "max_per_group", int)
    if most is not None and most < 1:
        raise wrong(f"[duplicates] max_per_group is {most}; write a number from 1 up, or leave it out")
    fastest = number("agreement", "fastest_seconds", FASTEST_SECONDS)
    if not 0 <= fastest <= 3600:  # nan too
        raise wrong(f"[agreement] fastest_seconds is {fastest}; write seconds from 0 to 3600, 0 for no limit")
    licence = entry("release", "license", str)
    if licence is not None and not _LICENSE.fullmatch(licence):
        raise wrong(f"[release] license is {licence!r}; write one short name, such as cc-by-4.0")
    authors = entry("release", "authors", list, [])
    if not all(isinstance(author, str) and author.strip() for author in authors):
        raise wrong(f"[release] authors is {authors!r}; write a list of names in quotes")
    rule = entry("", "tie_rule", str, "adjudicate")
    if rule not in ("adjudicate", "expert", "drop") and not rule.startswith("rule:"):
        raise wrong(f"tie_rule is {rule!r}; it must be adjudicate, expert, drop or rule:<label>,<label>,...")
    if rule == "expert" and not any(person.expert for person in annotators):
        raise wrong('tie_rule is "expert" and nobody is one; write `expert = true` under an [[annotators]]')
    return Config(
        name=name,
        protocol=entry("", "protocol", str, "ccd"),
        judgments_per_pair=per_pair,
        tie_rule=rule,
        database_url=url,
        quotas=_quotas(data.get("splits", {}), wrong),
        split_seed=seed,
        split_ties=_ties(data.get("splits", {}), wrong),
        filters=_filters(data.get("filters", {}), wrong),
        max_per_group=most,
        fastest_seconds=fastest,
        region_encoder=entry("encoders", "regions", str, "light"),
        word_encoder=entry("encoders", "words", str, "light"),
        license=licence,
        authors=tuple(" ".join(author.split()) for author in authors),
        imported_labels=_labels(entry("import", "labels", dict, {}), wrong),
        label_studio_url=studio.rstrip("/") if studio else None,
        price_per_post=price,
        quarantine_days=days,
        annotators=annotators,
        adjudicators=adjudicators,
    )


def _quotas(data: dict[str, Any], wrong: Any) -> Quotas:
    given = {name: data[name] for name in SPLITS if name in data}
    for name, value in given.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:  # nan too
            raise wrong(f"[splits] {name} is {value!r}; write a share such as 0.08, or a number of pairs")
    like = data.get("like")
    if like not in (None, CCD):
        raise wrong(f'[splits] like is {like!r}; write "{CCD}", or leave it out')
    if any(value > 1 for value in given.values()):
        if not all(isinstance(value, int) for value in given.values()) or not set(given) >= set(SPLITS[1:]):
            raise wrong(f"[splits] {given} are not all shares; write shares, or whole numbers of pairs in dev and test")
        return Quotas(DEFAULT_SHARES, given, like)
    shares = {name: float(data.get(name, DEFAULT_SHARES[name])) for name in SPLITS}
    if not abs(sum(shares.values()) - 1) < 1e-6:
        raise wrong(f"[splits] shares {shares} add up to {sum(shares.values()):g}; make them add up to 1")
    return Quotas(shares, None, like)


def _labels(mapped: dict[str, Any], wrong: Any) -> dict[str, str]:
    for name, label in mapped.items():
        if not isinstance(label, str):
            raise wrong(f'[import.labels] {name} is {label!r}; write a label of the protocol, such as "explicit"')
    return mapped


def _ties(data: dict[str, Any], wrong: Any) -> tuple[str, ...]:
    ties = data.get("ties", list(LINKS))
    if not isinstance(ties, list) or not all(tie in LINKS for tie in ties):
        raise wrong(f"[splits] ties is {ties!r}; write a list of {', '.join(LINKS)}")
    return tuple(tie for tie in LINKS if tie in ties)


def _filters(data: dict[str, Any], wrong: Any) -> Filters:
    words = {key: data.get(key, []) for key in ("languages", "blocked_words")}
    for key, values in words.items():
        if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
            raise wrong(f"[filters] {key} is {values!r}; write a list of texts in quotes")
    for key in ("sensitive", "retweets", "truncated"):
        if not isinstance(data.get(key, True), bool):
            raise wrong(f"[filters] {key} is {data[key]!r}; write true or false")
    least = data.get("minimum_words", 0)
    if not isinstance(least, int) or isinstance(least, bool) or least < 0:
        raise wrong(f"[filters] minimum_words is {least!r}; write a number from 0 up")
    return Filters(
        languages=tuple(code.strip().lower() for code in words["languages"]),
        minimum_words=least,
        sensitive=data.get("sensitive", True),
        retweets=data.get("retweets", True),
        truncated=data.get("truncated", True),
        blocked_words=tuple(" ".join(word.split()) for word in words["blocked_words"]),
    )


def _people(data: dict[str, Any], key: str, wrong: Any) -> tuple[Person, ...]:
    entries = data.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise wrong(f"{key} must be tables; write [[{key}]] with name and email")
    people = []
    for number, e in enumerate(entries, 1):
        expert = e.pop("expert", False) if key == "annotators" else False
        if set(e) != {"name", "email"} or not all(isinstance(v, str) and v.strip() for v in e.values()):
            raise wrong(f"[[{key}]] number {number} is no person; write exactly a name and an email, both text")
        if not isinstance(expert, bool):
            raise wrong(f"[[{key}]] number {number}: expert is {expert!r}; write true or false")
        if "@" not in e["email"] or e["name"].startswith("@"):
            raise wrong(
                f"[[{key}]] number {number}: {e['name']} <{e['email']}> is no name with an e-mail address; mend it"
            )
        people.append(Person(e["name"], e["email"].lower(), expert))
    for field in ("name", "email"):
        values = [getattr(p, field) for p in people]
        twice = {v for v in values if values.count(v) > 1}
        if twice:
            raise wrong(f"[[{key}]] {field} {sorted(twice)[0]!r} stands twice; each must be unique")
    return tuple(people)


def _holds_password(url: str, wrong: Any) -> bool:
    try:
        parts = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The url is not shown: what is not understood may hold a password.
        raise wrong("database_url is no address; write postgresql+psycopg://user@host/database") from None
    return bool(parts.password) or "password" in parts.query


def _toml(text: str) -> str:
    # A TOML basic string is a JSON string, but for DEL; a name from the command line may hold half a character.
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
