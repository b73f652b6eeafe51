"""Is this a policy document? What ARM refuses; what it means is the gateway's business."""

from xml.etree import ElementTree

_SECTIONS = ("inbound", "backend", "outbound", "on-error")
MAX_POLICY = 256 * 1024  # characters (Microsoft's limits of API Management)


def problem_of(text: str, *, raw: bool = False) -> str:
    """What is wrong with a policy document, empty for nothing.

    `raw` allows what `rawxml` does: expressions whose characters are not escaped, which are then not
    looked into.
    """
    if len(text) > MAX_POLICY:
        return f"a policy document has at most {MAX_POLICY} characters"
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "a policy document declares no document type"
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  no entities, see above
    except ElementTree.ParseError as error:
        return "" if raw and ("@(" in text or "@{" in text) else f"not well-formed XML: {error}"
    if root.tag != "policies":
        return f"the root element is {root.tag!r}, not 'policies'"
    wrong = [child.tag for child in root if child.tag not in _SECTIONS]
    if wrong:
        return f"{wrong[0]!r} is no section; they are {', '.join(_SECTIONS)}"
    twice = [name for name in _SECTIONS if len(root.findall(name)) > 1]
    return f"section {twice[0]!r} appears twice" if twice else ""
