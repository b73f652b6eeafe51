"""How sure we are of what ARM does here (see `core.provenance`)."""

from apim_emulators.core.provenance import Behaviour

_APP = "tests/emulators/arm/test_app.py"
_ROUTES = "tests/emulators/arm/test_authorization_routes.py"
_RBAC = "tests/emulators/core/test_rbac.py"

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "arm-rbac",
        "documented",
        "role assignments add up and are inherited; deny assignments win; NotActions subtract within a role",
        "Microsoft's RBAC overview",
        f"{_RBAC}::test_evaluation_agrees_with_the_obvious_one",
    ),
    Behaviour(
        "arm-data-actions",
        "documented",
        "control-plane actions, `*` included, grant no data action",
        "Microsoft's RBAC overview",
        f"{_RBAC}::test_control_plane_actions_grant_no_data_action",
    ),
    Behaviour(
        "arm-authorization-failed",
        "documented",
        "who may not is told AuthorizationFailed with client, object id, action and scope",
        "Microsoft's 'Troubleshoot Azure RBAC'",
        f"{_ROUTES}::test_who_may_not_is_told_so_in_azures_words",
    ),
    Behaviour(
        "arm-principal-type",
        "documented",
        "without principalType an unknown principal is PrincipalNotFound; with it the directory is not asked",
        "Microsoft's 'Troubleshoot Azure RBAC'",
        f"{_ROUTES}::test_a_principal_that_entra_does_not_know_needs_its_type",
    ),
    Behaviour(
        "arm-propagation",
        "documented",
        "a role assignment acts after a delay of up to ten minutes; that lists show it at once is assumed",
        "Microsoft's 'Troubleshoot Azure RBAC'",
        f"{_ROUTES}::test_a_list_shows_a_write_at_once_and_authorization_later",
    ),
    Behaviour(
        "arm-assigned-to",
        "documented",
        "assignedTo('{id}') follows a principal's groups; atScope() leaves out what lies below the scope",
        "Microsoft's 'List Azure role assignments using the REST API'",
        f"{_ROUTES}::test_filters_choose_what_a_list_shows",
    ),
    Behaviour(
        "arm-data-actions-management-group",
        "documented",
        "a custom role with data actions can't have a management group as assignable scope",
        "Microsoft's 'Troubleshoot Azure RBAC'; the error's code is assumed",
        f"{_ROUTES}::test_a_wrong_role_is_refused",
    ),
    Behaviour(
        "arm-issuer-url",
        "documented",
        "a managed cluster shows its issuer as properties.oidcIssuerProfile.issuerURL",
        "azure-rest-api-specs, Microsoft.ContainerService",
        f"{_APP}::test_aks_show_prints_the_clusters_issuer",
    ),
    Behaviour(
        "arm-internal",
        "assumed",
        "resource providers are told how RBAC decided, and are sent on requests with a shared secret",
        "ours: Azure's own routes between ARM and its providers are not public",
        f"{_APP}::test_the_decision_is_told_to_resource_providers_only",
    ),
)
