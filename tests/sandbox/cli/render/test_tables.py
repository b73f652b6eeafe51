"""Tables on paper."""

from apim_sandbox.cli.render.line import plain
from apim_sandbox.cli.render.tables import gateways_table, pods_table, table


def test_columns_are_as_wide_as_their_content() -> None:
    assert plain(table(("name", "ready"), [("apim-gateway", "yes"), ("b", "no")])) == (
        "NAME          READY\napim-gateway  yes\nb             no\n"
    )


def test_pods_show_where_their_ports_are_on_this_machine() -> None:
    pod = {
        "namespace": "apim-gateway-wi", "name": "apim-gateway-x", "ready": True, "phase": "Running",
        "ports": {"8080": 18080, "8081": 18081}, "reason": "",
    }  # fmt: skip
    assert plain(pods_table([pod])) == (
        "NAMESPACE        NAME            READY  PHASE    PORTS                  WHY\n"
        "apim-gateway-wi  apim-gateway-x  yes    Running  8080→18080 8081→18081\n"
    )


def test_an_empty_list_names_the_next_command() -> None:
    assert plain(pods_table([])) == "No pods.   Next:  apim-sandbox apply -f FILE\n"
    assert plain(gateways_table([])) == "No gateways.   Next:  apim-sandbox status\n"


def test_gateways_show_whatever_is_told_of_them() -> None:
    gateways = [{"name": "on-prem", "apis": ["echo-api"], "connected": True}, {"name": "edge", "note": None}]
    assert plain(gateways_table(gateways)) == (
        "NAME     APIS      CONNECTED  NOTE\non-prem  echo-api  yes\nedge\n"
    )
