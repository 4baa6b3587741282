"""The same function on all machines of a Ray cluster."""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from ccd.errors import CcdError, EnvironmentFailure

WINDOW = 256  # jobs that are handed over at once: what waits takes memory
ALONE = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}  # nobody else is to reach it

Job = TypeVar("Job")
Result = TypeVar("Result")


def on_ray(function: Callable[[Job], Result], jobs: Iterable[Job], threads: int = 1) -> Iterator[Result]:
    """function(job) of every job, one Ray Data task each, as they end.

    The cluster is the one that RAY_ADDRESS names, or this machine alone; all machines see the same disk. A task takes
    `threads` processors. Raises CcdError where Ray is missing or does not start, or a task raised it.
    """
    try:
        import ray.data
    except ModuleNotFoundError:
        raise EnvironmentFailure("--engine ray needs the library ray; pip install 'ccd-toolkit[ray]'") from None
    if not ray.is_initialized():
        alone: dict[str, Any] = {} if "RAY_ADDRESS" in os.environ else ALONE
        try:
            ray.init(log_to_driver=False, **alone)
        except Exception as error:  # of any kind: Ray has no class of its own for it
            reason = str(error).strip().partition("\n")[0]
            raise EnvironmentFailure(
                f"Ray did not start ({reason}); see that RAY_ADDRESS, if set, names its cluster"
            ) from None

    def work(row: dict[str, Any]) -> dict[str, Any]:
        try:
            done: Any = function(pickle.loads(row["job"]))
        except CcdError as error:  # Ray would wrap it in a page of its own
            done = error
        return {"done": pickle.dumps(done)}

    waiting = iter(jobs)
    while rows := [{"job": pickle.dumps(job)} for job in islice(waiting, WINDOW)]:
        tasks = ray.data.from_items(rows, override_num_blocks=len(rows)).map(work, num_cpus=threads)
        for row in tasks.iter_rows():
            done = pickle.loads(row["done"])
            if isinstance(done, CcdError):
                raise done
            yield done
