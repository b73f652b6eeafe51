"""YAML is read strictly, and every value knows its place."""

from pathlib import Path

import pytest

from apim_sandbox.documents import DocumentError, Place, dotted, nearest, parse, parse_one, read


def _problem(text: str) -> tuple[int, int, str, str]:
    with pytest.raises(DocumentError) as caught:
        parse(text, "f.yaml")
    error = caught.value
    assert error.file == "f.yaml"
    return error.line, error.column, error.message, error.fix


def test_documents_carry_data_and_places() -> None:
    """Several documents of one text keep their own lines, empty ones are left out."""
    first, second = parse("---\na: 1\nb: [x, {c: true}]\n---\n---\nd: null\n", "f.yaml")

    assert first.value == {"a": 1, "b": ["x", {"c": True}]}
    assert first.place("b", 1, "c") == Place("f.yaml", 3, 12)
    assert first.key_place("b", 1, "c") == Place("f.yaml", 3, 9)
    assert second.value == {"d": None}
    assert str(second.key_place("d")) == "f.yaml:6:1"


def test_an_absent_value_is_placed_at_its_nearest_ancestor() -> None:
    """What is missing is reported where it should have been."""
    document = parse_one("a:\n  b: {c: 1}\n", "f.yaml")

    assert document.place("a", "b", "missing", "deeper") == Place("f.yaml", 2, 6)


def test_a_duplicate_key_is_refused_with_both_lines() -> None:
    """PyYAML would silently keep the last one."""
    assert _problem("a: 1\nb: 2\na: 3\n") == (
        3,
        1,
        'key "a" appears twice, first in line 1',
        "remove one of them",
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "fix"),
    [
        ("a:\n\tb: 1\n", 2, 1, "indent with spaces, not with tabs"),
        ("a: b: c", 1, 5, 'put a value that contains ": " in quotes, or check the indentation of this line'),
        ("a: &x [1, *x]", 1, 4, "write the value out"),
        ("a: *y", 1, 4, "define the anchor (&name) before its alias (*name)"),
        ("a: !thing b", 1, 4, "remove the tag"),
        ("? [a]\n: b", 1, 3, "put the key in quotes"),
        ("a: [", 2, 1, "check the indentation and the quotes of this line and the one before"),
    ],
)
def test_each_mistake_has_a_place_and_a_fix(text: str, line: int, column: int, fix: str) -> None:
    """A person sees where to look and what to do."""
    found = _problem(text)

    assert (*found[:2], found[3]) == (line, column, fix)


def test_a_control_character_is_named_by_its_code_point() -> None:
    """The reader's error counts characters, we count lines."""
    assert _problem("a: 1\nb: \x01")[:3] == (2, 4, "character U+0001 is not allowed in YAML")


def test_scalars_are_those_of_kubernetes() -> None:
    """Dates and base-60 numbers stay text; octal modes, booleans and floats are what they look like."""
    document = parse_one(
        "d: 2026-01-01\nt: 12:30\nm: 0644\ny: yes\nf: 1.5\nn: ~\nq: 'true'\n1: one\ntrue: t\n"
    )

    assert document.value == {
        "d": "2026-01-01", "t": "12:30", "m": 420, "y": True, "f": 1.5, "n": None, "q": "true", "1": "one",
        "true": "t",
    }  # fmt: skip


def test_merged_mappings_keep_their_own_keys() -> None:
    """`<<` fills in what the mapping does not say itself."""
    document = parse_one("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\n")

    assert document.value["more"] == {"x": 1, "y": 3}
    assert document.key_place("more", "x").line == 1


def test_an_alias_bomb_is_refused() -> None:
    """Nine lines that expand to millions of values cost no memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]

    assert "values, aliases expanded" in _problem("\n".join(lines))[2]


def test_deep_nesting_is_refused() -> None:
    """No stack overflows, in C neither."""
    assert _problem("[" * 50_000)[:3] == (1, 101, "is nested deeper than 100 levels")


def test_one_document_is_one_document() -> None:
    """A second document in a file that holds one is an error at its first line."""
    with pytest.raises(DocumentError, match=r"f.yaml:3:1: a second document begins here"):
        parse_one("a: 1\n---\nb: 2\n", "f.yaml")
    assert parse_one("").value == {}


def test_an_unreadable_file_is_a_document_error(tmp_path: Path) -> None:
    """A missing file and one that is not UTF-8 say so, without a traceback."""
    with pytest.raises(DocumentError, match="can't be read: No such file"):
        read(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(DocumentError, match="is not UTF-8 at byte 3"):
        read(tmp_path / "latin.yaml")


def test_the_nearest_word_ignores_case_and_separators() -> None:
    """`client_secrets` means `clientSecrets`; a far word means nothing."""
    known = ["clientSecrets", "federatedIdentityCredentials", "name"]

    assert nearest("client_secrets", known) == "clientSecrets"
    assert nearest("federatedIdentityCredential", known) == "federatedIdentityCredentials"
    assert nearest("zebra", known) is None


def test_a_path_reads_as_people_write_it() -> None:
    """Used in every message."""
    assert dotted(["spec", "containers", 0, "name"]) == "spec.containers[0].name"
