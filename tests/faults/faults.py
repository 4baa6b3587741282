"""The faults: each disturbs one command, and says how it ended. Anything but the promised end is an AssertionError.

Promised is: after running the command again all is as if nothing had happened, and whatever was said before was one
clear line with exit code 2. A command that does another thing when it is run again, as `round new`, is run again only
where it has not done all yet.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.commands import Chain, Command, Ended, Zygote, differences

DISK = 192 << 20  # bytes


class NotHere(Exception):
    """This fault cannot befall this command, or cannot be made on this machine; says why."""


@dataclass
class Disk:
    """A disk of our own, where this user may mount one; otherwise a plain folder with less honest faults."""

    folder: Path
    mounted: bool = False
    keep: Path | None = None  # where the next cell's campaign is copied at its end

    def __post_init__(self) -> None:
        self.folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(self.folder)], capture_output=True
        )
        self.mounted = done.returncode == 0

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    @contextlib.contextmanager
    def root(self, chain: Chain, command: Command) -> Iterator[Path]:
        """The folder as it is before the command, where the chain had it."""
        root = Path(shutil.copytree(chain.stage(command), chain.root))
        try:
            yield root
            if self.keep:
                shutil.copytree(root / "c", self.keep)
        finally:
            shutil.rmtree(root)

    @contextlib.contextmanager
    def full_but(self, number: int) -> Iterator[None]:
        """Only so many bytes are free."""
        ballast = self.folder / "ballast"
        free = os.statvfs(self.folder)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(4096, free.f_bavail * free.f_bsize - number))
        try:
            yield
        finally:
            ballast.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written."""
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
            try:
                yield
            finally:
                subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)
        elif os.geteuid() == 0:
            raise NotHere("root writes everywhere, and may not mount a disk here")
        else:
            folders = [self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())]
            for folder in folders:
                folder.chmod(0o555)
            try:
                yield
            finally:
                for folder in folders:
                    folder.chmod(0o755)


def settle(chain: Chain, command: Command, root: Path, *ended: Ended, twice: bool = False) -> None:
    """Run the command again where that is due, and see that the end is the undisturbed one.

    `twice`: of a command that is no longer the same when run again, both of two runs may have been done.
    """
    for each in ended:
        assert each.is_clear() or each.code == -signal.SIGKILL, f"code {each.code}: {each.err}"
    after = chain.after[command.name]
    ends = [after, *([chain.twice[command.name]] if twice and command.once else [])]
    if command.once:
        left = differences(chain.state(root), *ends)
        if not left:
            return
        assert not all(each.is_done() for each in ended), f"it said that it is done; not as undisturbed: {left}"
    again = chain.start(command, root).end()
    assert again.is_done(), f"again, code {again.code}: {again.err}"
    assert not differences(chain.state(root), *ends), f"not as undisturbed: {differences(chain.state(root), *ends)}"


def kill(chain: Chain, command: Command, disk: Disk, draw: random.Random, kills: int = 2) -> str:
    """kill -9 at random moments, one after another, without a finished run between."""
    with disk.root(chain, command) as root:
        hits = 0
        ended: list[Ended] = []
        for _kill in range(kills):
            running = chain.start(command, root)
            time.sleep(draw.uniform(0, 1.1 * chain.seconds[command.name]))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGKILL)
            ended.append(running.end())
            hits += ended[-1].code == -signal.SIGKILL
            if command.once and not differences(chain.state(root), chain.after[command.name]):
                break
        settle(chain, command, root, *ended[-1:])
    return f"killed {hits} times, as undisturbed"


def full_disk(chain: Chain, command: Command, disk: Disk, draw: random.Random) -> str:
    """Room for a part of what the command writes; where no disk can be mounted, no file may grow beyond a size."""
    room = int(draw.uniform(0, 1) * max(chain.grown[command.name], 65536))
    with disk.root(chain, command) as root:
        if disk.mounted:
            with disk.full_but(room):
                ended = chain.start(command, root).end()
        else:
            ended = chain.start(command, root, largest_file=max(4096, room)).end()
        settle(chain, command, root, ended)
    return _told(ended)


def read_only(chain: Chain, command: Command, disk: Disk, draw: random.Random) -> str:
    """A disk that was mounted to be read only."""
    with disk.root(chain, command) as root:
        with disk.read_only():
            ended = chain.start(command, root).end()
        left = differences(chain.state(root), chain.before[command.name])
        assert not left, f"wrote where nothing can be written: {left}"
        assert ended.code == (command.code or 2), f"code {ended.code} where nothing can be written: {ended.err}"
        settle(chain, command, root, ended)
    return _told(ended)


def locked_a_while(chain: Chain, command: Command, disk: Disk, draw: random.Random) -> str:
    """Another process writes to the database for a while: the command waits for it."""
    with disk.root(chain, command) as root, _locked(command, root) as let_go:
        running = chain.start(command, root)
        time.sleep(draw.uniform(0.1, 0.4))
        let_go()
        ended = running.end()
        assert ended.is_done(), ended.err
        settle(chain, command, root, ended)
    return "waited, as undisturbed"


def locked_for_good(chain: Chain, command: Command, disk: Disk, draw: random.Random) -> str:
    """Another process never lets go of the database; the patience of a minute is shortened."""
    with disk.root(chain, command) as root:
        with _locked(command, root):
            ended = chain.start(command, root, patience=50).end()
        settle(chain, command, root, ended)
    return _told(ended)


@contextlib.contextmanager
def _locked(command: Command, root: Path) -> Iterator[Callable[[], Any]]:
    with contextlib.closing(sqlite3.connect(root / "c" / "campaign.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield lambda: db.execute("ROLLBACK")


def cut(chain: Chain, command: Command, disk: Disk, draw: random.Random, cables: tuple[Any, ...] = ()) -> str:
    """The network is cut after some bytes, and comes back."""
    with disk.root(chain, command) as root:
        for cable in cables:
            cable.cut_after(draw.randrange(0, 6000))
        try:
            ended = chain.start(command, root, hurry=True).end()
        finally:
            for cable in cables:
                cable.plug()
        if command.again:
            chain.zygote.start([*chain.argv(command, root), *command.again], chain.env).end()
        settle(chain, command, root, ended)
    return _told(ended)


def two_at_once(chain: Chain, command: Command, disk: Disk, draw: random.Random) -> str:
    """The same command twice at the same time."""
    with disk.root(chain, command) as root:
        first = chain.start(command, root)
        time.sleep(draw.choice((0, draw.uniform(0, chain.seconds[command.name] / 2))))
        second = chain.start(command, root)
        ended = first.end(), second.end()
        assert any(each.is_done() for each in ended), [each.err for each in ended]
        settle(chain, command, root, *ended, twice=True)
    if all(each.is_done() for each in ended):
        return "both done"
    return "the other: " + _line(max(ended, key=lambda each: each.code))


def clock_back(chain: Chain, command: Command, disk: Disk, draw: random.Random) -> str:
    """The clock stands 400 days before the times that are stored."""
    with disk.root(chain, command) as root:
        ended = chain.start(command, root, clock_back=True).end()
        assert ended.is_done(), ended.err
        settle(chain, command, root, ended)
    return _told(ended)


def plain_locale(chain: Chain, command: Command, disk: Disk, draw: random.Random, zygote: Zygote | None = None) -> str:
    """LC_ALL=C without Python's own way out of it: file names and output are ASCII."""
    assert zygote is not None
    with disk.root(chain, command) as root:
        ended = zygote.start(chain.argv(command, root), chain.env, command.code).end()
        assert ended.is_done(), ended.err
        settle(chain, command, root, ended)
    return _told(ended)


FAULTS: dict[str, Callable[..., str]] = {
    "kill -9": kill,
    "full disk": full_disk,
    "read-only": read_only,
    "locked a while": locked_a_while,
    "locked for good": locked_for_good,
    "network cut": cut,
    "two at once": two_at_once,
    "clock back": clock_back,
    "LC_ALL=C": plain_locale,
}


def can_befall(command: Command, fault: str) -> bool:
    """False for a lock where there is no database, and for a cut where no server is asked."""
    return {"network cut": command.online}.get(fault, command.database or not fault.startswith("locked"))


def _told(ended: Ended) -> str:
    return "as undisturbed" if ended.is_done() else "one line, again: as undisturbed"


def _line(ended: Ended) -> str:
    return next((line for line in ended.err.splitlines() if line.startswith("ccd: ")), "no line")
