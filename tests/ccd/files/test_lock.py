"""A lock ends with whoever holds it: its process, and the children that were given it."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from ccd.errors import CcdError
from ccd.files.lock import file_lock, folder_lock

HOLDER = """
import subprocess, sys
from pathlib import Path
from ccd.files.lock import file_lock
with file_lock(Path(sys.argv[1]), "busy") as lock:
    child = subprocess.Popen(["cat"], pass_fds=[lock] if sys.argv[2] == "given" else [])
    print("held", flush=True)
    child.wait()
"""


@pytest.mark.parametrize("lock", ["given", "kept"])
def test_a_child_that_was_given_the_lock_holds_it_on_where_its_parent_is_killed(tmp_path: Path, lock: str) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path), lock]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CcdError, match="busy"), file_lock(path, "busy"):
            pass
        holder.kill()
        holder.wait()
        if lock == "given":
            with pytest.raises(CcdError, match="busy"), file_lock(path, "busy"):
                pass
        else:
            with file_lock(path, "busy"):
                pass
    with path.open() as file:  # the child ends with its input
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_folder_for_unfinished_work_goes_when_it_is_empty(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with folder_lock(work, "busy"):
        assert work.is_dir()
        with pytest.raises(CcdError, match="busy"), folder_lock(work, "busy"):
            pass
    assert not work.exists()
    with folder_lock(work, "busy"):
        (work / "kept").touch()
    assert (work / "kept").exists()
