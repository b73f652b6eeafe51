"""What a shell offers when a word is begun; looked up only when it asks."""


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
