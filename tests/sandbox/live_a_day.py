"""A program: the article's gateway lives for some seconds of virtual time; its journal goes to a file.

python live_a_day.py SECONDS FILE
"""

import sys
from pathlib import Path

from apim_emulators.core.journal import Record, encode
from apim_sandbox.examples import article_manifest
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import virtual_sandbox


def virtual_records(seconds: float, seed: int = 1) -> list[Record]:
    """The journal of the article's gateway living for `seconds`."""

    async def main() -> list[Record]:
        async with virtual_sandbox(seed=seed) as sandbox:
            await sandbox.apply([article_manifest()])
            await sandbox.sleep(seconds)
            return sandbox.records()

    return run_virtual(main, seed=seed)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(b"\n".join(map(encode, virtual_records(float(sys.argv[1])))))
