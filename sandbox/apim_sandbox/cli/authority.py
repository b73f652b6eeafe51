"""`ca`: the sandbox's certificate authority, which clients must trust."""

from pathlib import Path

from apim_emulators.core.clock import rfc3339
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.line import line, paragraph
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.cluster.kind.layout import start_command
from apim_sandbox.instance import StateDir, default_state_dir


def show_path(state_dir: Path | None, *, bundle: bool) -> int:
    """Where the CA's certificate is, or the bundle that has the system's roots as well."""
    print(_file(state_dir, "bundle.pem" if bundle else "ca.pem"))
    return 0


def show_certificate(state_dir: Path | None, *, pem: bool, as_json: bool) -> int:
    """Whom the CA vouches for and until when."""
    file = _file(state_dir, "ca.pem")
    if pem:
        print(file.read_text(), end="")
        return 0
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    permitted = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    facts = {
        "file": str(file),
        "bundle": str(file.with_name("bundle.pem")),
        "subject": certificate.subject.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "sha256": certificate.fingerprint(SHA256()).hex(":").upper(),
        "notBefore": rfc3339(certificate.not_valid_before_utc.timestamp()),
        "notAfter": rfc3339(certificate.not_valid_after_utc.timestamp()),
        "permitted": [str(name.value) for name in permitted or ()],
    }
    if as_json:
        print_json(facts)
        return 0
    lines = [line(f"{name:<11} ", str(value)) for name, value in facts.items() if name != "permitted"]
    lines += paragraph("permitted   " + ", ".join(facts["permitted"]), hanging=12)
    lines += paragraph(
        "It can vouch for these names only and is installed nowhere: clients trust it because a variable "
        "names it."
    )
    Terminal().print([*lines, line("Next:  ", ("apim-sandbox env", "command"))])
    return 0


def _file(state_dir: Path | None, name: str) -> Path:
    state = StateDir(state_dir or default_state_dir())
    file = state.path / "ca" / name
    if not file.is_file():
        raise InputError(f"no CA was made in {state.path} yet", start_command(state.path))
    return file
