"""The README.md of a release: a short card with its counts and its agreement."""

from collections.abc import Mapping
from typing import Any


def card(facts: Mapping[str, Any]) -> str:
    """The card, as Markdown, of the facts in release.json."""
    counts = facts["counts"]
    rows = [[label, *(counts[split][label] for split in counts)] for label in next(iter(counts.values()))]
    table = _table(["", *counts, "all"], [[*row, sum(row[1:])] for row in rows])
    synthetic = "\n**Synthetic**: the toolkit made these pairs itself; they are no data on real posts.\n"
    excluded = ", ".join(f"{number} {reason}" for reason, number in facts["excluded"].items()) or "none"
    return f"""# {facts["campaign"]}, release {facts["name"]}
{synthetic if facts["synthetic"] else ""}
Image-text pairs, judged under the protocol `{facts["protocol"]["name"]}` (protocol.json), question
`{facts["question"]}`. Made with {facts["toolkit"]}.

{table}
Pairs that were sent out and are not here: {excluded}.

## Agreement

Of all judged pairs, with 95 % bootstrap intervals over pairs; adjudicators are not in it.

{_agreement(facts["agreement"])}
## Files

- `train.jsonl`, `dev.jsonl`, `test.jsonl`: one pair a line: pair_id, post_id, text, image, label, label_id,
  resolved_by, votes, arm, leakage_group. Pairs of one leakage group (same image, post or text) are never in two splits;
  dev and test hold pairs that were chosen at random.
- `images/`: named by their SHA-256.
- `protocol.json`, `release.json`: what was asked; counts, seed and agreement.
- `MANIFEST.sha256`: check with `sha256sum -c MANIFEST.sha256`, or in full with `ccd verify`.
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
    return _table(["question", "coefficient", "value", "95 % interval", "note"], rows)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _interval(ci: list[float] | None) -> str:
    return "" if ci is None else f"{ci[0]:.4f} to {ci[1]:.4f}"


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
