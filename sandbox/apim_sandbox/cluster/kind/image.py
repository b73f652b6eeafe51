"""The image: built from the repository's Dockerfile, tagged with what it was made of, built once."""

import os
from hashlib import sha256
from pathlib import Path

from apim_sandbox.cluster.kind import tools
from apim_sandbox.instance import InstanceError

IMAGE_VARIABLE = "APIM_SANDBOX_IMAGE"
REPOSITORY = "apim-sandbox"
_INPUTS = (
    "Dockerfile",
    ".dockerignore",
    "requirements.lock",
    "pyproject.toml",
    "README.md",
    "emulators",
    "sandbox",
    "examples/article",
    "scenarios",
    "docs/scenario.schema.json",
)
BUILD_TIMEOUT = 1200.0  # seconds


def source() -> Path | None:
    """The repository that this program runs from, None when it is an installed package."""
    root = Path(__file__).parents[4]
    return root if (root / "Dockerfile").is_file() and (root / "emulators").is_dir() else None


def tag(root: Path) -> str:
    """The tag of what would be built: a digest of everything that goes in."""
    digest = sha256()
    for name in _INPUTS:
        path = root / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


async def ensure(named: str | None) -> tuple[str, bool]:
    """An image that is there, and whether it was built now. Raises `InstanceError`."""
    named = named or os.environ.get(IMAGE_VARIABLE)
    if named:
        if not await present(named):
            raise InstanceError(f"image {named} is not here", f"docker pull {named}")
        return named, False
    root = source()
    if root is None:
        raise InstanceError(
            "this is an installed package without the repository's Dockerfile",
            f"run in a clone, or name an image that is there with --image or {IMAGE_VARIABLE}",
        )
    wanted = tag(root)
    if await present(wanted):
        return wanted, False
    await tools.run("docker", "build", "--quiet", "--tag", wanted, str(root), timeout=BUILD_TIMEOUT)
    return wanted, True


async def present(image: str) -> bool:
    """Whether the engine has the image."""
    return await tools.succeeds("docker", "image", "inspect", "--format", "{{.Id}}", image)
