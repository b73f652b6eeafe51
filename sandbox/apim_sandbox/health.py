"""`python -m apim_sandbox.health`: the container's health check; whether what is served here answers.

Looks at `$APIM_SANDBOX_HEALTH`, else at 443. Standard library only: it runs every few seconds.
"""

import os
import socket
import ssl
import sys


def healthy(url: str) -> bool:
    """Whether something speaks HTTP there. Who it is does not matter: it is this container."""
    scheme, _, place = url.partition("://")
    host, _, port = place.partition("/")[0].partition(":")
    with socket.create_connection((host, int(port or 443)), timeout=2) as plain:
        if scheme == "http":
            return _answers(plain, host)
        context = ssl.create_default_context()
        # The check is of this very process over loopback; nothing is sent that could be overheard.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            return _answers(tls, host)


def _answers(connection: socket.socket, host: str) -> bool:
    connection.sendall(f"GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    return connection.recv(64).startswith(b"HTTP/1.1 ")


if __name__ == "__main__":
    try:
        sys.exit(not healthy(os.environ.get("APIM_SANDBOX_HEALTH", "https://127.0.0.1:443")))
    except OSError as error:
        sys.exit(f"not healthy: {error}")
