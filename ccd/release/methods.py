"""methods.md: what the methods section of a paper says of a dataset, written from its facts."""

from collections.abc import Mapping
from typing import Any

from ccd.release.card import NETWORKS, bounds, is_sampled, others, ties, title
from ccd.templates import as_text
from ccd.vocabulary import Arm
from ccd.wording import listed, number_of

Facts = Mapping[str, Any]
_RULES = {
    "adjudicate": "ties were left to an adjudicator",
    "drop": "ties got no label",
    "expert": "ties were settled by the vote of the annotators who are experts",
}
_PARTS = {
    "strategy": "by the strategy {strategy}",
    "diverse": "as unlike the others",
    "random": "at random",
}
_REFERENCES = {
    "krippendorff_nominal": "Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. "
    "https://repository.upenn.edu/asc_papers/43",
    "fleiss": "Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin "
    "76(5), 378-382.",
    "gwet_ac1": "Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high "
    "agreement. British Journal of Mathematical and Statistical Psychology 61(1), 29-48.",
    "expanded": "Hesterberg, T. C. (2015). What teachers should know about the bootstrap. The American Statistician "
    "69(4), 371-386.",
    "bounds": "Imbens, G. W. and Manski, C. F. (2004). Confidence intervals for partially identified parameters. "
    "Econometrica 72(6), 1845-1857.",
    "bootstrap": "Efron, B. and Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman and Hall.",
}
_COEFFICIENTS = {
    "krippendorff_nominal": "Krippendorff's alpha (nominal; Krippendorff 2011)",
    "fleiss": "Fleiss' kappa (Fleiss 1971)",
    "gwet_ac1": "Gwet's AC1 (Gwet 2008)",
    "percent": "observed agreement",
}
_AUTHORS = (
    "To be stated by the authors: how annotators were recruited and trained, what they were paid, whether they and "
    "those who posted gave consent, and what an ethics board decided."
)
_ARMS = {
    Arm.RANDOM: "random rounds",
    Arm.ACTIVE: "rounds chosen with the help of a model",
    Arm.IMPORTED: "imported judgments",
}
_ORDERS = {
    "own": "to each annotator in an order of their own",
    "ranked": "to all in the order of the ranking",
    "same": "to all in one order",
}


def methods(facts: Facts) -> str:
    """Return the paragraphs, as Markdown: collection, annotation, labels and agreement, splits, references."""
    facts = as_text(facts)
    parts = [
        _collection(facts),
        _sampling(facts),
        _annotation(facts),
        _labels(facts),
        _agreement(facts),
        *(_question(facts, name) for name in others(facts)),
        _splits(facts),
        _AUTHORS,
        "References:\n\n" + "\n".join(sorted(f"- {_REFERENCES[name]}" for name in _cited(facts))),
    ]
    warning = "**Synthetic**: the toolkit made these pairs itself.\n\n" if facts["synthetic"] else ""
    return f"# Methods: {title(facts)}\n\n{warning}" + "\n\n".join(parts) + "\n"


def _collection(facts: Facts) -> str:
    found = facts["collected"]
    networks = " and ".join(NETWORKS.get(name, name) for name in found.get("sources", found["networks"]))
    when = f", posted between {found['first']} and {found['last']}" if found["first"] and found["last"] else ""
    said = f"We collected {number_of(found['pairs'], 'image-text pair')} of {number_of(found['posts'], 'post')} with "
    said += f"{number_of(found['images'], 'different image')} from {networks}{when}."
    if dropped := found["dropped"]:
        said += f" Photos and posts that were not kept: {listed(dropped)}."
    if gone := found["gone"]:
        said += f" Posts that were gone from the platform since ({listed(gone)}) were removed."
    return said


def _sampling(facts: Facts) -> str:
    told = []
    for each in facts["rounds"]:
        seed = f"seed {each['seed']}" + (f", model {each['model_version']}" if each["model_version"] else "")
        if others(facts) and each.get("question"):
            seed += f", to find labels of question `{each['question']}`"
        if each["arm"] == Arm.IMPORTED:
            told.append(f"round {each['round']}: {number_of(each['size'], 'pair')} that came with imported judgments")
            continue
        told.append(
            f"round {each['round']}: {each['size']:,} of {number_of(each['pool'], 'pair')}, {_how(each)} ({seed})"
        )
    return f"Pairs were sent out in {number_of(len(told), 'round')} ({'; '.join(told)})."


def _how(drawn: Mapping[str, Any]) -> str:
    """How the pairs of a round were chosen."""
    if drawn["arm"] != Arm.RANDOM:
        parts = {_PARTS.get(part, part).format(**drawn): number for part, number in drawn["parts"].items()}
        return f"chosen with the help of a model: {listed(parts)}" if parts else f"chosen by {drawn['strategy']}"
    low, high = drawn["probability"] or (None, None)
    if low == high:
        return "drawn at random, each with the same probability"
    return f"drawn at random, with inclusion probabilities from {low:.4g} to {high:.4g}"


def _order(facts: Facts) -> str:
    """In which order the annotators had the pairs."""
    rounds: dict[str, list[str]] = {}
    for each in facts["rounds"]:
        if each["arm"] == Arm.IMPORTED:
            continue
        rounds.setdefault(each["order"], []).append(str(each["round"]))
    parts = [
        f"{_ORDERS[order]} in {'round' if len(some) == 1 else 'rounds'} {', '.join(some)}"
        for order, some in rounds.items()
    ]
    return f"The pairs came {'; '.join(parts)}. " if parts else ""


def _annotation(facts: Facts) -> str:
    judged = facts["judgments"]
    agreement = facts["agreement"][facts["question"]]
    said = f"Under the protocol “{facts['protocol']['title']}” ({facts['protocol']['reference']}), "
    said += (
        f"{number_of(agreement['annotators'], 'annotator')} gave {number_of(agreement['n_judgments'], 'judgment')} on "
    )
    said += f"{number_of(agreement['n_pairs'], 'pair')}, {judged['per_pair']} a pair where all are in"
    imported = judged.get("imported", 0)  # of an older toolkit: not noted
    said += ". " if imported >= agreement["n_judgments"] else ", without sight of the others'. "
    if imported:
        said += f"Of the judgments, {imported:,} were made in other tools and imported; in which order they were given "
        said += "there, and beside what, is not recorded. "
    said += f"{_order(facts)}“Cannot judge” was answered {_times(judged['cannot_judge'])}"
    said += f", and {number_of(judged['skipped'], 'task')} skipped." if judged["skipped"] else "."
    if judged["assisted"]:
        said += f" Of the judgments, {judged['assisted']:,} were given beside a model's prediction{_on(facts)}."
        said += _assistance(facts.get("assistance"))
    if mixed := facts["protocol"].get("mixed"):  # of an older toolkit: not noted
        said += f" {mixed}"
    return said


def _labels(facts: Facts) -> str:
    rule = facts["judgments"]["tie_rule"]
    told = _RULES.get(rule, f"ties went to the first of the tied labels in the order {rule.removeprefix('rule:')}")
    tied = number_of(facts["judgments"]["tied"], "pair")
    said = f"The label of a pair{_on(facts)} is that of the majority; {told}. {tied} in the splits or in open.jsonl "
    said += "had a tie. "
    if _is_score(facts, facts["question"]):
        said = f"The label of a pair{_on(facts)} is the mean of its scores. "
    said += (
        f"Of the {number_of(_total(facts), 'released pair')}, the label came about by: {listed(facts['resolved_by'])}"
    )
    labelled = sum(facts["resolved_by"].values())
    if without := facts.get("questions", {}).get(facts["question"], {}).get("unlabelled"):
        said += (
            f"; {listed(without)} {'has' if labelled == _total(facts) - 1 else 'have'} a label on another question only"
        )
    said += ". "
    if judged := facts["judgments"]["adjudicated"]:
        said += f"An adjudicator's answer is the label of {number_of(judged, 'released pair')}"
        said += " on a question or more. " if others(facts) else ". "
    said += _reviewed(facts["judgments"])
    if (contested := facts.get("contested")) is not None:
        said += f"Of all labels, {contested:,} ({contested / labelled:.1%}) had at least one annotator's vote for "
        said += "another label; how many labels are wrong was not measured. "
    if left := facts["excluded"]:
        said += f"Sent out and in no split: {listed(left)}."
    return said.rstrip()


def _assistance(found: Mapping[str, Any] | None) -> str:
    """What the predictions shown did to the judgments, as `ccd bias` measures it."""
    if found is None:
        return ""  # of an older toolkit, or of scores
    model = found["model"]
    if model["difference"] is None:
        return f" What that did to them cannot be measured: {model['reason']}."
    low, high = (100 * end for end in model["ci"] or (0, 0))
    said = (
        f" Which pairs stayed blind was drawn at random: the model's label is {model['assisted']:.1%} of the "
        f"judgments on {number_of(found['assisted']['pairs'], 'assisted pair')} and {model['blind']:.1%} of those on "
        f"{number_of(found['blind']['pairs'], 'blind pair')}, weighted to have their rounds and model labels: "
        f"{100 * model['difference']:+.1f} points"
    )
    said += f" [{low:+.1f}, {high:+.1f}]." if model["ci"] else "."
    if smallest := found["smallest"]:
        said += (
            f" A comparison of so many pairs finds a difference of {100 * smallest:.1f} points in four of five cases."
        )
    return said


def _reviewed(judged: Mapping[str, Any]) -> str:
    """How reliable adjudicators are, as far as their answers can be compared."""
    found, said = judged.get("reviewed"), ""
    if found is None or not (judged["adjudicated"] or found):
        return ""  # of an older toolkit, or without adjudicators
    if twice := found.get("twice", 0):
        said = f"Of {number_of(twice, 'pair')} that two adjudicators or more answered, {found['twice_same']:,} got one "
        said += "label from all. "
    if beside := found.get("beside", 0):
        said += (
            f"Of {number_of(beside, 'pair')} with an adjudicator's answer on which one label led by the annotators' "
        )
        said += f"votes, {found['beside_same']:,} got that label. "
    return said or (
        "How reliable adjudication is was not measured: no pair was answered by two adjudicators, or by one where a "
        "label led by the annotators' votes. "
    )


def _agreement(facts: Facts) -> str:
    whole = facts["agreement"][facts["question"]]
    found = whole["coefficients"]
    said = [f"{name} {_value(found[key])}" for key, name in _COEFFICIENTS.items()]
    level = _level(facts)
    if level != "nominal":
        of_level = f"Krippendorff's alpha ({level}; Krippendorff 2011) {_value(found[f'krippendorff_{level}'])}"
        said = [of_level] if _is_score(facts, facts["question"]) else [of_level, *said]
    classes = [f"{label} {_value(each)}" for label, each in found["per_class"].items()]
    each = f" Alpha of each label against the rest: {', '.join(classes)}." if classes else ""
    groups = whole["bootstrap"].get("groups")
    how = "from" if groups is None else "expanded for few groups (Hesterberg 2015), from"
    of = "pairs" if groups is None else f"their {number_of(groups, 'leakage group')}"
    return (
        f"Agreement{_on(facts)} over all judged pairs, with 95 % intervals of the percentile bootstrap (Efron and "
        f"Tibshirani 1993), {how} {whole['bootstrap']['folds']:,} resamples of {of}: {', '.join(said)}."
        f"{each}{_by_arm(facts)}"
    )


def _cited(facts: Facts) -> list[str]:
    """The references: that of expanded intervals only where leakage groups were drawn, of scores none for labels."""
    groups = facts["agreement"][facts["question"]]["bootstrap"].get("groups")
    without = {"fleiss", "gwet_ac1"} if _is_score(facts, facts["question"]) else set()
    without |= {"expanded"} if groups is None else set()
    without |= set() if is_sampled(facts) else {"bounds"}
    return [name for name in _REFERENCES if name not in without]


def _level(facts: Facts) -> str:
    """The first question's level of measurement; releases of older toolkits do not say, and reported nominal alpha."""
    return str(facts.get("questions", {}).get(facts["question"], {}).get("level", "nominal"))


def _by_arm(facts: Facts) -> str:
    """Agreement of pairs drawn at random and of the others, where there are both."""
    arms = facts.get("agreement_by_arm") or {}
    parts = [
        f"{_ARMS.get(arm, arm)} {_value(each['coefficients'][f'krippendorff_{_level(facts)}'])} "
        f"({number_of(each['n_pairs'], 'pair')})"
        for arm, each in arms.items()
    ]
    if not parts:
        return ""
    return (
        f" Alpha by how the pairs were chosen: {', '.join(parts)}. Alpha depends on how common the labels "
        "are: pairs chosen so that a label is more common can have another alpha without any change in how annotators "
        "judge."
    )


def _question(facts: Facts, name: str) -> str:
    """Labels, ties, agreement and prevalence of a question but the first, in one paragraph."""
    found, agreement = facts["questions"][name], facts["agreement"][name]
    counts = {label: sum(split[label] for split in found["counts"].values()) for label in found["counts"]["train"]}
    labelled = counts.pop("all")
    said = f"Question `{name}` ({found['title']}): {number_of(labelled, 'released pair')} {_have(labelled)} a label"
    said += f" ({listed(counts)})" if counts else ""
    said += f", which came about by: {listed(found['resolved_by'])}." if labelled else "."
    said += f" Without a label: {listed(found['unlabelled'])}." if found["unlabelled"] else ""
    tied = f" {number_of(found['tied'], 'released pair')} had a tie, left to an adjudicator."
    said += tied if found["kind"] == "choice" else ""
    coefficients = agreement["coefficients"]
    level = found["level"]
    each = [f"Krippendorff's alpha ({level}) {_value(coefficients[f'krippendorff_{level}'])}"]
    if found["kind"] == "choice":
        each += [f"Gwet's AC1 {_value(coefficients['gwet_ac1'])}"]
    said += f" Agreement over {number_of(agreement['n_judgments'], 'judgment')}: {', '.join(each)}."
    return said + _prevalence(found)


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _splits(facts: Facts) -> str:
    sizes = ", ".join(f"{split} {of_split['all']:,}" for split, of_split in facts["counts"].items())
    said = f"The {number_of(_total(facts), 'pair was', 'pairs were')} divided into {sizes}{_stratum(facts)} "
    said += f"(seed {facts['split']['seed']}). "
    if groups := facts["groups"]:
        said += f"{number_of(groups, 'leakage group')} of two pairs or more (tied by {ties(facts)}) "
        said += "was never divided. " if groups == 1 else "were never divided. "
    else:
        said += f"No two pairs are tied by {ties(facts)}. "
    said += "Dev and test hold only pairs that were drawn at random."
    if large := facts["split"].get("large"):
        are, they = ("is", "it is") if large["groups"] == 1 else ("are", "they are")
        said += f" {number_of(large['groups'], 'leakage group')} of {large['smallest']:,} pairs or more, "
        said += f"{large['pairs']:,} pairs in all, could have been in dev or test and {are} too large for them: {they} "
        said += "in train, and dev and test have no groups of that size."
    return said + _prevalence(facts) + " ".join(("", *bounds(facts).split()))


def _stratum(facts: Facts) -> str:
    """What splits were balanced by; of an older toolkit the first question, which was not noted."""
    question = facts["split"].get("question", facts["question"])
    if _is_score(facts, question):
        return ""  # scores are not stratified
    return ", stratified by label" + (f" of question `{question}`" if others(facts) else "")


def _is_score(facts: Facts, question: str) -> bool:
    """Whether a question asks for a score; releases of older toolkits do not say, and are taken to ask for labels."""
    return bool(facts.get("questions", {}).get(question, {}).get("kind") == "score")


def _on(facts: Facts) -> str:
    """Which question is meant, where the protocol has several."""
    return f" on question `{facts['question']}`" if others(facts) else ""


def _prevalence(facts: Facts) -> str:
    """Of a release or of one of its questions; nothing where it is not known."""
    if not facts["prevalence_basis"]:
        return ""
    shares = [f"{each['label']} {each['prevalence']:.1%} ({_interval(each)})" for each in facts["prevalence"]]
    return f" Prevalence of the majority labels, estimated from pairs drawn at random: {', '.join(shares)}. " + (
        f"{facts['prevalence_basis']}."
    )


def _interval(share: Mapping[str, Any]) -> str:
    if share["low"] == share["high"]:
        return "of all pairs; errors of labels are not in it"
    return f"95 % CI {share['low']:.1%} to {share['high']:.1%}"


def _total(facts: Facts) -> int:
    return sum(of_split["all"] for of_split in facts["counts"].values())


def _value(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return f"undefined ({found['reason']})"
    ci = found["ci"]
    return f"{found['value']:.3f}" + (f" [{ci[0]:.3f}, {ci[1]:.3f}]" if ci else "")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
