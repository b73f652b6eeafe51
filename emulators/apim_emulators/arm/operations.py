"""Which actions the emulated resource providers have: pure. (Azure's resource provider operations.)

Only data actions of Microsoft.ApiManagement are known completely: there is one. Of other providers
every well-formed action is taken, since their lists are not here.
"""

import re

from apim_emulators.core.rbac import Kind, matches
from apim_emulators.core.vocabulary import GET_CONFIGURATION

_FORM = re.compile(r"\*|[A-Za-z0-9.*-]+(/[A-Za-z0-9.*_-]+)*")
_PROVIDER = "microsoft.apimanagement/"


def supported(action: str, kind: Kind) -> bool:
    """Whether a role may name `action` (wildcards allowed) among its actions or data actions."""
    if not _FORM.fullmatch(action) or ("/" not in action and "*" not in action):
        return False
    if kind == "action":
        # The configuration API's action is a data action; among the actions nobody knows it.
        return action.lower() != GET_CONFIGURATION.lower()
    if action.lower().startswith(_PROVIDER):
        return matches(action, GET_CONFIGURATION)
    return True
