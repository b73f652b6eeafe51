"""docs/clients.md says of each client what `apim-sandbox env --for` prints, and names tests that exist."""

import re
from pathlib import Path

from apim_sandbox.pointing import CLIENTS, IDENTITY, PROXY

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "clients.md").read_text()


def test_the_page_names_the_variables_that_env_prints() -> None:
    """One row a client, with the variables beyond identity and proxy."""
    rows = re.findall(r"^\| ([^|]+) \| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert [(title, name, set(re.findall(r"`(\w+)`", variables))) for title, name, variables in rows] == [
        (client.title, client.name, set(client.variables) - {*IDENTITY, *PROXY}) for client in CLIENTS
    ]


def test_the_page_names_tests_that_exist() -> None:
    """Each row's witness is a function of this folder."""
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 15
    missing = [(file, name) for file, name in named if f"def {name}(" not in (HERE / file).read_text()]
    assert missing == []
