"""The one kubeconfig that is used: the cluster's own file, never the user's, never a current context."""

import base64
import binascii
import ssl
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import yaml

from apim_emulators.core.records import Redacted
from apim_sandbox.cluster.protocol import ClusterError


class Access(Redacted, frozen=True):
    """Where an API server is and how to be its administrator; PEM texts."""

    redacted: ClassVar = ("key",)

    server: str
    ca: str
    certificate: str
    key: str

    def context(self) -> ssl.SSLContext:
        """A TLS context that trusts this cluster alone and presents the client certificate."""
        context = ssl.create_default_context(cadata=self.ca)
        # load_cert_chain reads files only; this one is gone before anything else runs.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(self.certificate + self.key)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def read_kubeconfig(path: Path) -> Access:
    """The only cluster and user of the file that kind wrote. Raises `ClusterError`."""
    try:
        content = yaml.safe_load(path.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        return Access(
            server=str(cluster["server"]).rstrip("/"),
            ca=_text(cluster["certificate-authority-data"]),
            certificate=_text(user["client-certificate-data"]),
            key=_text(user["client-key-data"]),
        )
    except OSError as error:
        raise ClusterError(f"{path} can't be read: {error.strerror}", "apim-sandbox kind up") from None
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ClusterError(f"{path} is no kubeconfig of kind's: {error!r}", "apim-sandbox kind up") from None


def _text(encoded: Any) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from None
