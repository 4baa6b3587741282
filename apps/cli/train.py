"""`ccd train`: a network learns from the pairs of train, and stops by those of dev."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract, scores

if TYPE_CHECKING:
    from apps.cli.progress import Started
    from model.baselines.sizes import Sizes
    from model.data import Dataset, Loader
    from model.encoding import Encoders
    from model.features import Features

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="A release, or another folder with train, dev and test.jsonl (default: the campaign's own split).",
)
question_option = click.option(
    "--question", metavar="NAME", help="Whose labels to learn, of a protocol of several questions (default: the first)."
)
network_question_option = click.option(
    "--question", metavar="NAME", help="Take the network that was trained last on this question (default: on any)."
)
threads_option = click.option("--threads", type=click.IntRange(min=1), help="Processor threads (default: all).")


@click.command("train")
@data_option
@question_option
@click.option("--preset", type=click.Choice(["fast", "paper"]), default="fast", show_default=True, help="See below.")
@click.option(
    "--model",
    metavar="NAME",
    help="ananet, paper, random, stratified, majority, text, image, concatenation, similarity, tfn, comemory, scan, "
    "inception-lstm, dcnn or deep-classifier (default: the preset's).",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, another run.")
@click.option("--epochs", type=click.IntRange(min=1), help="At most so many (default: the preset's).")
@click.option("--class-weights", is_flag=True, help="Every label counts the same, however rare.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto: bf16 where the processor or GPU computes in it; with the preset paper fp32.",
)
@threads_option
@click.option("--regions", metavar="LINE", help="Encoder of images (default: as campaign.toml says).")
@click.option("--words", metavar="LINE", help="Encoder of texts (default: as campaign.toml says).")
@contract.in_campaign
@contract.reports(
    {
        "model": "the network's name",
        "question": "the question whose labels it learned; null where the folder of --data does not name it",
        "folder": "where it is",
        "new": "false where the same training was done before",
        "synthetic": "true where the toolkit made the pairs itself",
        "pairs": "map from train and dev to pairs that were used",
        "missing": "pairs of train and dev that have no features, as their image cannot be read",
        "parameters": "numbers that were trained",
        "epochs": "epochs of training",
        "best_epoch": "the epoch whose weights were kept",
        "dev": "accuracy, weighted_f1, macro_f1 and f1_by_label on dev, null where no pair has the label, which is no "
        "part of macro_f1; of scores mse and spearman (null: undefined)",
        "warning": "one line where the network is no better than train's most frequent label or than text alone on "
        "dev, or where that is not known; else null",
        "temperature": "what logits are divided by so that probabilities are right on dev",
        "precision": "fp32 or bf16",
        "device": "cpu or cuda",
        "seconds": "seconds of training",
    }
)
def train_command(
    folder: Path,
    data: Path | None,
    question: str | None,
    preset: str,
    model: str | None,
    seed: int,
    epochs: int | None,
    class_weights: bool,
    precision: str,
    threads: int | None,
    regions: str | None,
    words: str | None,
) -> contract.Report:
    """Train a network on the labelled pairs.

    The preset `fast` is ananet, the network we recommend; `paper` is the paper's, in its size and in fp32. Features
    that are not there yet are made first. The network goes to the folder models of --dir, its features to the folder
    features; with --data no campaign is needed there. Interrupted, the same command goes on where it was; done, it
    trains nothing again. Of a question that asks for a score, it learns the score by squared error.

    \b
    Example:
      ccd train --data releases/v1 --model tfn
      ccd train --question sc
    """
    from dataclasses import replace

    from apps.cli.progress import bars
    from model.baselines.sizes import Sizes
    from model.calibration import at_bound
    from model.training import PRESETS, has_bf16, train
    from model.usefulness import KEY, warning
    from model.zoo import config_of

    device = set_device(threads)
    of_preset, settings = PRESETS[preset]
    bf16 = precision == "bf16" or (precision == "auto" and preset != "paper" and has_bf16(device))
    settings = replace(settings, seed=seed, epochs=epochs or settings.epochs, class_weights=class_weights, bf16=bf16)
    name = model or of_preset
    config_of(name, Sizes(1, 1, profile_width=1))  # a wrong name is told before anything is encoded
    with bars() as started:
        ready = prepare(folder, data, encoders_of(folder, regions, words), started, question=question)
        loaders = ready.loader("train", device), ready.loader("dev", device)
        config = config_of(name, ready.sizes(loaders[0]))
        done = train(name, config, loaders, settings, folder / "models", ready.about("train", "dev"), started)
    facts = {
        "model": name,
        "question": ready.data.asked.name or None,
        "folder": str(done.folder),
        "new": done.new,
        "synthetic": ready.data.synthetic,
        "warning": None if done.is_score else warning(done.metrics.get(KEY)),
        "missing": sum(loader.missing for loader in loaders),
        "precision": "bf16" if bf16 else "fp32",
        **{key: done.metrics[key] for key in ("pairs", "parameters", "epochs", "best_epoch", "dev", "temperature")},
        **{key: done.metrics[key] for key in ("device", "seconds")},
    }
    bound = None if done.is_score else at_bound(done.temperature)
    return contract.Report(facts, _shown(facts, *filter(None, [bound, facts["warning"]])))


@dataclass(frozen=True)
class Ready:
    """A dataset and the caches with its features."""

    data: "Dataset"
    regions: "Features"
    words: "Features"

    def loader(self, split: str, device: str) -> "Loader":
        """Batches of one split's pairs."""
        from model.data import Loader

        return Loader(self.data.splits[split], self.regions, self.words, device)

    def sizes(self, loader: "Loader") -> "Sizes":
        """What the networks need to know of the features."""
        from model.baselines.sizes import Sizes
        from model.profile import PROFILE_WIDTH

        width = PROFILE_WIDTH if loader.has_profile else 0
        outputs = 1 if self.data.asked.is_score else len(self.data.labels)
        return Sizes(self.regions.width, self.words.width, outputs, width)

    def check_labels(self) -> None:
        """Raise CcdError where the pairs have scores."""
        from ccd.errors import InputError

        if self.data.asked.is_score:
            raise InputError(
                f"question {self.data.asked.name!r} asks for a score, and this compares labels; name one with labels"
            )

    def about(self, *splits: str) -> dict[str, Any]:
        """What a training is known by: the pairs of these splits, their question, labels and features."""
        caches = (("regions", self.regions), ("words", self.words))
        return {
            "question": self.data.asked.name,
            "labels": list(self.data.labels),
            "synthetic": self.data.synthetic,
            "data": self.data.digest(*splits),
            "features": {kind: {"line": cache.manifest["line"], "cache": cache.folder.name} for kind, cache in caches},
        }


def prepare(
    folder: Path,
    data: Path | None,
    encoders: "Encoders",
    started: "Started",
    caches: tuple[str | None, str | None] = (None, None),
    question: str | None = None,
) -> Ready:
    """Read the pairs of `data`, or of the campaign in `folder`, and have the features that they miss made.

    Their labels are those on `question`, or on the first. `caches` names those of regions and words that a network was
    trained on.
    """
    from ccd.campaign.campaign import Campaign
    from collection.text import model_text
    from model.data import features_of, read_campaign, read_folder

    if data:
        found = read_folder(data, model_text, question)
    else:
        found = read_campaign(Campaign.open(folder), model_text, question)
    root = folder / "features"
    regions = features_of("regions", found.images, encoders, root, started, caches[0])
    words = features_of("words", found.texts, encoders, root, started, caches[1])
    return Ready(found, regions, words)


def encoders_of(folder: Path, regions: str | None, words: str | None) -> "Encoders":
    """The lines given, else those of the campaign, else `light`; files are seen from `folder`."""
    from ccd.campaign.config import CONFIG, read_config
    from model.encoding import Encoders

    lines = ("light", "light")
    if (folder / CONFIG).is_file():
        config = read_config(folder)
        lines = (config.region_encoder, config.word_encoder)
    return Encoders(regions or lines[0], words or lines[1], folder)


def set_device(threads: int | None) -> str:
    """Set torch's threads, and say where to compute: on a GPU where there is one."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    return "cuda" if torch.cuda.is_available() else "cpu"


def _shown(facts: Mapping[str, Any], *notes: str) -> list[str]:
    made, pairs = "synthetic " if facts["synthetic"] else "", facts["pairs"]
    lines = [
        f"{facts['model']}, {facts['parameters']:,} parameters, {facts['precision']} on {facts['device']}: "
        f"{pairs['train']:,} {made}pairs of train, epoch {facts['best_epoch']} of {facts['epochs']} was the "
        f"best; {facts['seconds']:,.1f} s.",
        f"On {pairs['dev']:,} {made}pairs of dev: {_on_dev(facts['dev'])}.",
    ]
    if facts["missing"]:
        lines.append(f"{facts['missing']:,} pairs have no features and were left out; `ccd encode` says why.")
    lines += notes
    was = "is written" if facts["new"] else "was trained before"
    return [*lines, f"{facts['folder']} {was}; measure it on test with `ccd evaluate {Path(facts['folder']).name}`."]


def _on_dev(dev: Mapping[str, Any]) -> str:
    if "mse" in dev:
        return scores.on_dev(dev)
    by_label = ", ".join(
        f"{name} undefined, as no pair has it" if value is None else f"{name} {100 * value:.1f}"
        for name, value in dev["f1_by_label"].items()
    )
    return (
        f"accuracy {100 * dev['accuracy']:.1f}, weighted F1 {100 * dev['weighted_f1']:.1f}, "
        f"macro F1 {100 * dev['macro_f1']:.1f} ({by_label})"
    )
