"""What every test starts from."""

import signal

from tests.engines import ray_or_pickled as ray_or_pickled
from tests.guard import guard

# A run that was started in the background ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
guard()
