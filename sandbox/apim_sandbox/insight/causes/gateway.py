"""What the gateway's side alone can tell: it never got an answer, or never asked."""

import re
from http import HTTPStatus

from apim_emulators.core.events import ConfigurationAsked, GatewayLogged, PodChanged, TokenAsked
from apim_emulators.core.vocabulary import CONFIGURATION_DOMAIN
from apim_sandbox.insight.causes import gateway_process, webhook
from apim_sandbox.insight.causes.facts import Failure, config_place, pod_place
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend
from apim_sandbox.insight.trace import PodName


def token(failure: Failure, event: TokenAsked) -> Explanation:
    """The token request failed before Entra answered."""
    missing = _unidentified(failure)
    if missing is not None:
        return missing
    error = event.error
    low = error.lower()
    where = pod_place(failure.trace, failure.pod)
    label = pod_place(failure.trace, failure.pod, webhook.LABEL_FIELD, "labels")
    if "no such file" in low or "filenotfound" in low or "permission denied" in low:
        denied = "permission denied" in low
        return Explanation(
            cause="token-file-unreadable" if denied else "token-file-missing",
            hop=4,
            headline=f"The gateway could not read its token file (hop 4): {error.rstrip('.')}.",
            facts=tuple(Fact("the token is at", path) for path in _token_paths(failure)),
            mends=(
                Mend("manifest", "securityContext.fsGroup, so that the container's user may read it", where)
                if denied
                else Mend("manifest", "take the path from AZURE_FEDERATED_TOKEN_FILE, hard-code none", where),
            ),
            seen_in_the_field="the file moved with webhook 1.6.0 from /var/run/secrets/azure/tokens to "
            "/var/run/secrets/azure/wi/token.",
        )
    if "https" in low and ("authority" in low or "tls protected" in low):
        return Explanation(
            cause="authority-not-https",
            hop=4,
            headline="The gateway did not ask Entra (hop 4): the authority is empty or not https.",
            comparisons=(Comparison("authority", "https://login.microsoftonline.com/", event.authority),),
            facts=(Fact("error", error),),
            mends=(Mend("manifest", "AZURE_AUTHORITY_HOST: https://login.microsoftonline.com/", where),),
            seen_in_the_field="a pod that the webhook never saw has no authority at all "
            "(Azure/azure-workload-identity#611).",
        )
    if re.search(r"AZURE_[A-Z_]+|tenant_id|client_id|token_file_path", error):
        return Explanation(
            cause="identity-variables-missing",
            hop=4,
            headline="The gateway has no workload identity (hop 4): AZURE_* variables are missing.",
            facts=(Fact("error", error),),
            mends=(Mend("manifest", f"spec.template.metadata.labels: {webhook.LABEL}", label),),
        )
    if "too many requests" in low:
        return _answered(failure, "Entra", "entra", 4, event.authority, 429)
    if (unreadable := _NO_JSON.search(error)) is not None:
        said = unreadable["content"] or unreadable["text"] or ""
        return _no_json(failure, event, said.strip())
    if "unexpected response" in low:
        return _incomplete(event)
    return _network(failure, "Entra", 4, event.authority, error)


def _token_paths(failure: Failure) -> tuple[str, ...]:
    """Where the kubelet has put the pod's tokens, as its containers see it."""
    projected = [seen.event for seen in failure.trace.projected]
    mine = [one.path for one in projected if PodName(one.namespace, one.pod) == failure.pod]
    return tuple(dict.fromkeys(mine))


def configuration(failure: Failure, event: ConfigurationAsked) -> Explanation:
    """The configuration request got no answer, or one from somebody else."""
    host = event.url.removeprefix("https://").partition("/")[0]
    where = config_place(failure.trace, failure.pod, "config.service.endpoint")
    if host and not host.endswith(CONFIGURATION_DOMAIN) and host.endswith("azure-api.net"):
        expected = f"{host.partition('.')[0]}.{CONFIGURATION_DOMAIN}"
        return Explanation(
            cause="endpoint-not-configuration-api",
            hop=7,
            headline="The gateway asks the wrong host for its configuration (hop 7).",
            comparisons=(Comparison("config.service.endpoint", f"https://{expected}", f"https://{host}"),),
            facts=(Fact("error", event.error),) if event.error else (),
            mends=(Mend("manifest", f"config.service.endpoint: https://{expected}", where),),
            seen_in_the_field="the gateway's host and the old v1 path are taken for the "
            "configuration endpoint.",
        )
    without_copy = gateway_process.without_copy(failure)
    if without_copy is not None:
        return without_copy
    if event.status is not None:
        return _answered(failure, "the configuration API", "configuration", 7, event.url, event.status)
    return _network(failure, "the configuration API", 7, event.url, event.error)


def pod(failure: Failure, event: PodChanged) -> Explanation:
    """The pod itself does not run."""
    missing = _unidentified(failure)
    if missing is not None:
        return missing
    log = _last_error(failure)
    if log is not None and event.phase == "Failed":
        return logged(failure, log)
    reason = event.reason or event.phase
    low = f"{event.reason} {event.message}".lower()
    where = pod_place(failure.trace, failure.pod)
    account = pod_place(failure.trace, failure.pod, "serviceAccountName")
    text = event.message or reason
    cause, mend = "pod-not-running", Mend("manifest", "change the pod as the message says", where)
    if "serviceaccount" in low and "not found" in low:
        cause, mend = (
            "service-account-missing",
            Mend("manifest", "create the ServiceAccount, or name one that exists", account),
        )
    elif "insufficient" in low:
        cause = "insufficient-resources"
        resources = pod_place(failure.trace, failure.pod, "/resources")
        mend = Mend("manifest", "smaller resources.requests: the article asks for 2 CPU and 2 Gi", resources)
    elif "configmap" in low and "not found" in low:
        cause, mend = "configmap-missing", Mend("manifest", "apply the ConfigMap that envFrom names", where)
    elif "errimage" in low or "imagepull" in low or "invalidimagename" in low:
        cause = "image-not-available"
        mend = Mend("cluster", "load the image onto the node, or name one that can be pulled", where)
    elif "tokenfileunreadable" in low:
        cause = "token-file-unreadable"
        mend = Mend("manifest", "securityContext.fsGroup, so that the container's user may read it", where)
    elif gateway_process.OUT_OF_MEMORY.lower() in low:
        return gateway_process.killed(failure, event)
    elif "probe failed" in low:
        return _probe(failure, event, text, where)
    elif "crashloop" in low or event.phase == "Failed":
        cause = "gateway-crashed"
        mend = Mend("program", "read the container's log", "", f"apim-sandbox logs {event.pod}")
    return Explanation(
        cause=cause,
        hop=3,
        headline=f"Pod {event.pod} does not run: {text.rstrip('.')}.",
        facts=(Fact("phase", event.phase), Fact("reason", reason)),
        mends=(mend,),
    )


def _probe(failure: Failure, event: PodChanged, text: str, where: str) -> Explanation:
    probe = "startup" if "startup probe failed" in text else "liveness"
    slow = gateway_process.slow(failure, event, probe)
    if slow is not None:
        return slow
    return Explanation(
        cause=f"{probe}-probe-failed",
        hop=9,
        headline=f"Pod {event.pod} is stopped again and again (hop 9): its {probe} probe failed.",
        facts=(Fact("reason", event.reason), Fact("message", text)),
        mends=(
            Mend(
                "manifest",
                f"{probe}Probe: a failureThreshold times periodSeconds that the first configuration "
                "fits into, such as 30 times 10 s",
                where,
            ),
        ),
        seen_in_the_field="three times ten seconds are too little for a first synchronization "
        "(Azure/api-management-self-hosted-gateway, pull request 325).",
    )


def logged(failure: Failure, event: GatewayLogged) -> Explanation:
    """An error that only the gateway's log tells of."""
    missing = _unidentified(failure)
    if missing is not None:
        return missing
    where = config_place(failure.trace, failure.pod, "config.service.auth") or "the gateway's ConfigMap"
    text = f"{event.message} {event.exception}"
    if "No valid authentication" in text:
        return _no_authentication(failure, event, where)
    unreadable = _unreadable(failure, event)
    if unreadable is not None:
        return unreadable
    said = (event.message or event.exception).rstrip(".")
    return Explanation(
        cause="gateway-error",
        hop=9,
        headline=f"The gateway logged an error: [{event.event_type}] {said}.",
        facts=(Fact("log", event.line),) if event.line else (),
    )


def _no_authentication(failure: Failure, event: GatewayLogged, where: str) -> Explanation:
    """The mode is unknown to the gateway: its image is too old, its name or its value is misspelt."""
    facts = [Fact("log", event.line or event.message)]
    underscored = config_place(failure.trace, failure.pod, "config_service_auth", exactly=True)
    mend = Mend("manifest", "config.service.auth: workloadIdentity", where)
    seen = "a blank behind the value (Azure/api-management-self-hosted-gateway#269)."
    if "needs version" in event.message:
        image = pod_place(failure.trace, failure.pod, "/image") or where
        mend = Mend("manifest", "image: a gateway of version 2.11.0 or later", image)
        seen = "a node that kept an older v2 image, which imagePullPolicy IfNotPresent does not renew."
    elif underscored:
        facts.append(Fact("besides", f"config_service_auth at {underscored}, which it does not read"))
        mend = Mend("manifest", "config.service.auth: workloadIdentity, with dots", underscored)
        seen = "platforms whose variables take no dots: what has underscores is passed over in silence."
    return Explanation(
        cause="no-valid-authentication",
        hop=7,
        headline="The gateway did not start: config.service.auth names no way to authenticate that it knows.",
        facts=tuple(facts),
        mends=(mend,),
        seen_in_the_field=seen,
    )


def _answered(failure: Failure, whom: str, name: str, hop: int, address: str, status: int) -> Explanation:
    """An answer that says nothing of the request: too many of them, or a service that is not well."""
    faults = failure.trace.faults_before(failure.record.sequence)[:1]
    facts = [Fact("address", address)]
    facts += [Fact("fault", f"{one.event.fault}: {one.event.effect}") for one in faults]
    if 300 <= status < 500 and status != 429:
        return _answered_by_another(whom, name, hop, tuple(facts), status)
    throttled = status == 429
    text = "throttles this client" if throttled else f"answered {status}"
    mend = "wait for Retry-After, keep tokens" if throttled else "nothing: the gateway asks again by itself"
    return Explanation(
        cause=f"{name}-throttled" if throttled else f"{name}-unavailable",
        hop=hop,
        headline=f"{whom[0].upper()}{whom[1:]} {text} (hop {hop}).",
        facts=tuple(facts),
        mends=(Mend("program", mend),),
    )


def _answered_by_another(whom: str, name: str, hop: int, facts: tuple[Fact, ...], status: int) -> Explanation:
    """A status that nobody expected of it: a proxy's, or a page's that stands in front."""
    phrase = f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""
    wants_proxy = status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    mend = (
        "give the gateway the proxy's credentials (HTTPS_PROXY), or let its hosts pass without it (NO_PROXY)"
        if wants_proxy
        else f"see what stands between the pod and {whom}"
    )
    return Explanation(
        cause=f"{name}-answered-by-another",
        hop=hop,
        headline=f"Somebody else answered in place of {whom} (hop {hop}): {status}{phrase}.",
        facts=facts,
        mends=(Mend("cluster", mend),),
    )


def _incomplete(event: TokenAsked) -> Explanation:
    """An answer of 200 that no client takes: it lacks a member, or has it in another form."""
    wanted = ("access_token", "token_type", "expires_in")
    missing = [name for name in wanted if f"'{name}'" not in event.error]
    text = f"it lacks {' and '.join(missing)}" if missing else "a member is not of the form that clients want"
    return Explanation(
        cause="entra-answer-incomplete",
        hop=6,
        headline=f"The gateway could not take Entra's answer (hop 6): {text}.",
        facts=(Fact("address", event.authority), Fact("answer", event.error.partition(": ")[2])),
        mends=(Mend("cluster", "see what stands between the pod and Entra and rewrites its answers"),),
        seen_in_the_field="proxies that inspect TLS, and stand-ins for Entra in tests.",
    )


def _unreadable(failure: Failure, event: GatewayLogged) -> Explanation | None:
    """Whether the snapshot came with 200, and the gateway has no configuration all the same."""
    if failure.pod is None or event.event_type != "ConfigInitialSyncFailed":
        return None
    asked = [
        one.event
        for one in failure.trace.of_pod(failure.trace.asked, failure.pod)
        if one.sequence < failure.record.sequence
    ]
    if not asked or asked[-1].operation != "snapshot" or asked[-1].status != 200:
        return None
    return Explanation(
        cause="snapshot-unreadable",
        hop=7,
        headline="The gateway can't read the snapshot that it was given (hop 7).",
        facts=(Fact("address", asked[-1].url), Fact("log", event.line)),
        mends=(
            Mend(
                "cloud",
                "see what stands between the configuration API and the gateway; change an API of the "
                "gateway, so that a new snapshot is made",
            ),
        ),
    )


# azure-identity's words for what is no JSON: by its content type, which may say that it is plain text.
_NO_JSON = re.compile(
    r"JSON is invalid(?:.*?Content: (?P<content>.*))?"
    r"|Unexpected response from Microsoft Entra ID: (?P<text>[^{].*)",
    re.DOTALL,
)


def _no_json(failure: Failure, event: TokenAsked, said: str) -> Explanation:
    """A front door, a proxy or an outage answers in words of its own, which a library can't read."""
    faults = failure.trace.faults_before(failure.record.sequence)[:1]
    return Explanation(
        cause="entra-unavailable",
        hop=4,
        headline="Entra's answer was no JSON (hop 4)" + (f": {said[:80]}." if said else "."),
        facts=(
            Fact("address", event.authority),
            *(Fact("fault", f"{one.event.fault}: {one.event.effect}") for one in faults),
        ),
        mends=(Mend("program", "nothing: the gateway asks again by itself, if Entra it was that answered"),),
        seen_in_the_field="outages, and proxies that answer in Entra's place (azure-sdk-for-python#14241).",
    )


def _network(failure: Failure, whom: str, hop: int, address: str, error: str) -> Explanation:
    """Names, TLS, time-outs and resets, told by the words that HTTP clients use."""
    cut_off = gateway_process.cut_off(failure, whom, hop, address, error)
    if cut_off is not None:
        return cut_off
    low = error.lower()
    faults = failure.trace.faults_before(failure.record.sequence)[:1]
    facts = [Fact("address", address), Fact("error", error or "no answer")]
    facts += [Fact("fault", f"{one.event.fault}: {one.event.effect}") for one in faults]
    host = address.removeprefix("https://").partition("/")[0]
    if any(word in low for word in ("name or service", "getaddrinfo", "resolve", "nodename", "dns")):
        kind, text = "dns", "its name does not resolve"
        mend = Mend("cluster", f"let {host} resolve in the cluster", host, f"getent hosts {host}")
    elif any(word in low for word in ("certificate", "ssl", "tls", "x509")):
        kind, text = "tls", "its certificate is not trusted"
        mend = Mend(
            "cluster",
            "mount the CA that signed it into the container",
            host,
            f"openssl s_client -connect {host}:443",
        )
    elif any(word in low for word in ("timed out", "timeout", "deadline")):
        kind, text = "timeout", "it did not answer in time"
        mend = Mend("cluster", f"open TCP 443 to {host}", host, f"curl -sv https://{host}/")
    elif any(word in low for word in ("message body", "incomplete", "prematurely")):
        kind, text = "cut", "its answer ended in the middle"
        mend = Mend("cluster", f"see what stands between the pod and {host} and looks into answers", host)
    elif any(word in low for word in ("refused", "reset", "disconnected", "unreachable", "connect")):
        kind, text = "connection", "the connection failed"
        mend = Mend("cluster", f"open TCP 443 to {host}", host, f"curl -sv https://{host}/")
    else:
        kind, text = "no-answer", "no answer came"
        mend = Mend("cluster", f"see what stands between the pod and {host}", host)
    name = "entra" if hop == 4 else "configuration"
    return Explanation(
        cause=f"{name}-{kind}",
        hop=hop,
        headline=f"The gateway could not reach {whom} (hop {hop}): {text}.",
        facts=tuple(facts),
        mends=(mend,),
    )


def _unidentified(failure: Failure) -> Explanation | None:
    """Whether admission already explains it: the pod has no identity, or half of one."""
    for seen in reversed(failure.trace.admitted):
        if PodName(seen.event.namespace, seen.event.pod) == failure.pod:
            if seen.event.outcome == "skipped":
                return webhook.not_mutated(failure, seen.event)
            return webhook.without(failure, seen.event)
    return None


def _last_error(failure: Failure) -> GatewayLogged | None:
    if failure.pod is None:
        return None
    logs = failure.trace.of_pod(failure.trace.logs, failure.pod)
    return next((seen.event for seen in reversed(logs) if seen.event.level.lower() == "error"), None)
