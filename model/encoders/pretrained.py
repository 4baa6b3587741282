"""Networks of transformers, from a local folder or the hub's cache on this disk. Nothing is downloaded unasked."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import torch
import transformers

from ccd.errors import EnvironmentFailure, InputError

transformers.utils.logging.set_verbosity_error()  # its hints and bars are no concern of a campaign's
transformers.utils.logging.disable_progress_bar()

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load(loader: Callable[..., Any], where: str, **options: Any) -> Any:
    """`loader(where, …)`, such as AutoModel.from_pretrained; a network is put on DEVICE, ready to be asked.

    Code that a folder brings along is never run; weights in a pickle are read as weights only.

    Raises CcdError with the command that fetches it where it is not on this disk.
    """
    try:
        loaded = loader(where, local_files_only=True, trust_remote_code=False, **options)
    except ImportError as error:
        raise EnvironmentFailure(
            f"{where}: a library is missing ({_first_line(error)}); install it beside ccd-toolkit[model]"
        ) from None
    except Exception as error:  # a folder that holds something else, or what does harm
        raise InputError(
            f"{where}: no such model on this disk, or not all of it; fetch it with `hf download {where}`, "
            f"or name a folder that holds it ({_first_line(error)})"
        ) from None
    return loaded.eval().to(DEVICE) if isinstance(loaded, torch.nn.Module) else loaded


def digest(network: torch.nn.Module) -> str:
    """SHA-256 of all weights by name."""
    found = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 of how a tokenizer cuts."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()


def settings(network: torch.nn.Module) -> str:
    """SHA-256 of the network's configuration without what changes nothing: where it lay, and which library wrote it."""
    config: Any = network.config
    told = {
        key: value for key, value in config.to_dict().items() if key not in ("_name_or_path", "transformers_version")
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].strip(" .:")
