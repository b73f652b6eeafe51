"""What Graph demands of a federated identity credential (its API reference). Pure; raises `GraphError`."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from apim_emulators.entra.expressions import ExpressionError, parse
from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.model import (
    CREDENTIAL_NAME,
    MAX_CREDENTIALS,
    MAX_TEXT,
    FederatedIdentityCredential,
)


class ClaimsMatchingExpression(BaseModel):
    """A flexible credential's expression."""

    model_config = ConfigDict(extra="ignore")

    value: str
    languageVersion: int = 1  # noqa: N815  Graph's spelling


class FederatedCredentialBody(BaseModel):
    """A federated credential as clients send it; what is absent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    odata_type: str | None = Field(default=None, alias="@odata.type")
    id: str | None = None
    name: str | None = None
    issuer: str | None = None
    subject: str | None = None
    audiences: list[str] | None = None
    description: str | None = None
    claimsMatchingExpression: ClaimsMatchingExpression | None = None  # noqa: N815


def check_new(
    credential: FederatedIdentityCredential, existing: Sequence[FederatedIdentityCredential]
) -> None:
    """Whether `credential` may be added to its owner's `existing` ones."""
    _check_values(credential)
    if any(each.name.lower() == credential.name.lower() for each in existing):
        raise GraphError(
            "same-key", detail=f"FederatedIdentityCredential with name {credential.name} already exists."
        )
    _check_unique(credential, existing)
    if len(existing) >= MAX_CREDENTIALS:
        raise GraphError("too-many-credentials")


def check_changed(
    credential: FederatedIdentityCredential, existing: Sequence[FederatedIdentityCredential]
) -> None:
    """Whether `credential` may replace the one with its id."""
    _check_values(credential)
    _check_unique(credential, [each for each in existing if each.id != credential.id])


def _check_values(credential: FederatedIdentityCredential) -> None:
    if not CREDENTIAL_NAME.fullmatch(credential.name):
        raise GraphError(
            "bad-request",
            detail=(
                f"The name '{credential.name}' is not a valid URI segment: 3 to 120 letters, digits, '-' and "
                "'_', the first a letter or digit."
            ),
        )
    _required("Issuer", credential.issuer)
    if not credential.issuer.startswith("https://"):
        _invalid("Issuer", credential.issuer, "Issuer must be an https URL.")
    if credential.expression:
        if credential.subject:
            _invalid(
                "Subject", credential.subject, "Subject must be null where claimsMatchingExpression is set."
            )
        if credential.expression_version != 1:
            version = str(credential.expression_version)
            _invalid("ClaimsMatchingExpression", version, "The language version must be 1.")
        try:
            parse(credential.expression)
        except ExpressionError as error:
            _invalid(
                "ClaimsMatchingExpression", credential.expression, f"The expression is invalid: {error}."
            )
    else:
        _required("Subject", credential.subject)
    if len(credential.audiences) != 1:
        shown = ", ".join(credential.audiences)
        _invalid("Audiences", shown, "Federated identity credentials must have exactly 1 audience.")
    _required("Audiences", credential.audiences[0])
    for name, value in (
        ("Issuer", credential.issuer),
        ("Subject", credential.subject),
        ("Audiences", credential.audiences[0]),
        ("Description", credential.description),
    ):
        if len(value) > MAX_TEXT:
            _invalid(name, f"{value[:20]}…", f"{name} must not be longer than {MAX_TEXT} characters.")


def _check_unique(
    credential: FederatedIdentityCredential, others: Sequence[FederatedIdentityCredential]
) -> None:
    if not credential.subject:
        return
    for other in others:
        if (other.issuer, other.subject) == (credential.issuer, credential.subject):
            raise GraphError(
                "credential-value",
                detail=(
                    "The combination of issuer and subject must be unique for the application. Issuer "
                    f"{credential.issuer} and Subject: {credential.subject} already exist. paramName: "
                    f"FederatedIdentityCredential.Subject, paramValue: {credential.subject}, objectType: "
                    "Microsoft.Online.DirectoryServices.Application"
                ),
            )


def _required(name: str, value: str) -> None:
    if not value.strip():
        _invalid(name, value, f"{name} is required.")


def _invalid(name: str, value: str, why: str) -> None:
    raise GraphError(
        "credential-value",
        detail=(
            f"{why} paramName: FederatedIdentityCredential.{name}, paramValue: {value}, objectType: "
            "Microsoft.Online.DirectoryServices.Application"
        ),
    )
