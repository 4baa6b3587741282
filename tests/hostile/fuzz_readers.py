"""A longer search, led by coverage: `python -m tests.hostile.fuzz_readers "table, CSV" -max_total_time=300`.

Needs atheris, which is no dependency (`pip install atheris`); arguments after the target's name are libFuzzer's.
"""

import sys
import tempfile
from pathlib import Path


def main() -> None:
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit("skipped: atheris is not there; pip install atheris")
    with atheris.instrument_imports(include=["ccd", "collection", "tomllib", "json", "csv"]):
        from tests.hostile.targets import attempt, text_targets

    name, *options = sys.argv[1:]
    folder = Path(tempfile.mkdtemp())
    target = next(each for each in text_targets(folder) if each.name == name)
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "valid").write_bytes(target.valid)
    atheris.Setup([sys.argv[0], str(corpus), *options], lambda data: attempt(target, data, folder) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
