"""YAML where JSON was expected, as the API machinery's decoder reads it (sigs.k8s.io/yaml).

YAML 1.1, its keys made strings as JSON's are; texts are libyaml's, which go-yaml took over.
"""

from datetime import date
from typing import Any

import yaml

from apim_emulators.webhook.gojson import GoJsonError

MAX_TEXT = 64 * 1024  # characters: the API server sends JSON, and this loader, unlike libyaml, is slow


def loads(text: str) -> Any:
    """The first document, None for none. Raises `GoJsonError`."""
    if len(text) > MAX_TEXT:
        raise GoJsonError(f"yaml: a document of more than {MAX_TEXT} characters is read as JSON only")
    loader: Any = yaml.SafeLoader(text)  # libyaml's own recursion would take the process down
    try:
        return _json(loader.get_data() if loader.check_data() else None)
    except yaml.YAMLError as error:
        raise GoJsonError(f"yaml: {_complaint(error)}") from None
    except RecursionError:
        raise GoJsonError("exceeded max depth") from None
    except ValueError as error:  # a date that is none
        raise GoJsonError(f"yaml: {error}") from None
    finally:
        loader.dispose()


def _complaint(error: yaml.YAMLError) -> str:
    """go-yaml names the line unless it is the first, which it counts as 0."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    line = mark.line if mark is not None else 0
    if line and isinstance(error, yaml.scanner.ScannerError):
        line += 1
    return f"line {line}: {problem}" if line else str(problem or error)


def _json(value: Any) -> Any:
    match value:
        case dict():
            return {_key(key): _json(one) for key, one in value.items()}
        case list() | tuple() | set():
            return [_json(one) for one in value]
        case date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "replace")
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "" if key is None else str(key)
