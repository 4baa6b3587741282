"""Starts `ccd` commands in processes of their own without a second of imports each: loads modules once, then forks.

The modules are named in argv. Reads one JSON request a line and answers each with a number. {"argv": [...],
"err": FILE, ...} starts a command and gives its process id; {"wait": PID} its exit code, negative for a signal.
"""

import datetime
import gc
import importlib
import json
import os
import resource
import sys
import time
import traceback
from typing import Any

BACK = datetime.timedelta(days=400)


def decide(folder: str, pair: str, label: str) -> None:
    """What a key of the review app does: settle one pair."""
    from pathlib import Path

    from ccd.campaign import adjudication
    from ccd.campaign.campaign import Campaign

    campaign = Campaign.open(Path(folder))
    adjudication.decide(campaign, pair, campaign.protocol.question.name, "lead", label)


def main() -> None:
    """Answer requests until stdin ends; in a forked child, run its command and leave."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.freeze()  # a child does not look through all this again
    print(os.getpid(), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                os._exit(_run(asked))  # a whole interpreter takes a second to tear down
        print(answer, flush=True)


def _run(asked: dict[str, Any]) -> int:
    """This process becomes the command, with a group, output, environment and fault of its own; gives its exit code."""
    os.setsid()
    for number, file in ((0, os.devnull), (1, asked["err"] + ".out"), (2, asked["err"])):
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
    os.environ.update(asked.get("env", {}))
    if limit := asked.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    if patience := asked.get("patience"):
        from ccd.campaign import campaign

        campaign.PATIENCE = patience
    if asked.get("hurry"):
        sleep, monotonic = time.sleep, time.monotonic
        time.sleep = lambda seconds: sleep(seconds / 200)  # waits between two tries take minutes
        time.monotonic = lambda: monotonic() * 200
    if asked.get("clock_back"):
        _set_clock_back()
    try:
        argv = [os.fsdecode(word.encode()) for word in asked["argv"]]  # as a shell hands them over
        _command(argv, asked["err"] + ".json")
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _command(argv: list[str], facts: str) -> None:
    if argv[0] == "decide":
        from apps.cli.contract import Report, reports

        reports({})(lambda: decide(*argv[1:]) or Report({}))(json_file=None)  # tells errors as the command line does
    else:
        from apps.cli.main import cli

        cli.main([*argv, "--json", facts], prog_name="ccd")


def _set_clock_back() -> None:
    """The wall clock that Python code reads goes back; the kernel's, which stamps files, is not ours to change."""
    real, real_time = datetime.datetime, time.time

    class Back(real):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) - BACK

    datetime.datetime = Back  # type: ignore[misc]
    time.time = lambda: real_time() - BACK.total_seconds()


if __name__ == "__main__":
    main()
