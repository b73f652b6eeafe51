"""How sure we are of what this Entra does. The error table in `errors.py` has a label for every code."""

# ruff: noqa: E501  one statement a line

from apim_emulators.core.provenance import Behaviour
from apim_emulators.entra.errors import ERRORS

_TESTS = "tests/emulators/entra"

TOKEN = Behaviour(
    "entra.token",
    "documented",
    "The v2.0 token endpoint swaps a federated assertion, certificate assertion or secret for an access token.",
    "Microsoft's client-credentials page, third case",
    f"{_TESTS}/test_exchange.py::test_a_trusted_assertion_becomes_an_access_token",
)
CHECK_ORDER = Behaviour(
    "entra.check-order",
    "assumed",
    "The order of the checks: type, algorithm, key as observed; credentials before the issuer is fetched as "
    "observed (Azure/azure-workload-identity#616); the rest is ours.",
    "public reports; AADSTS5002727, 5002738 and 700027 met in turn by one author",
    f"{_TESTS}/test_order.py::test_of_two_causes_the_earlier_in_the_table_answers",
)
TOKEN_CLAIMS = Behaviour(
    "entra.token-claims",
    "observed",
    "Claims, header, five minutes' back-dating and lifetime of app-only tokens follow public samples.",
    "Azure/azure-workload-identity#1613; Azure/azure-cli#22778; Microsoft's claims reference",
    f"{_TESTS}/test_tokens.py::test_a_v1_token_has_the_claims_of_public_samples",
)
FEDERATED_ACR = Behaviour(
    "entra.appidacr-federated",
    "assumed",
    "appidacr and azpacr are 2 for a federated assertion, as for a certificate.",
    "not documented",
    f"{_TESTS}/test_tokens.py::test_a_v1_token_has_the_claims_of_public_samples",
)
SKEW = Behaviour(
    "entra.skew",
    "assumed",
    "An assertion's times are taken with five minutes' tolerance.",
    "no public figure; a setting",
    f"{_TESTS}/test_federated_checks.py::test_times_are_taken_with_the_skew",
)
KEY_CACHE = Behaviour(
    "entra.key-cache",
    "assumed",
    "An issuer's keys are kept for an hour; an unknown kid makes Entra ask again, at most every five minutes.",
    "not documented; settings",
    f"{_TESTS}/test_issuers.py::test_an_unknown_kid_is_asked_for_again_after_the_floor",
)
KEY_USE = Behaviour(
    "entra.key-use",
    "observed",
    "A key without use=sig is ignored, and only the first 100 keys are kept.",
    "a public report of 2021; Microsoft's page on federated credentials (100 keys)",
    f"{_TESTS}/test_issuers.py::test_keys_without_use_sig_and_beyond_the_first_hundred_are_ignored",
)
FETCH_CODES = Behaviour(
    "entra.fetch-codes",
    "assumed",
    "No connection gives 501661, a TLS failure 90061, an HTTP error or a bad document 50166: three codes with "
    "one text are on record, which answers what is not.",
    "Azure/login#283; Azure/azure-workload-identity#605, #1130",
    f"{_TESTS}/test_issuers.py::test_each_way_of_failing_has_its_own_code",
)
TRIMMING = Behaviour(
    "entra.assertion-whitespace",
    "assumed",
    "White space around the assertion, such as a token file's last newline, is cut off.",
    "clients send it (azure-identity for Python and .NET, azidentity); the answer is unknown; a setting",
    f"{_TESTS}/test_exchange.py::test_a_trailing_newline_is_cut_off_unless_the_settings_say_otherwise",
)
RATE_LIMIT = Behaviour(
    "entra.rate-limit",
    "observed",
    "The front door's 429 is plain text with Retry-After. At how many requests it comes is a setting, off by default.",
    "AzureAD/microsoft-authentication-library-for-dotnet#2855",
    f"{_TESTS}/test_throttle.py::test_too_many_requests_of_a_tenant_get_plain_text",
)
METADATA = Behaviour(
    "entra.metadata",
    "observed",
    "OpenID configuration, key sets and instance discovery in the form that clients were seen to need.",
    "MSAL Go's mock; recorded answers in azure-sdk-for-js",
    f"{_TESTS}/test_metadata.py::test_the_v2_configuration_has_the_observed_members",
)
INTERNAL = Behaviour(
    "entra.provider-routes",
    "assumed",
    "Resource providers make and delete managed identities and read principals over routes under /_sandbox.",
    "Azure's own routes are not public",
    f"{_TESTS}/test_internal.py::test_a_provider_makes_an_identity_that_can_sign_in",
)
GRAPH = Behaviour(
    "entra.graph",
    "documented",
    "Microsoft Graph v1.0: applications, servicePrincipals, federatedIdentityCredentials, secrets, groups.",
    "Microsoft Graph's reference",
    f"{_TESTS}/test_graph.py::test_an_application_is_made_read_changed_and_deleted",
)
GRAPH_ROLES = Behaviour(
    "entra.graph-app-roles",
    "documented",
    "App role assignments, of Graph's own permissions too, are made, listed and taken back; tokens carry them.",
    "Microsoft Graph's reference, appRoleAssignment; createdDateTime is null here",
    f"{_TESTS}/test_graph.py::test_a_role_assignment_reaches_the_next_token",
)

BEHAVIOURS: tuple[Behaviour, ...] = (
    TOKEN, CHECK_ORDER, TOKEN_CLAIMS, FEDERATED_ACR, SKEW, KEY_CACHE, KEY_USE, FETCH_CODES, TRIMMING,
    RATE_LIMIT, METADATA, INTERNAL, GRAPH, GRAPH_ROLES,
    *(
        Behaviour(
            f"entra.error.{spec.code}",
            spec.label,
            f"AADSTS{spec.code}: {spec.error}, HTTP {spec.status}.",
            spec.source,
            f"{_TESTS}/test_codes.py::test_every_code_is_reached_by_its_cause[{spec.code}]",
        )
        for spec in ERRORS.values()
    ),
)  # fmt: skip
