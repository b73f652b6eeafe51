"""The assertion meets no federated credential: AADSTS70021, 700211-700213, 70025 and their kin."""

from apim_emulators.core.events import TokenAnswered
from apim_emulators.core.vocabulary import TOKEN_EXCHANGE_AUDIENCE
from apim_sandbox.insight.causes.facts import (
    Failure,
    account_place,
    application,
    create_credential,
    credential_change,
    credential_comparisons,
    credential_fact,
    nearest_credential,
    next_failures,
    pod_place,
    presented,
    update_credential,
)
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend

_PREFIX = "system:serviceaccount:"


def subject(failure: Failure, event: TokenAnswered) -> Explanation:
    """700213, 7002138, 7002131: issuer known, subject of no credential."""
    pairs = credential_comparisons(event)
    credential = nearest_credential(event)
    pair = next((one for one in pairs if one.what == "subject"), None)
    headline = "the subject of no federated credential matches."
    cause = event.cause or "subject-mismatch"
    if event.code == 7002138:
        headline = "the subject differs from the credential's in letter case only."
    facts: list[Fact] = []
    mends: list[Mend] = []
    if credential is not None and pair is not None:
        facts.append(credential_fact(event, credential))
        part = _part(pair)
        if part:
            facts.append(Fact("differs in", part))
        changed = credential_change(failure, event, "subject")
        facts += changed
        update = update_credential(failure.trace, event, credential, subject=pair.presented)
        edits = _manifest_subject(failure, pair)
        mends = [update, *edits] if changed else [*edits, update]  # first the side that was touched last
    return Explanation(
        cause=cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): {headline}",
        facts=tuple(facts),
        comparisons=(pair,) if pair else (),
        ladder=event.ladder,
        would_fail_next=next_failures(event, but="subject", more=pairs),
        mends=tuple(mends),
        seen_in_the_field=(
            "letter case stopped being forgiven in 2024 (Azure/login#515, #517)."
            if event.code == 7002138
            else "a wrong namespace or service account is the most reported cause of AADSTS700213."
        ),
        code=event.code,
    )


def issuer(failure: Failure, event: TokenAnswered) -> Explanation:
    """700211: no credential names this issuer."""
    pairs = credential_comparisons(event)
    credential = nearest_credential(event)
    pair = next((one for one in pairs if one.what == "issuer"), None)
    presented_issuer = presented(event).issuer
    default_issuer = presented_issuer.startswith("https://kubernetes.default.svc")
    cause = event.cause or "issuer-mismatch"
    facts: list[Fact] = []
    mends: list[Mend] = []
    if credential is not None:
        facts.append(credential_fact(event, credential))
        facts += credential_change(failure, event, "issuer")
    if default_issuer:
        facts.append(
            Fact("issuer", "is the API server's default: no public OIDC issuer was set for the cluster")
        )
    if pair is not None and credential is not None:
        mends.append(
            Mend(
                "cluster",
                f"--service-account-issuer={pair.expected}",
                "API server (on AKS: enable the OIDC issuer; its URL can't be chosen)",
            )
        )
        mends.append(update_credential(failure.trace, event, credential, issuer=pair.presented))
    elif credential is None:
        mends.append(create_credential(event, "apim-gateway-federated-credential"))
    return Explanation(
        cause=cause,
        hop=5,
        headline="Entra refused the exchange (hop 5): no federated credential names the token's issuer.",
        facts=tuple(facts),
        comparisons=(pair,) if pair else (),
        ladder=event.ladder,
        would_fail_next=next_failures(event, but="issuer", more=pairs),
        mends=tuple(mends),
        seen_in_the_field=(
            "a slash at the end, on one side only, is the most reported cause; since about February 2026 it "
            "is no longer forgiven (Azure/azure-workload-identity#340, #1700)."
        ),
        code=event.code,
    )


def audience(failure: Failure, event: TokenAnswered) -> Explanation:
    """700212, 7002121: the token was made for somebody else."""
    pairs = credential_comparisons(event)
    credential = nearest_credential(event)
    pair = next((one for one in pairs if one.what == "audience"), None)
    value = presented(event).audience
    facts: list[Fact] = []
    mends: list[Mend] = []
    if credential is not None:
        facts.append(credential_fact(event, credential))
        facts += credential_change(failure, event, "audience")
    if value.startswith("https://kubernetes.default.svc"):
        facts.append(Fact("audience", "is the API server's own: the pod's default token was presented"))
    if pair is not None and credential is not None:
        mends.append(
            Mend(
                "manifest",
                f"audience: {pair.expected}",
                pod_place(failure.trace, failure.pod) or "the projected serviceAccountToken source",
            )
        )
        if credential.audience != TOKEN_EXCHANGE_AUDIENCE:
            mends.append(update_credential(failure.trace, event, credential, audience=pair.presented))
    return Explanation(
        cause=event.cause or "audience-mismatch",
        hop=5,
        headline="Entra refused the exchange (hop 5): the token was made for another audience.",
        facts=tuple(facts),
        comparisons=(pair,) if pair else (),
        ladder=event.ladder,
        would_fail_next=next_failures(event, but="audience", more=pairs),
        mends=tuple(mends),
        seen_in_the_field=(
            "mostly the default service-account token, presented instead of the projected one; also "
            "sovereign clouds and a webhook run with --audience (Azure/azure-workload-identity#1675)."
        ),
        code=event.code,
    )


def no_match(failure: Failure, event: TokenAnswered) -> Explanation:
    """70021, the older answer that does not say which value differs: look for ourselves."""
    pairs = credential_comparisons(event)
    by_name = {"issuer": issuer, "audience": audience, "subject": subject}
    return by_name[pairs[0].what](failure, event) if pairs else subject(failure, event)


def no_credentials(failure: Failure, event: TokenAnswered) -> Explanation:
    """70025: the application is right or wrong, but it trusts nobody."""
    trace = failure.trace
    elsewhere = sorted(
        {
            str(seen.event.name)
            for seen in trace.resources.values()
            if seen.event.type == "federatedIdentityCredential" and seen.event.change != "deleted"
        }
    )
    facts = [Fact("client", f"{event.client_id}, {application(event)}")]
    if elsewhere:
        facts.append(Fact("credentials", f"exist on other identities: {', '.join(elsewhere)}"))
    annotation = Mend(
        "manifest",
        'azure.workload.identity/client-id: "<client id of the identity that has the credential>"',
        account_place(failure.trace, event, "client-id"),
    )
    return Explanation(
        cause=event.cause or "no-credentials",
        hop=5,
        headline="Entra refused the exchange (hop 5): the application has no federated credential at all.",
        facts=tuple(facts),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(annotation, create_credential(event, "apim-gateway-federated-credential")),
        seen_in_the_field=(
            "the client id of another identity in the manifest (an add-on's, a node's), or the "
            "credential made "
            "on the managed identity instead of the app registration (Azure/azure-workload-identity#1200)."
        ),
        code=event.code,
    )


def chained(_: Failure, event: TokenAnswered) -> Explanation:
    """700222, 700223, 700226, 700231, 700236: a token of Entra's own as the assertion."""
    return Explanation(
        cause=event.cause or "entra-token-as-assertion",
        hop=5,
        headline="Entra refused the exchange (hop 5): the assertion is itself a token that Entra issued.",
        facts=(Fact("issuer", presented(event).issuer), Fact("client", application(event))),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(
            Mend("program", "present the file named by AZURE_FEDERATED_TOKEN_FILE, not a token got with it"),
        ),
        seen_in_the_field=(
            "two exchanges in a row, the second fed with the result of the first "
            "(Azure/azure-workload-identity#1363, #820)."
        ),
        code=event.code,
    )


def policy(_: Failure, event: TokenAnswered) -> Explanation:
    """7002381, 700238: the tenant demands a claim of the issuer, or does not allow it at all."""
    rung = next((rung for rung in event.ladder if rung.verdict == "failed"), None)
    pairs: tuple[Comparison, ...] = ()
    if rung is not None and rung.expected is not None and rung.presented is not None:
        pairs = (Comparison(rung.name, rung.expected, rung.presented),)
    return Explanation(
        cause=event.cause or "issuer-policy",
        hop=5,
        headline="Entra refused the exchange (hop 5): the tenant's policy forbids tokens of this issuer.",
        facts=(Fact("issuer", presented(event).issuer),),
        comparisons=pairs,
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(Mend("cloud", "let the tenant's federated credential policy allow this issuer"),),
        code=event.code,
    )


def _part(pair: Comparison) -> str:
    """Namespace, service account or both: what a person would say differs."""
    if not (pair.expected.startswith(_PREFIX) and pair.presented.startswith(_PREFIX)):
        return ""
    expected = pair.expected.removeprefix(_PREFIX).split(":", 1)
    shown = pair.presented.removeprefix(_PREFIX).split(":", 1)
    if len(expected) != 2 or len(shown) != 2:
        return ""
    names = [
        name
        for name, one, other in zip(("namespace", "service account"), expected, shown, strict=True)
        if one != other
    ]
    return " and ".join(names)


def _manifest_subject(failure: Failure, pair: Comparison) -> list[Mend]:
    part = _part(pair)
    if not part:
        return []
    namespace, _, account = pair.expected.removeprefix(_PREFIX).partition(":")
    mends = []
    if "namespace" in part:
        where = pod_place(failure.trace, failure.pod, "namespace")
        mends.append(Mend("manifest", f"namespace: {namespace}", where))
    if "service account" in part:
        where = pod_place(failure.trace, failure.pod, "serviceAccountName")
        mends.append(Mend("manifest", f"serviceAccountName: {account}", where))
    return mends
