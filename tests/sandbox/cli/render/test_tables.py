"""Tables on paper."""

from apim_sandbox.cli.render.line import plain
from apim_sandbox.cli.render.tables import ports, shown, table


def test_columns_are_as_wide_as_their_content() -> None:
    assert plain(table(("name", "ready"), [("apim-gateway", "yes"), ("b", "no")])) == (
        "NAME          READY\napim-gateway  yes\nb             no\n"
    )


def test_ports_show_where_they_are_on_this_machine() -> None:
    assert ports({"8080": 18080, "8081": 18081}) == "8080→18080 8081→18081"


def test_values_are_shown_as_words() -> None:
    values = (None, True, False, ["a", "b"], {"name": "A laptop"}, 3)
    assert [shown(value) for value in values] == ["", "yes", "no", "a, b", "name=A laptop", "3"]
