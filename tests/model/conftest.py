"""One thread: several test runs on one machine would otherwise wait for each other's."""

import torch

torch.set_num_threads(1)
