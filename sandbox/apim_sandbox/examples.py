"""The examples that commands use."""

from apim_sandbox.carried import carried


def article_manifest() -> tuple[str, str]:
    """`(path, text)` of the article's manifest with its placeholders filled in for the default world."""
    path = carried("examples/article/gateway.yaml")
    return str(path), path.read_text(encoding="utf-8")
