"""Training: Adam, early stopping on dev, and a state on disk from which a killed run goes on to the same bits.

Where the processor computes in fp32, the same seed, data and number of threads give the same weights. The best epoch
is that of the highest weighted F1 on dev, and its weights are kept. Of a question that asks for a score, networks learn
the score less train's mean over train's standard deviation, and the best epoch is that of the least squared error.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from ccd import __version__
from ccd.errors import InputError
from model import usefulness
from model.batch import Batch
from model.calibration import fit_temperature
from model.checkpoint import Checkpoint, TrainingRun, load
from model.criterion import loss_terms
from model.data import Loader, Started
from model.evaluation import MEASURES, confusion, defined, f1, predict
from model.resampling import Floats
from model.scores import mse, spearman
from model.zoo import Config, make

SAVE_SECONDS = 600.0  # within an epoch: what a kill may cost


@dataclass(frozen=True)
class Settings:
    """How to train. `patience` epochs without a better dev end it, or `epochs` in all.

    `class_weights`: every label counts the same in the loss, however rare; scores have none. The paper says Adam, its
    rate and the batch; the rest is ours.
    """

    seed: int = 0
    epochs: int = 30
    patience: int = 5
    batch: int = 64
    rate: float = 0.001
    class_weights: bool = False
    bf16: bool = False


PRESETS = {"paper": ("paper", Settings()), "fast": ("ananet", Settings(epochs=15, patience=3))}
"""A network and how to train it: as the paper did, or the recommended one, which needs fewer epochs."""


@runtime_checkable
class Fitted(Protocol):
    """A network without steps: it looks at all of train once."""

    def fit(self, batches: Iterable[Batch], class_weights: Tensor | None) -> None:
        """Fit to the batches."""


@dataclass
class _Course:
    """How far a run is: the epoch under way, its steps done, and the sums of its loss terms; the best epoch so far."""

    epoch: int = 1
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: str,
    config: Config,
    loaders: tuple[Loader, Loader],
    settings: Settings,
    models: Path,
    about: Mapping[str, Any],
    started: Started = lambda name, total: lambda number: None,
) -> Checkpoint:
    """Train the named network on the first loader and stop by the second; store it in the folder `models`.

    `about` goes into config.json: `labels` (names in the order of their ids), and what the data and features were.
    Without labels the loaders have scores. The same training is not done twice, and one that was interrupted goes on
    where it was. Raises CcdError where a loader is empty, the loss is no number, another process trains the same, or
    the network or settings are for labels and there are scores.

    >>> done = train("ananet", config, (train_pairs, dev_pairs), Settings(), Path("models"), about)  # doctest: +SKIP
    >>> done.network()(batch).logits  # doctest: +SKIP
    """
    for loader, name in zip(loaders, ("train", "dev"), strict=True):
        if not len(loader):
            raise InputError(f"{name} has no pair with features; label and split more pairs, and look at `ccd encode`")
    told = {"toolkit": f"ccd-toolkit {__version__}", "model": model, "network": asdict(config)}
    run = TrainingRun(models, told | {"training": asdict(settings)} | dict(about))
    with run.alone(), torch.random.fork_rng(range(torch.cuda.device_count())):
        if run.is_done:
            return load(run.folder)
        torch.manual_seed(settings.seed)
        network = make(model, config).to(loaders[0].device)
        if not about["labels"]:
            _check_scores(model, network, settings)
        training = _Training(network, loaders, settings, run)
        if isinstance(network, Fitted):
            training.fit(network)
        else:
            training.steps(started)
        return training.finish()


def _check_scores(model: str, network: nn.Module, settings: Settings) -> None:
    if isinstance(network, Fitted):
        raise InputError(f"{model} learns labels, and the question asks for a score; choose another --model")
    if settings.class_weights:
        raise InputError("--class-weights weighs labels, and the question asks for a score; omit it")


def has_bf16(device: str) -> bool:
    """Whether bf16 is faster than fp32 here: it is where the processor or the GPU computes in it."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        words = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(words)


class _Training:
    """One run: the network, its optimiser, how far it is, and the weights of the best epoch."""

    def __init__(
        self, network: nn.Module, loaders: tuple[Loader, Loader], settings: Settings, run: TrainingRun
    ) -> None:
        self.network, self.settings, self.run = network, settings, run
        self.train, self.dev = loaders
        self.labels: list[str] = run.config["labels"]
        self.weights = _class_weights(self.train, len(self.labels)) if settings.class_weights else None
        self.mean = 0.0 if self.labels else float(self.train.labels.mean())
        self.scale = 1.0 if self.labels else float(self.train.labels.std()) or 1.0  # 1 where all scores are equal
        self.course = _Course()
        self.best: dict[str, Tensor] = {}

    def fit(self, network: Fitted) -> None:
        begin = time.perf_counter()
        network.fit(self.train.batches(self.train.sorted(self.settings.batch)), self.weights)
        self._judge({})
        self.course.seconds = time.perf_counter() - begin

    def steps(self, started: Started) -> None:
        """Epoch after epoch from where the state says, until no epoch gets better."""
        self.optimiser = torch.optim.Adam(self.network.parameters(), self.settings.rate, fused=True)
        self._resume()
        course, settings = self.course, self.settings
        of_epoch = math.ceil(len(self.train) / settings.batch)
        moved = started(f"training, {settings.epochs} epochs at most", settings.epochs * of_epoch)
        moved((course.epoch - 1) * of_epoch + course.step)
        while course.epoch <= settings.epochs and course.epoch - course.best_epoch <= settings.patience:
            self._epoch(moved)

    def _epoch(self, moved: Callable[[int], None]) -> None:
        course, settings, device = self.course, self.settings, self.train.device
        order = self.train.shuffled(settings.batch, settings.seed, course.epoch)
        begin = time.perf_counter()
        sums = {name: torch.tensor(value, dtype=torch.float64, device=device) for name, value in course.sums.items()}
        self.network.train()
        for batch in self.train.batches(order[course.step :]):
            for name, term in self._step(batch).items():
                sums[name] = sums.get(name, 0.0) + term.double()
            course.step += 1
            if time.perf_counter() - begin > SAVE_SECONDS:
                course.seconds += time.perf_counter() - begin
                begin = time.perf_counter()
                course.sums = {name: value.item() for name, value in sums.items()}
                self._save()
            moved(1)
        means = {name: value.item() / len(order) for name, value in sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise InputError(f"epoch {course.epoch}: the loss is no number; try --precision fp32 or another --seed")
        self._judge(means)
        course.seconds += time.perf_counter() - begin
        course.epoch, course.step, course.sums = course.epoch + 1, 0, {}
        self._save()

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        """One step of Adam; the loss terms, detached."""
        assert batch.labels is not None
        labels = batch.labels if self.labels else ((batch.labels - self.mean) / self.scale).float()
        with torch.autocast(self.train.device, torch.bfloat16, enabled=self.settings.bf16):
            verdict = self.network(batch)
        terms = loss_terms(verdict, labels, self.weights)
        self.optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return {name: term.detach() for name, term in terms.items()}

    def _judge(self, means: Mapping[str, float]) -> None:
        """Measure on dev, log the epoch, and keep its weights if it is the best."""
        course = self.course
        measured, _ = self._on_dev()
        norms: dict[str, float] = getattr(self.network, "norms", dict)()
        course.log.append({"epoch": course.epoch, "loss": dict(means), "norms": norms, "dev": measured})
        merit = measured["weighted_f1"] if self.labels else -measured["mse"]
        if course.best is None or merit > course.best:
            course.best, course.best_epoch = merit, course.epoch
            self.best = {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}

    def _on_dev(self) -> tuple[dict[str, Any], Floats]:
        """Return what dev says of the network as it is now, and its logits there."""
        logits = predict(self.network, self.dev, self.settings.bf16)
        if self.labels:
            table = confusion(self.dev.labels, logits.argmax(1), logits.shape[1])
            return {name: float(measure(table)) for name, measure in MEASURES.items()}, logits
        scores = logits[:, 0] * self.scale + self.mean
        rho = spearman(scores, self.dev.labels)
        return {"mse": mse(scores, self.dev.labels), "spearman": None if math.isnan(rho) else rho}, logits

    def _save(self) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.train.device == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        self.run.save(tensors, asdict(self.course), self.course.log)

    def _resume(self) -> None:
        found = self.run.state()
        if found is None:
            return
        tensors, told = found
        self.course = _Course(**told)
        groups: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "adam": {}, "random": {}}
        for name, value in tensors.items():
            group, _, rest = name.partition(".")
            groups[group][rest] = value
        self.network.load_state_dict(groups["network"])
        self.best = groups["best"]
        adam: dict[int, dict[str, Tensor]] = {}
        for name, value in groups["adam"].items():
            number, _, key = name.partition(".")
            adam.setdefault(int(number), {})[key] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": adam})
        torch.set_rng_state(groups["random"]["cpu"])
        if "cuda" in groups["random"]:
            torch.cuda.set_rng_state(groups["random"]["cuda"])

    def finish(self) -> Checkpoint:
        """Return the best epoch's network, measured on dev, in its place on disk."""
        self.network.load_state_dict(self.best)
        dev, logits = self._on_dev()
        fitted: dict[str, Any] = {"temperature": 1.0, "mean": self.mean, "scale": self.scale}
        if self.labels:
            table = confusion(self.dev.labels, logits.argmax(1), logits.shape[1])
            dev["f1_by_label"] = dict(zip(self.labels, defined(f1(table)), strict=True))
            balanced = self.settings.class_weights
            against = usefulness.measure(self.train, self.dev, logits.argmax(1), tuple(self.labels), balanced)
            fitted = {"temperature": fit_temperature(logits, self.dev.labels), usefulness.KEY: against}
        metrics = {
            "pairs": {"train": len(self.train), "dev": len(self.dev)},
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "epochs": len(self.course.log),
            "best_epoch": self.course.best_epoch,
            "dev": dev,
            **fitted,
            "device": self.train.device,
            "threads": torch.get_num_threads(),
            "seconds": round(self.course.seconds, 3),
        }
        return self.run.finish(self.best, metrics, self.course.log)


def _class_weights(pairs: Loader, labels: int) -> Tensor:
    """[C]: one over each label's share in train, so that their mean over the pairs is 1.

    0 for a label that is not there.
    """
    counts = np.bincount(pairs.labels, minlength=labels)
    there = counts > 0
    weights = np.where(there, len(pairs) / (there.sum() * np.maximum(counts, 1)), 0.0)
    return torch.tensor(weights, dtype=torch.float32, device=pairs.device)
