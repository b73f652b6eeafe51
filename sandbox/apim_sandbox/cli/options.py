"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StateDirOption = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Where the sandbox keeps its state.", envvar="APIM_SANDBOX_STATE_DIR"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsOption = Annotated[
    str | None,
    typer.Option("--as", help="Service account; the world's first without it.", metavar="NAMESPACE/NAME"),
]
FilesOption = Annotated[
    list[Path],
    typer.Option("--filename", "-f", help="A manifest, a directory of them, - for standard input."),
]
