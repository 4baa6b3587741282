"""The README.md of a release: a dataset card, with the front matter that the Hugging Face Hub and `datasets` read."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ccd.measures.prevalence import interval
from ccd.release.images import FILES, TAR
from ccd.splitting.leakage import IN_WORDS
from ccd.templates import as_text
from ccd.wording import listed, number_of

Facts = Mapping[str, Any]
NETWORKS = {"x": "X (Twitter)", "bsky": "Bluesky", "masto": "Mastodon"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def front_matter(facts: Facts, digest: str) -> str:
    """Return what the Hub shows of it, and where `datasets` finds splits and images.

    The config is named by the release and its `digest`, as `datasets` takes two folders of one name whose cards have
    the same configs for the same data, and answers with what it has cached of the other.

    >>> datasets.load_dataset("releases/v1")["test"][0]["image"]  # doctest: +SKIP
    """
    splits = list(facts["counts"])
    pairs = sum(of_split["all"] for of_split in facts["counts"].values())
    lines = [f"pretty_name: {json.dumps(title(facts), ensure_ascii=False)}"]
    if facts["license"]:
        lines.append(f"license: {_plain(facts['license'].lower())}")
    else:
        lines.append("license: unknown  # state it: [release] license in campaign.toml")
    lines += ["task_categories:", "- image-classification", "- text-classification"]
    lines += ["tags:", "- image-text", "- croissant", *(["- synthetic"] if facts["synthetic"] else [])]
    lines += ["size_categories:", f"- {next((name for most, name in _SIZES if pairs < most), '1M<n<10M')}"]
    lines += ["configs:", f"- config_name: {_plain(facts['name'])}-{digest[:16]}", "  data_files:"]
    for split in splits:
        if facts["counts"][split]["all"]:
            beside = ', "images/*"' if facts["images"] == FILES else ""  # many images make it an image folder
            path = f'"{split}-*.tar"' if facts["images"] == TAR else f"{split}.parquet"
            lines += [f"  - split: {split}", f"    path: [{path}{beside}]"]
    if facts["images"] == FILES:
        lines.append(f"  metadata_filenames: [{', '.join(f'{split}.parquet' for split in splits)}]")
    return "---\n" + "\n".join(lines) + "\n---\n"


def _plain(value: str) -> str:
    """A word of YAML: whatever could end it, or its line, becomes a hyphen.

    >>> _plain("cc-by-4.0"), _plain("mit\\nconfigs: [x]")
    ('cc-by-4.0', 'mit-configs-x-')
    """
    return re.sub(r"[^\w.+-]+", "-", value)


def title(facts: Facts) -> str:
    """The name by which a release is cited."""
    return f"{facts['campaign']}, release {facts['name']}"


def card(facts: Facts) -> str:
    """What every CCD-style folder says of its labels, as Markdown; also a made world's."""
    facts = as_text(facts)
    synthetic = "\n**Synthetic**: the toolkit made these pairs itself; they are no data on real posts.\n"
    excluded = listed(facts["excluded"]) or "none"
    return f"""# {title(facts)}
{synthetic if facts["synthetic"] else ""}
Image-text pairs, judged under the protocol `{facts["protocol"]["name"]}` (protocol.json), question
`{facts["question"]}`. Made with {facts["toolkit"]}.

{counts(facts)}
Pairs that were sent out and are in no split: {excluded}.

## Agreement

Of all judged pairs, with 95 % bootstrap intervals over pairs; adjudicators are not in it.

{_agreement(facts["agreement"])}"""


def release_card(facts: Facts, pictures: tuple[str, ...], digest: str) -> str:
    """The whole README.md of a release; `pictures` are the names of its pictures, `digest` is of its data."""
    shown = "".join(f"![{name.removesuffix('.png')}](pictures/{name})\n\n" for name in pictures)
    top = front_matter(facts, digest) + card(facts)
    facts = as_text(facts)
    return f"""{top}
## Class shares

{_shares(facts)}
{_questions(facts)}{shown}## Read it

{_use(facts)}
## Files

{_files(facts)}
## Terms

{_terms(facts)}"""


def counts(facts: Facts) -> str:
    """Pairs by label and split, as Table II of Xu et al. (2021), of a release or of one of its questions."""
    found = facts["counts"]
    rows = [[label, *(found[split][label] for split in found)] for label in next(iter(found.values()))]
    return table(["", *found, "all"], [[*row, sum(row[1:])] for row in rows])


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _shares(facts: Facts) -> str:
    arms = listed(facts["arms"])
    basis = facts["prevalence_basis"]
    estimated = (
        f" The prevalence of the majority labels is estimated from pairs that were drawn at random. {basis}."
        if basis
        else ""
    )
    return f"""Pairs by the way they were chosen: {arms}. Only pairs of random rounds (arm `random`) are in dev and
test. Raw shares are of all labelled pairs, also those that a model's ranking brought in (arm `active`), all of them in
train.{estimated}

{_prevalences(facts)}{bounds(facts)}"""


def bounds(facts: Facts) -> str:
    """What the pairs without a label leave unknown of the shares; nothing where there are none, or all is older."""
    found = facts.get("bounds")
    if not found:
        return ""
    known = facts.get("population_bounds")
    ends = {label: (each["least"], each["most"]) for label, each in known.items()} if known else found["labels"]
    of = "share of all pairs" if known else "share"
    sampling = ""
    if is_sampled(facts):
        error = {label: (each["low"], each["high"]) for label, each in (known or {}).items()}
        sampling = f"With sampling error (95 %; Imbens and Manski 2004): {_ranges(error)}.\n"
    number = found["unsettled"]
    were, have = ("was", "has") if number == 1 else ("were", "have")
    votes = "open.jsonl and the rows without a label have" if others(facts) else "open.jsonl has"
    return f"""
Of {number_of(found["pairs"], "pair")} of random rounds that were judged in full, {number:,} {have} no label and
{were} left out of the shares; {votes} the votes. With none and with all pairs without one counted for a label, its
{of} is: {_ranges(ends)}.
{sampling}"""


def is_sampled(facts: Facts) -> bool:
    """Whether the bounds have sampling error, as where not every pair is judged."""
    known = facts.get("population_bounds") if facts.get("bounds") else None
    return any(each["low"] < each["least"] or each["most"] < each["high"] for each in (known or {}).values())


def _ranges(ends: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(f"{label} {low:.1%} to {high:.1%}" for label, (low, high) in ends.items())


def _prevalences(facts: Facts) -> str:
    """Raw shares of a release or of one of its questions, and prevalence where it is known."""
    raw = [[each["label"], f"{each['pairs']:,}", _percent(each["share"])] for each in facts["prevalence"]]
    head = ["label", "labelled pairs", "raw share"]
    if facts["prevalence_basis"]:
        head += ["prevalence", "95 % interval"]
        raw = [
            [*row, _percent(each["prevalence"]), interval(each)]
            for row, each in zip(raw, facts["prevalence"], strict=True)
        ]
    return table(head, raw) if raw else ""


def others(facts: Facts) -> dict[str, Facts]:
    """What release.json has of each question but the first; older releases have nothing."""
    return {name: each for name, each in facts.get("questions", {}).items() if name != facts["question"]}


def _questions(facts: Facts) -> str:
    if not others(facts):
        return ""
    parts = [
        f"""## Question `{name}`

{each["title"]} Without a label: {listed(each["unlabelled"]) or "none"}. Labels by: {listed(each["resolved_by"])}.

{counts(each)}
{_prevalences(each)}"""
        for name, each in others(facts).items()
    ]
    return "\n".join(parts) + "\n"


def _use(facts: Facts) -> str:
    column = "jpg" if facts["images"] == TAR else "image"
    shown = f'["{column}"].size' if facts["images"] in (FILES, TAR) else '["label"]'
    if facts["dehydrated"]:
        first = "ccd hydrate FOLDER    # texts and images from the X API, or --archive FILE\n"
        return f"""Ids, labels and splits only. To fill in texts and images:

```bash
{first}```
"""
    return f"""```python
from datasets import load_dataset
load_dataset("FOLDER")["test"][0]{shown}

import pandas
pandas.read_parquet("FOLDER/test.parquet")  # or pandas.read_json("FOLDER/test.jsonl", lines=True)
```

`ccd verify FOLDER` checks every byte, image, label, leak and count.
"""


def _files(facts: Facts) -> str:
    content = "" if facts["dehydrated"] else "text, image, "
    renamed = "" if facts["dehydrated"] else " Their `file_name` is what the lines call `image`."
    images = {
        FILES: "- `images/`: named by their SHA-256.\n",
        TAR: "- `train-00000.tar`, …: WebDataset shards, of each pair its image and its line as JSON.\n",
    }.get(facts["images"], "")
    unsettled = ""
    if "bounds" in facts:  # else of an older toolkit
        unsettled = """- `open.jsonl`, `open.parquet`: pairs that were judged in full and have no label, as after a tie.
  In no split: pair_id, post_id, resolved_by, votes, arm, inclusion_probability.
"""
    return f"""- `train.jsonl`, `dev.jsonl`, `test.jsonl`: one pair a line: pair_id, post_id, {content}label, label_id,
  resolved_by, votes, arm, inclusion_probability, weight, leakage_group. Handles in texts are @USER.
  `inclusion_probability` is the chance that the pair's round had to draw it from the pairs that were left then;
  `weight` is how many of all collected pairs it stands for, over all rounds (null where that is not known): weighted
  by it, all splits together have the label shares of what was collected. Pairs of one leakage group are never in two
  splits; what
  ties pairs is: {ties(facts)}.{_several(facts)}
- `train.parquet`, `dev.parquet`, `test.parquet`: the same.{renamed}
{images}{unsettled}- `judgments.parquet`: every judgment that counts, of annotators A1, A2, … and adjudicators R1, …:
  task (pair_id), worker, question, label, role, prediction (the model whose prediction was shown), seconds, revision
  (of the protocol), arm (how the pair was chosen), leakage_group (null where no other judged pair is tied to it).
- `protocol.json`: what was asked, now and in every revision that judgments were given under.
- `release.json`: all that this page says, for programs.
- `methods.md`, `datasheet.md`, `CITATION.cff`, `croissant.json`, `pictures/`: for papers, readers and catalogues.
- `MANIFEST.sha256`: check with `sha256sum -c MANIFEST.sha256`, or in full with `ccd verify`.
"""


def _several(facts: Facts) -> str:
    """Where the answers to each question stand."""
    if not others(facts):
        return ""
    return f"""
  These are of question `{facts["question"]}`, on which a pair may have no label (null). `labels`,
  `labels_resolved_by` and `labels_votes` have those of every question by its name."""


def ties(facts: Facts) -> str:
    """What keeps pairs together, in words."""
    return ", ".join(IN_WORDS[tie] for tie in facts["split"]["ties"]) or "ties that were not noted"


def _terms(facts: Facts) -> str:
    licence = (
        f"Labels and judgments: {facts['license']}." if facts["license"] else "No licence is stated: ask its authors."
    )
    if facts["synthetic"]:
        return f"{licence} Nobody posted these texts and images.\n"
    left = ""
    if facts["dehydrated"]:
        left = " There is no text and no pixel of theirs in this folder."
    elif "x" in facts["collected"]["networks"]:
        left = "\nX lets ids be shared, and not content: to pass this on, release it with `--dehydrate`."
    gone = listed(facts["collected"]["gone"]) or "none"
    return f"""{licence}

Texts and images are other people's, under the terms of the platform that they were posted on.{left}
Posts that were found gone since they were collected, and are not here: {gone}. Remove what is deleted later.
"""


def _agreement(agreement: Mapping[str, Any]) -> str:
    rows = []
    for question, each in agreement.items():
        alone = {name: found for name, found in each["coefficients"].items() if name != "per_class"}
        classes = {f"krippendorff_nominal, {c}": found for c, found in each["coefficients"]["per_class"].items()}
        rows += [
            [question, name, _number(found["value"]), _interval(found["ci"]), found["reason"] or ""]
            for name, found in (alone | classes).items()
        ]
    return table(["question", "coefficient", "value", "95 % interval", "note"], rows)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _interval(ci: list[float] | None) -> str:
    return "" if ci is None else f"{ci[0]:.4f} to {ci[1]:.4f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
