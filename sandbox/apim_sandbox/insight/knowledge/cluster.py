"""What Kubernetes says of a gateway's pod: events and reasons that people paste."""

from apim_sandbox.insight.knowledge.model import Code, because

_GATEWAY = "Azure/api-management-self-hosted-gateway"
_AWI = "Azure/azure-workload-identity"

CLUSTER: tuple[tuple[str, Code], ...] = (
    (
        r"\bOOMKilled\b|exit code:? 137",
        Code(
            "OOMKilled",
            "the node killed the container",
            9,
            "It used more memory than its limit. The process had no time for a last line in its log; exit "
            "code 137 is the signal's.",
            (
                because(
                    "resources.limits.memory below the article's 2 Gi",
                    0,
                    "Kubernetes, assign memory resources",
                ),
            ),
            ("kubectl describe pod: Last State, Reason. A probe's kill is an event Killing instead.",),
        ),
    ),
    (
        r"(startup|liveness|readiness) probe failed",
        Code(
            "Unhealthy",
            "a probe of the pod failed",
            9,
            "503 at the status path: the gateway runs and has no configuration yet. No connection: it does "
            "not listen yet. Startup and liveness probes end the container, a readiness probe does not.",
            (
                because(
                    "a startup probe of three times ten seconds: too little for a first start",
                    1,
                    f"{_GATEWAY} PR #325",
                ),
                because(
                    "no configuration to be had, and no copy of one: look for the first failed request",
                    1,
                    f"{_GATEWAY}#418",
                ),
            ),
            ("kubectl logs: without ConfigInitialSyncCompleted it is the configuration, not the probe.",),
        ),
    ),
    (
        r"CrashLoopBackOff|back-?off restarting failed container",
        Code(
            "CrashLoopBackOff",
            "the container ends again and again",
            9,
            "Kubernetes waits longer before each restart, up to five minutes.",
            (
                because("a setting without which the gateway can't start", 1, f"{_GATEWAY}#269"),
                because("a probe that ends it", 1, f"{_GATEWAY} PR #325"),
                because("memory", 0, "Kubernetes, assign memory resources"),
            ),
            ("`kubectl logs --previous` has the last words; none at all point to OOMKilled.",),
        ),
    ),
    (
        r"Insufficient (cpu|memory)",
        Code(
            "FailedScheduling",
            "no node has room for the pod",
            3,
            "The article's manifest asks for 2 CPU and 2 Gi; a laptop's cluster has less to spare.",
            (because("resources.requests of the article, on a small node", 0, "the article's own manifest"),),
        ),
    ),
    (
        r"configmap \"[^\"]*\" not found|CreateContainerConfigError",
        Code(
            "CreateContainerConfigError",
            "what the container's environment comes from is missing",
            3,
            "envFrom names a ConfigMap or a Secret that is not in the pod's namespace.",
            (because("it was applied to another namespace, or not at all", 0, "Kubernetes, on envFrom"),),
        ),
    ),
    (
        r"couldn't update token|token \"[^\"]*\"/\"[^\"]*\" expired and refresh failed|failed to fetch token",
        Code(
            "FailedMount",
            "the kubelet can't get a service-account token",
            3,
            "A pod that starts waits for it; one that runs keeps the file it has until that is over.",
            (because("the API server refuses TokenRequest, or is away", 1, f"{_AWI}#693"),),
            ("kubectl create token -n <namespace> <service account> asks for one by hand.",),
        ),
    ),
    (
        r"snapshot\.lock\.json (can't be read|belongs to|describes: checksums)|holds no configuration",
        Code(
            "backup-unusable",
            "the gateway's copy of its configuration can't be used",
            9,
            "It is there, and is not what the gateway wrote, or another gateway's. It is only missed while "
            "the configuration API can't be reached. Its form is not public: the checksum is assumed.",
            (because("a copy that can't be restored: the pod never starts", 1, f"{_GATEWAY}#418"),),
            ("Delete the content of the volume at /apim/config: it is written anew at the next connection.",),
        ),
    ),
)
