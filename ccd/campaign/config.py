"""`campaign.toml`: what a person edits, its template, and what is checked of it before anything is done."""

import json
import math
import os
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import sqlalchemy as sa
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    field_validator,
    model_validator,
)

from ccd import templates
from ccd.errors import InputError, as_path
from ccd.files.regular import MOST_TEXT, read_regular
from ccd.splitting.options import CCD, DEFAULT_SHARES, LINKS, SPLITS, Quotas
from ccd.validation import Table, fault, remark, says, validate

CONFIG = "campaign.toml"
_LICENSE = r"^[A-Za-z0-9]([A-Za-z0-9.+-]*[A-Za-z0-9])?$"
FASTEST_SECONDS = 2.0  # nobody reads a text and looks at a picture in less


@dataclass(frozen=True)
class Person:
    """An annotator or adjudicator: `name` in our tables, `email` in Label Studio.

    The vote of an annotator who is `expert` breaks ties where campaign.toml has tie_rule = "expert".
    """

    name: str
    email: str
    expert: bool = False


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("blank")
    return text


def _is_size(size: float | None) -> float | None:
    if size is not None and not 0 <= size < math.inf:  # nan too
        raise ValueError("no size")
    return size


_TEXTS = says("write a list of texts in quotes")
_SIZE = says("write a share such as 0.08, or a number of pairs")
_Size = Annotated[int | float | None, AfterValidator(_is_size)]
_Text = Annotated[str, AfterValidator(_not_blank)]
_Texts = Annotated[
    tuple[Annotated[str, AfterValidator(lambda text: _not_blank(" ".join(text.split())))], ...],
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
]
_Flag = Annotated[bool, says("write true or false")]


class Filters(Table):
    """Which posts are not collected; the default keeps all."""

    languages: Annotated[_Texts, AfterValidator(lambda codes: tuple(map(str.lower, codes))), _TEXTS] = ()
    minimum_words: Annotated[int, Field(ge=0), says("write a number from 0 up")] = 0
    sensitive: _Flag = True
    retweets: _Flag = True
    truncated: _Flag = True
    blocked_words: Annotated[_Texts, _TEXTS] = ()


class _Splits(Table):
    """How pairs are divided; see `Quotas` and `LINKS`."""

    train: Annotated[_Size, _SIZE] = None
    dev: Annotated[_Size, _SIZE] = None
    test: Annotated[_Size, _SIZE] = None
    seed: Annotated[int, Field(ge=0, lt=2**63), says("write a number from 0 up, of at most 18 digits")] = 1
    like: Annotated[Literal["ccd"] | None, says(f'write "{CCD}", or leave it out')] = None
    ties: Annotated[list[str], says(f"write a list of {', '.join(LINKS)}")] = Field(default_factory=lambda: [*LINKS])

    @field_validator("ties")
    @classmethod
    def _check_ties(cls, ties: list[str]) -> list[str]:
        if not set(ties) <= set(LINKS):
            raise fault(f"[splits] ties is {ties!r}; write a list of {', '.join(LINKS)}")
        return ties

    @property
    def quotas(self) -> Quotas:
        """The sizes: shares, or numbers of pairs in dev and test where one is above 1."""
        given = {name: size for name in SPLITS if (size := getattr(self, name)) is not None}
        if any(size > 1 for size in given.values()):
            return Quotas(DEFAULT_SHARES, {name: int(size) for name, size in given.items()}, self.like)
        return Quotas({name: float(given.get(name, share)) for name, share in DEFAULT_SHARES.items()}, None, self.like)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        given = {name: size for name in SPLITS if (size := getattr(self, name)) is not None}
        if any(size > 1 for size in given.values()):
            if not all(isinstance(size, int) for size in given.values()) or not set(given) >= set(SPLITS[1:]):
                raise fault(
                    f"[splits] {given} are not all shares; write shares, or whole numbers of pairs in dev and test"
                )
            return self
        shares = {name: float(given.get(name, share)) for name, share in DEFAULT_SHARES.items()}
        if not abs(sum(shares.values()) - 1) < 1e-6:
            raise fault(f"[splits] shares {shares} add up to {sum(shares.values()):g}; make them add up to 1")
        return self


class _Duplicates(Table):
    max_per_group: Annotated[int | None, Field(ge=1), says("write a number from 1 up, or leave it out")] = None


class _Agreement(Table):
    fastest_seconds: Annotated[
        float, Field(ge=0, le=3600, allow_inf_nan=False), says("write seconds from 0 to 3600, 0 for no limit")
    ] = FASTEST_SECONDS


class _Release(Table):
    license: Annotated[str | None, Field(pattern=_LICENSE), says("write one short name, such as cc-by-4.0")] = None
    authors: Annotated[_Texts, says("write a list of names in quotes")] = ()


class _Encoders(Table):
    regions: str = "light"
    words: str = "light"


class _Import(Table):
    labels: dict[str, Annotated[str, says('write a label of the protocol, such as "explicit"')]] = Field(
        default_factory=dict
    )


class _LabelStudio(Table):
    url: str | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url and "@" in url:
            raise fault("[label_studio] url holds a user; take it out and set LABEL_STUDIO_API_KEY in the environment")
        if url and not url.startswith(("http://", "https://")):
            raise fault(f"[label_studio] url is {url!r}; it must start with http:// or https://")
        return url.rstrip("/") if url else None


class _X(Table):
    price_per_post: Annotated[
        float, Field(ge=0, lt=1000, allow_inf_nan=False), says("write the dollars a post, such as 0.005")
    ] = 0.005
    quarantine_days: Annotated[
        float, Field(ge=0, le=365, allow_inf_nan=False), says("write days from 0 to 365, 0 to erase at once")
    ] = 1.0


class _Adjudicator(Table):
    name: _Text
    email: Annotated[_Text, AfterValidator(str.lower)]

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if "@" not in self.email or self.name.startswith("@"):
            raise remark(f": {self.name} <{self.email}> is no name with an e-mail address; correct it")
        return self


class _Annotator(_Adjudicator):
    expert: _Flag = False


def _person(value: Any, inner: Callable[[Any], Any]) -> Any:
    try:
        return inner(value)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "remark" or first["loc"] == ("expert",):
            raise
        raise remark("is no person; write exactly a name and an email, both text") from None


def _tables(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise fault(f"{info.field_name} must be tables; write [[{info.field_name}]] with name and email")
    return value


class _Toml(Table):
    """campaign.toml as it is written."""

    KINDS: ClassVar[Mapping[str, str]] = {**Table.KINDS, "string": "of type str", "int": "of type int"}

    name: str | None = None
    protocol: str = "ccd"
    judgments_per_pair: int = 3
    tie_rule: str = "adjudicate"
    database_url: str | None = None
    splits: _Splits = _Splits()
    x: _X = _X()
    filters: Filters = Filters()
    duplicates: _Duplicates = _Duplicates()
    agreement: _Agreement = _Agreement()
    release: _Release = _Release()
    encoders: _Encoders = _Encoders()
    imported: _Import = Field(default=_Import(), alias="import")
    label_studio: _LabelStudio = _LabelStudio()
    annotators: Annotated[list[Annotated[_Annotator, WrapValidator(_person)]], BeforeValidator(_tables)] = Field(
        default_factory=list
    )
    adjudicators: Annotated[list[Annotated[_Adjudicator, WrapValidator(_person)]], BeforeValidator(_tables)] = Field(
        default_factory=list
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str | None) -> str:
        if name is None:
            raise fault("name is None; give the campaign a name, in quotes")
        if not name.strip():
            raise fault("name is empty; give the campaign a name")
        return name

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: str | None) -> str | None:
        try:
            parts = sa.make_url(url) if url is not None else None
        except (sa.exc.ArgumentError, ValueError):
            # The url is not shown: what is not understood may hold a password.
            raise fault("database_url is no address; write postgresql+psycopg://user@host/database") from None
        if parts is not None and (parts.password or "password" in parts.query):
            raise fault("database_url holds a password; take it out and set PGPASSWORD in the environment")
        return url

    @field_validator("tie_rule")
    @classmethod
    def _check_rule(cls, rule: str) -> str:
        if rule not in ("adjudicate", "expert", "drop") and not rule.startswith("rule:"):
            raise fault(f"tie_rule is {rule!r}; it must be adjudicate, expert, drop or rule:<label>,<label>,...")
        return rule

    @model_validator(mode="after")
    def _check_people(self) -> Self:
        groups: dict[str, Sequence[_Adjudicator]] = {"annotators": self.annotators, "adjudicators": self.adjudicators}
        for field in ("name", "email"):
            values = {kind: [getattr(person, field) for person in group] for kind, group in groups.items()}
            for kind, of in values.items():
                if twice := sorted(value for value, number in Counter(of).items() if number > 1):
                    raise fault(f"[[{kind}]] {field} {twice[0]!r} stands twice; each must be unique")
            if both := sorted(set(values["annotators"]) & set(values["adjudicators"])):
                raise fault(f"{both[0]!r} is annotator and adjudicator; nobody settles ties they took part in")
        if self.judgments_per_pair < 2:
            raise fault(f"judgments_per_pair is {self.judgments_per_pair}; write a number from 2 up")
        if len(self.annotators) < self.judgments_per_pair:
            raise fault(
                f"{len(self.annotators)} annotators for {self.judgments_per_pair} judgments a pair; "
                "add [[annotators]] or lower judgments_per_pair"
            )
        if self.tie_rule == "expert" and not any(person.expert for person in self.annotators):
            raise fault('tie_rule is "expert" and nobody is one; write `expert = true` under an [[annotators]]')
        return self


@dataclass(frozen=True)
class Config:
    """`campaign.toml`, checked. templates/campaign.toml says what each entry means."""

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
    """Return the text of a new campaign.toml."""
    people = "\n".join(
        f"[[{kind}]]\nname = {_toml(person.name)}\nemail = {_toml(person.email)}\n"
        for kind, group in (("annotators", annotators), ("adjudicators", adjudicators))
        for person in group
    )
    values = {"name": _toml(name), "protocol": _toml(protocol), "people": people}
    return templates.render("ccd.campaign", "campaign.toml", values)


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
    """Check the text of a campaign.toml; `path` is for messages. Raises InputError with file, place and remedy."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more digits than Python reads
        raise InputError(f"{path}: not valid TOML ({error}); correct that line") from None
    found = validate(_Toml, data, str(path))
    return Config(
        name=str(found.name),
        protocol=found.protocol,
        judgments_per_pair=found.judgments_per_pair,
        tie_rule=found.tie_rule,
        database_url=found.database_url,
        quotas=found.splits.quotas,
        split_seed=found.splits.seed,
        split_ties=tuple(link for link in LINKS if link in found.splits.ties),
        filters=found.filters,
        max_per_group=found.duplicates.max_per_group,
        fastest_seconds=found.agreement.fastest_seconds,
        region_encoder=found.encoders.regions,
        word_encoder=found.encoders.words,
        license=found.release.license,
        authors=found.release.authors,
        imported_labels=found.imported.labels,
        label_studio_url=found.label_studio.url,
        price_per_post=found.x.price_per_post,
        quarantine_days=found.x.quarantine_days,
        annotators=tuple(Person(each.name, each.email, each.expert) for each in found.annotators),
        adjudicators=tuple(Person(each.name, each.email) for each in found.adjudicators),
    )


def _toml(text: str) -> str:
    # A TOML basic string is a JSON string, but for DEL; a name from the command line may hold half a character.
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
