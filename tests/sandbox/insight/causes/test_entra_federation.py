"""No federated credential fits: what differs, and what to change on either side."""

from msgspec.structs import replace
from tests.sandbox.insight.explained import explained, refusal
from tests.sandbox.insight.story import (
    ACCOUNT,
    APPLICATION_OBJECT,
    CREDENTIAL,
    ISSUER,
    NAMESPACE,
    SUBJECT,
    Story,
    assertion,
    ladder,
    subject_mismatch,
)

from apim_emulators.core.events import CredentialSeen, ResourceChanged, Rung
from apim_sandbox.insight.explain import Comparison


def test_a_subject_mismatch_says_what_to_change_on_either_side() -> None:
    found = explained(subject_mismatch())
    assert found.comparisons == (Comparison("subject", SUBJECT, SUBJECT[:-3] + SUBJECT[-2:]),)
    assert [(mend.side, mend.where, mend.text) for mend in found.mends] == [
        ("manifest", "gateway.yaml:26:27", f"serviceAccountName: {ACCOUNT}"),
        (
            "cloud",
            f'credential "{CREDENTIAL.name}"',
            f"let the credential name subject {SUBJECT[:-3] + SUBJECT[-2:]}",
        ),
    ]
    assert found.mends[1].command.startswith(
        f"az ad app federated-credential update --id {APPLICATION_OBJECT} "
        f"--federated-credential-id {CREDENTIAL.name} --parameters "
    )


def test_a_credential_that_was_changed_says_when_and_by_whom() -> None:
    story = Story().started()
    changed = ResourceChanged(
        "federatedIdentityCredential", "fic-1", "x", "updated", "operator", before={"subject": SUBJECT}
    )
    story.add("graph", changed)
    story.refused(code=700213, credentials=(replace(CREDENTIAL, subject=SUBJECT[:-1]),))
    facts = {fact.label: fact.value for fact in explained(story).facts}
    assert facts["changed"] == "2026-11-23T09:14:03Z by operator; it fitted before"


def test_a_wrong_namespace_is_mended_by_the_namespace() -> None:
    token = assertion(sub=f"system:serviceaccount:default:{ACCOUNT}")
    found = explained(refusal(700213, assertion=token))
    assert [fact.value for fact in found.facts if fact.label == "differs in"] == ["namespace"]
    assert found.mends[0].text == f"namespace: {NAMESPACE}"


def test_the_nearest_of_several_credentials_is_compared() -> None:
    others = (CredentialSeen("other", "https://elsewhere", "repo:x", CREDENTIAL.audience), CREDENTIAL)
    found = explained(refusal(700213, assertion=assertion(sub=SUBJECT + "2"), credentials=others))
    assert found.comparisons[0].expected == SUBJECT
    assert found.facts[0].value.endswith(", the nearest of 2")


def test_a_second_difference_is_told_to_fail_next() -> None:
    token = assertion(iss=ISSUER + "/", sub=SUBJECT.replace("gateway", "gate", 1))
    found = explained(refusal(700211, assertion=token))
    assert found.comparisons == (Comparison("issuer", ISSUER, ISSUER + "/"),)
    assert [text.partition(":")[0] for text in found.would_fail_next] == ["subject"]


def test_a_later_rung_that_failed_too_is_told_to_fail_next() -> None:
    rungs = ladder(
        subject=Rung("subject", "failed", "a", "b"), time=Rung("time", "failed", note="expired an hour ago")
    )
    found = explained(refusal(700213, assertion=assertion(sub="b"), ladder=rungs))
    assert found.would_fail_next == ("time: expired an hour ago",)


def test_the_api_servers_default_issuer_is_recognised() -> None:
    found = explained(
        refusal(700211, assertion=assertion(iss="https://kubernetes.default.svc.cluster.local"))
    )
    assert any("default" in fact.value for fact in found.facts)


def test_the_older_no_match_answer_is_told_by_what_differs() -> None:
    found = explained(refusal(70021, assertion=assertion(iss=ISSUER + "/")))
    assert (found.comparisons[0].what, found.code) == ("issuer", 70021)
    assert found.comparisons[0].difference is not None
    assert found.comparisons[0].difference.note == "a trailing slash in the presented value"


def test_an_application_without_credentials_is_sent_to_the_one_that_has_them() -> None:
    story = Story()
    story.resource("federatedIdentityCredential", "fic-1", "apim-gateway-federated-credential")
    story.started().refused(code=70025, credentials=(), cause="no-credentials")
    found = explained(story)
    assert found.cause == "no-credentials"
    assert found.facts[1].value.endswith("apim-gateway-federated-credential")
    assert found.mends[0].where == "gateway.yaml:2"


def test_a_managed_identitys_credential_is_mended_by_its_own_command() -> None:
    story = Story()
    story.resource("userAssignedIdentity", APPLICATION_OBJECT, "apim-identity")
    story.started().refused(code=700213, assertion=assertion(sub="other"))
    assert "az identity federated-credential update" in explained(story).mends[-1].command
