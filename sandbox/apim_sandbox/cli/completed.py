"""What a shell offers when a word is begun; looked up only when it asks."""

from glob import escape, glob


def listings(incomplete: str) -> list[str]:
    """What `get` can list."""
    from apim_sandbox.cli.listing import BY_NAME

    return [name for name in BY_NAME if name.startswith(incomplete)]


def shells(incomplete: str) -> list[str]:
    """The shells that `env` writes for."""
    from apim_sandbox.cli.environment import SHELLS

    return [name for name in SHELLS if name.startswith(incomplete)]


def clients(incomplete: str) -> list[str]:
    """The clients that `env --for` knows."""
    from apim_sandbox.pointing import BY_NAME

    return [name for name in BY_NAME if name.startswith(incomplete)]


def faults(incomplete: str) -> list[str]:
    """The faults that can be added."""
    from apim_sandbox.control.fault_catalogue import catalogue

    return [one.name for one in catalogue() if one.name.startswith(incomplete)]


def scenarios(incomplete: str) -> list[str]:
    """Ids and folders of the catalogue, and files of one's own."""
    from apim_sandbox.scenario.catalogue import folder
    from apim_sandbox.scenario.load import files_of

    root = folder()
    ids = [str(file.relative_to(root).with_suffix("")) for file in files_of(root)]
    folders = sorted({one.partition("/")[0] for one in ids})
    mine = sorted(glob(f"{escape(incomplete)}*/") + glob(f"{escape(incomplete)}*.yaml"))
    return [*(name for name in (*folders, *ids) if name.startswith(incomplete)), *mine]


def kinds(incomplete: str) -> list[str]:
    """The kinds of the journal's records."""
    from apim_emulators.core.events import EVENT_TYPES

    return [name for name in EVENT_TYPES if name.startswith(incomplete)]


def actors(incomplete: str) -> list[str]:
    """Who can do something, and have a clock of its own."""
    from apim_emulators.core.vocabulary import ACTORS

    return [name for name in ACTORS if name.startswith(incomplete)]


def rules(incomplete: str) -> list[str]:
    """The doctor's rules."""
    from apim_sandbox.insight.doctor import RULES

    return [name for name in RULES if name.startswith(incomplete.upper())]
