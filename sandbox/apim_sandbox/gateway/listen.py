"""The live process's listening sockets: inherited descriptors, or addresses of its own."""

import re
import socket

from msgspec import Struct

HTTP_PORT, HTTPS_PORT = 8080, 8081
DEFAULT = f"{HTTP_PORT}=0.0.0.0:{HTTP_PORT},{HTTPS_PORT}=0.0.0.0:{HTTPS_PORT}"

_PLACE = re.compile(r"fd:(?P<fd>\d+)|(?P<host>[^:]*|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")


class ListenError(ValueError):
    """A place to listen on can't be used; the message says which and why."""


class Listener(Struct, frozen=True):
    """`port` is the pod's: 8081 speaks TLS, whatever the socket's own port is."""

    port: int
    socket: socket.socket

    @property
    def tls(self) -> bool:
        return self.port == HTTPS_PORT


def open_listeners(text: str) -> list[Listener]:
    """From `8080=fd:3,8081=0.0.0.0:8081`. Raises `ListenError`."""
    listeners = []
    for part in text.split(","):
        port, equals, place = part.strip().partition("=")
        match = _PLACE.fullmatch(place)
        if not equals or not port.isdigit() or match is None:
            raise ListenError(f"{part!r} is not of the form PORT=fd:NUMBER or PORT=ADDRESS:PORT")
        listeners.append(Listener(int(port), _inherited(match) if match["fd"] else _bound(match)))
    return listeners


def _inherited(match: re.Match[str]) -> socket.socket:
    try:
        return socket.socket(fileno=int(match["fd"]))
    except OSError as error:
        raise ListenError(f"descriptor {match['fd']} is not an inherited socket: {error.strerror}") from None


def _bound(match: re.Match[str]) -> socket.socket:
    host, port = match["host"].strip("[]"), int(match["port"])
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise ListenError(f"can't listen on {match[0]}: {error}") from None
    return bound
