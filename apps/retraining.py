"""Retraining beside the work: once enough answers have come, the commands that a person would type, one by one."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path


class Retraining:
    """Counts answers, and at every `every`-th begins a retraining; one at a time, and none where `every` is None.

    Answers are hints only, some may be lost: what is trained on is what `ccd pull` brings. `model` gives the name of
    the network to train. `say` gets a line for each retraining that begins, ends or fails.

    >>> retraining = Retraining(campaign.folder, 200, lambda: "ananet", print)  # doctest: +SKIP
    >>> retraining.answered()  # doctest: +SKIP
    """

    def __init__(self, folder: Path, every: int | None, model: Callable[[], str], say: Callable[[str], None]) -> None:
        self.every = every
        self.answers = 0
        self.done = 0
        self._folder = folder
        self._model = model
        self._say = say
        self._since = 0  # answers since the last retraining began
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[str] | None = None
        self._ended = False

    def answered(self) -> None:
        """Count an answer."""
        with self._lock:
            self.answers += 1
            self._since += 1
            if self.every and self._since >= self.every:
                self._begin()

    def begin(self) -> bool:
        """Begin now, however many answers there are; False where one is at work."""
        with self._lock:
            return self._begin()

    def stop(self) -> None:
        """End the retraining that is at work; a training goes on where it was when it is begun again."""
        with self._lock:
            self._ended = True
            child, thread = self._child, self._thread
        if child:
            child.terminate()
        if thread:
            thread.join()

    def _begin(self) -> bool:
        if self._ended or self._thread:
            return False
        self._since = 0
        self._thread = threading.Thread(target=self._work, name="retraining", daemon=True)
        self._thread.start()
        return True

    def _work(self) -> None:
        again = True
        while again:
            steps = (["pull"], ["labels"], ["split"], ["train", "--model", self._model()], ["predict"])
            self._say("retraining begins")
            if all(self._step(step) for step in steps):
                self.done += 1
                self._say("retraining is done")
            with self._lock:
                again = not self._ended and self.every is not None and self._since >= self.every
                if again:
                    self._since = 0
                else:
                    self._thread = None

    def _step(self, step: list[str]) -> bool:
        """Run one command; False where it failed or was ended."""
        # -P: a model.py in the folder where the backend was started is not the package `model`
        command = [sys.executable, "-Pm", "apps.cli.main", *step, "--dir", str(self._folder)]
        no = subprocess.DEVNULL
        with self._lock:
            if self._ended:
                return False
            self._child = subprocess.Popen(command, stdin=no, stdout=no, stderr=subprocess.PIPE, text=True)
        told = self._child.communicate()[1].strip().splitlines()
        with self._lock:
            failed, self._child = self._child.returncode != 0, None
        reason = told.pop() if failed and told else "no reason given"
        for line in told:  # such as answers that do not count, which a pull tells once
            self._say(line)
        if failed and not self._ended:
            self._say(f"retraining ended, as `ccd {step[0]}` failed: {reason}")
        return not failed
