"""The gateway's log events of an ordinary day, and those of a bad one that name no reason themselves."""

from apim_sandbox.insight.knowledge.model import Code, because

_GATEWAY = "Azure/api-management-self-hosted-gateway"
_DOCS = "Microsoft's guide to the self-hosted gateway in production"

_ORDINARY = (
    ("CertificateAuthorityAdded", "an authority is trusted", 9, "Back ends that it vouches for are trusted."),
    ("ConfigStarted", "an endpoint is set", 4, "config.service.endpoint is there: the gateway will connect."),
    ("GettingEventsFromApi", "it asks for changes", 7, "Asked every 10 seconds."),
    ("EventSnapshotRestored", "the snapshot is in force", 9, "The whole configuration was read."),
    ("BootstrapperStarted", "the process began", 4, "The first line of a start."),
    (
        "ConfigInitialSyncStarted",
        "the first synchronization began",
        7,
        "Sign-in comes next, then the snapshot.",
    ),
    ("ConfigInitialSyncCompleted", "the first synchronization is through", 9, "The configuration is there."),
    (
        "EventsSuccessfullyRestored",
        "changes have arrived",
        9,
        "What changed since the last look is in force.",
    ),
    ("NoNewEvents", "nothing has changed", 9, "The gateway asks every 10 seconds."),
    ("MsalAppClientCreated", "sign-in is prepared", 4, "The client that will present the token was made."),
    ("ManagedIdentityAddedToMap", "an identity is known", 4, "Sign-in with it comes next."),
    (
        "OperationRouteTableRebuildStarted",
        "an API is taken into the routes",
        9,
        "Each API of the gateway has two lines.",
    ),
    ("OperationRouteTableRebuildCompleted", "an API can be called", 9, "Its operations are in the routes."),
    ("EventSnapshotElected", "a snapshot was chosen (version 1)", 7, "The newest one in storage comes next."),
    ("ConfigurationRetrieving", "the snapshot is being read (version 1)", 7, "Storage was asked for it."),
    ("ConfigurationRetrieved", "the snapshot has come (version 1)", 7, "It is on disk and not in force yet."),
    ("ConfigurationLoaded", "the snapshot is in force (version 1)", 9, "The whole configuration was read."),
    (
        "SendingHeartbeat",
        "it greets the other pods",
        9,
        "Pods of one gateway keep counters together, over UDP.",
    ),
    ("HeartbeatSent", "it greeted the other pods", 9, "The portal's heartbeat is another one."),
    ("QuotaCounterGlobalSyncStart", "quota counters are exchanged", 9, "Between gateway and service."),
    ("QuotaCounterGlobalSyncSendUpdate", "quota counters are sent", 9, "Between gateway and service."),
    (
        "GatewayLogs",
        "a call was served",
        9,
        "One line a call, at the level that telemetry.logs.std.level names.",
    ),
    ("DnsResolutionStarted", "a back end's name is looked up", 9, "A call to it comes next."),
)

EVENTS: tuple[Code, ...] = (
    Code(
        "ConfigInitialSyncFailed", "the first synchronization failed", 7,
        "The gateway started without any configuration and found none on disk. It serves nothing and asks "
        "again every 10 seconds. The reason stands in the exception of the same line.",
        (
            because("the endpoint's name does not resolve", 2, f"{_GATEWAY}#164", f"{_GATEWAY}#193"),
            because("a role is missing: 403", 1, f"{_GATEWAY}, pull request 371"),
        ),
        ("AADSTS in the exception: explain that code. Forbidden: a role. Name or service: DNS.",),
    ),
    Code(
        "ConfigurationApiHeartbeatFailed", "the heartbeat did not arrive", 9,
        "The portal will show the gateway as not connected. Traffic is not touched.",
        (because("the same reasons as for the configuration, or a short outage", 0),),
        benign=True,
    ),
    Code(
        "SaveBackupFailed", "the configuration could not be saved to disk", 9,
        "A restart while the configuration API is away will find nothing to start from.",
        (because("the directory is not writable for group 1001", 1, _DOCS),),
        ("`ls -ld` of the backup path in the pod, and fsGroup: 1001 in its security context.",),
    ),
    Code(
        "TenantStarted", "the gateway began to serve", 9,
        "Its configuration is loaded; each change of it says so again.",
        (because("an ordinary start, or a change of the configuration", 0),),
        ("Without end, together with TenantRecycled: two deployments share one gateway name.",),
        benign=True,
    ),
    Code(
        "TenantRecycled", "the gateway let an old configuration go", 9,
        "Once at a start and at each change it is ordinary.",
        (because("an ordinary start, or a change of the configuration", 1, "a public hands-on"),),
        ("Without end, together with TenantStarted: two deployments share one gateway name.",),
        benign=True,
    ),
    Code(
        "TransactionalTableStorageSaveBatchFailed", "quota counters could not be kept", 9,
        "The table that the service keeps quotas in is missing. Calls are served; quotas count wrong.",
        (because("a quota policy in a service whose quota table was never made", 1, f"{_GATEWAY}#171"),),
        ("It goes away when the quota policy is saved once more; sign-in has nothing to do with it.",),
    ),
    Code(
        "HostnameCertificateInvalid", "a custom host name's certificate can't be used", 9,
        "The gateway serves that host name without the certificate that was meant for it.",
        (because("an expired certificate, or one without its key", 0, _DOCS),),
    ),
    Code(
        "FailedToProcessRequest",
        "a call to a back end failed",
        9,
        "The gateway has its configuration and serves; the API's own back end did not answer it.",
        (because("the back end's name, port or certificate, as the pod sees them", 0),),
        ("The exception of the line names the reason; sign-in has nothing to do with it.",),
    ),
    Code(
        "ConfigurationEntityIgnored", "a part of the configuration was passed over", 9,
        "The gateway does not know this kind of entity, or can't read it; the rest is in force.",
        (because("a gateway older than the service that sends to it", 0),),
    ),
    Code(
        "CertificateAuthorityNotTrusted", "an authority of the gateway is not trusted", 9,
        "The gateway has a certificate authority for its back ends, and was not told to trust it.",
        (because("certificates.local.ca.enabled is not set", 0, "MicrosoftDocs/azure-docs#116325"),),
    ),
    Code(
        "CertificateAuthorityInvalid", "a certificate authority can't be used", 9,
        "Back ends whose certificates it signed are refused; all else goes on.",
        (because("a certificate that is none", 0),),
    ),
    Code(
        "PolicyNotActing", "a policy has no effect here", 9,
        "Not every policy of the managed gateway works in a self-hosted one; in the sandbox fewer do.",
        (because("a policy that self-hosted gateways do not have", 0, "Microsoft's policy reference"),),
    ),
    Code(
        "HostnameSettingNotActing", "a setting of a host name has no effect here", 9,
        "Client certificates and TLS before 1.2 work in a self-hosted gateway; in the sandbox they do not.",
        (because("negotiateClientCertificate, tls10Enabled or tls11Enabled of a hostname configuration", 0),),
    ),
    *(
        Code(name, title, hop, meaning, (because("an ordinary day", 0),), benign=True)
        for name, title, hop, meaning in _ORDINARY
    ),
)  # fmt: skip
