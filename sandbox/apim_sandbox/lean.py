"""Imports that a start does without, or that wait until somebody asks: together a third of it."""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

# httpx imports rich, click and pygments, where they are installed, for a command line of its own.
_COMMAND_LINE = "httpx._main"
# httpcore imports trio, where it is installed, for programs that run on it: live, ours run on asyncio.
_LATER = ("trio",)


def without_unused() -> None:
    """In a process of our own, before httpx is imported: never its command line, and later what can wait."""
    sys.modules.setdefault(_COMMAND_LINE, None)  # type: ignore[arg-type]
    _later()


def import_httpx() -> None:
    """In somebody else's program: the same, but all is there for whoever asks."""
    _later()
    if "httpx" in sys.modules or _COMMAND_LINE in sys.modules:
        return
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]
    try:
        httpx = import_module("httpx")
    finally:
        del sys.modules[_COMMAND_LINE]
    httpx.main = lambda: import_module(_COMMAND_LINE).main()  # type: ignore[attr-defined]


def _later() -> None:
    for name in _LATER:
        spec = find_spec(name) if name not in sys.modules else None
        if spec is not None:
            module = sys.modules[name] = module_from_spec(spec)
            module.__class__ = _Later
            del module.__path__  # asked for by whoever imports a part of it: a use like any other


class _Later(ModuleType):
    """A module that is loaded when it is used.

    `importlib.util.LazyLoader`'s is loaded by the next `import` of it already, before Python 3.12.
    """

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if spec is None or spec.loader is None or (name.startswith("__") and name != "__path__"):
            raise AttributeError(name)
        ModuleType.__setattr__(self, "__class__", ModuleType)
        self.__path__ = spec.submodule_search_locations or []
        spec.loader.exec_module(self)
        return getattr(self, name)
