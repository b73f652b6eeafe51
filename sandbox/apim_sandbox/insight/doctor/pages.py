"""`docs/rules/`: a page for each rule and a list of them, written from the rules."""

from apim_sandbox.insight.doctor import RULES
from apim_sandbox.insight.doctor.examples import EXAMPLES
from apim_sandbox.insight.doctor.model import Rule

_GROUPS = {
    "WI": "The pod and its identity",
    "GW": "The gateway's settings",
    "FC": "Federated credentials",
    "AZ": "API Management and Azure RBAC",
    "CL": "The cluster",
}


def pages() -> dict[str, str]:
    """File name to Markdown."""
    return {"README.md": _index(), **{f"{rule.id}.md": _page(rule) for rule in RULES.values()}}


def _index() -> str:
    lines = [
        "# Rules of `apim-sandbox doctor`",
        "",
        "Generated from the rules themselves; each example is a test. FC, AZ, most of CL and two of GW",
        "compare the manifests with a world file (`--world`), what `az` printed (`--azure-export`) or a",
        "cluster (`--cluster`).",
    ]
    for prefix, title in _GROUPS.items():
        lines += ["", f"## {title}", "", "| rule | severity | what is wrong |", "|---|---|---|"]
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.title} |"
            for rule in RULES.values()
            if rule.id.startswith(prefix)
        ]
    return "\n".join(lines) + "\n"


def _page(rule: Rule) -> str:
    example = EXAMPLES[rule.id]
    file = "the manifest" if example.of == "manifest" else "the world"
    command = f"apim-sandbox doctor {'--world world.yaml ' if rule.needs_cloud else ''}gateway.yaml"
    return f"""# {rule.id}: {rule.title}

Severity: {rule.severity}

## Why

{rule.why}

Source: {rule.source}

## Wrong

In {file}:

```yaml
{_shown(example.wrong)}
```

## Right

```yaml
{_shown(example.right)}
```

## Look for it

```
{command}
```
"""


def _shown(text: str) -> str:
    return text.rstrip("\n") or "# (left out)"
