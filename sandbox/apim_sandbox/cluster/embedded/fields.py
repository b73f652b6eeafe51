"""The fields of the kinds that this cluster reads (core/v1, apps/v1, policy/v1), for strict decoding.

A leaf is a type: `s` text, `i` whole number, `b` boolean, `*` anything; a dict is an object, a list
with one entry a list of such.
"""

from typing import Any

Shape = Any  # "s" | "i" | "b" | "*" | dict[str, Shape] | [Shape]


def _fields(type_: str, names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), type_)


METADATA: Shape = {
    **_fields(
        "s", "name generateName namespace uid resourceVersion creationTimestamp deletionTimestamp selfLink"
    ),
    **_fields("i", "generation deletionGracePeriodSeconds"),
    **_fields("*", "labels annotations finalizers ownerReferences managedFields"),
}
_REFERENCE: Shape = {"name": "s", "optional": "b"}
_KEY: Shape = {**_REFERENCE, "key": "s"}
_FIELD: Shape = {"apiVersion": "s", "fieldPath": "s"}
_RESOURCE_FIELD: Shape = {"containerName": "s", "resource": "s", "divisor": "*"}
_ITEMS: Shape = [{"key": "s", "path": "s", "mode": "i"}]
_DOWNWARD: Shape = [{"path": "s", "mode": "i", "fieldRef": _FIELD, "resourceFieldRef": _RESOURCE_FIELD}]
_PROBE: Shape = {
    "httpGet": {"host": "s", "path": "s", "port": "*", "scheme": "s", "httpHeaders": "*"},
    "tcpSocket": {"host": "s", "port": "*"},
    **_fields("*", "exec grpc"),
    **_fields(
        "i",
        "initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold "
        "terminationGracePeriodSeconds",
    ),
}
CONTAINER: Shape = {
    **_fields("s", "name image workingDir restartPolicy terminationMessagePath terminationMessagePolicy"),
    **_fields("s", "imagePullPolicy"),
    **_fields("b", "stdin stdinOnce tty"),
    **_fields("*", "command args resizePolicy restartPolicyRules volumeDevices lifecycle securityContext"),
    "ports": [{"name": "s", "containerPort": "i", "hostPort": "i", "hostIP": "s", "protocol": "s"}],
    "envFrom": [{"prefix": "s", "configMapRef": _REFERENCE, "secretRef": _REFERENCE}],
    "env": [
        {
            "name": "s",
            "value": "s",
            "valueFrom": {
                "fieldRef": _FIELD, "resourceFieldRef": _RESOURCE_FIELD, "configMapKeyRef": _KEY,
                "secretKeyRef": _KEY, "fileKeyRef": "*",
            },
        }
    ],
    "resources": {"limits": "*", "requests": "*", "claims": "*"},
    "volumeMounts": [
        {
            **_fields("s", "name mountPath subPath subPathExpr mountPropagation recursiveReadOnly"),
            "readOnly": "b",
        }
    ],
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
}  # fmt: skip
_VOLUME: Shape = {
    "name": "s",
    "configMap": {**_REFERENCE, "items": _ITEMS, "defaultMode": "i"},
    "secret": {"secretName": "s", "optional": "b", "items": _ITEMS, "defaultMode": "i"},
    "downwardAPI": {"items": _DOWNWARD, "defaultMode": "i"},
    "emptyDir": {"medium": "s", "sizeLimit": "*"},
    "projected": {
        "defaultMode": "i",
        "sources": [
            {
                "serviceAccountToken": {"audience": "s", "expirationSeconds": "i", "path": "s"},
                "configMap": {**_REFERENCE, "items": _ITEMS},
                "secret": {**_REFERENCE, "items": _ITEMS},
                "downwardAPI": {"items": _DOWNWARD},
                **_fields("*", "clusterTrustBundle podCertificate"),
            }
        ],
    },
    **_fields(
        "*",
        "hostPath gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs persistentVolumeClaim "
        "rbd flexVolume cinder cephfs flocker fc azureFile vsphereVolume quobyte azureDisk "
        "photonPersistentDisk portworxVolume scaleIO storageos csi ephemeral image",
    ),
}
POD_SPEC: Shape = {
    "containers": [CONTAINER],
    "initContainers": [CONTAINER],
    "volumes": [_VOLUME],
    **_fields(
        "s",
        "restartPolicy dnsPolicy serviceAccountName serviceAccount nodeName hostname subdomain schedulerName "
        "priorityClassName runtimeClassName preemptionPolicy hostnameOverride",
    ),
    **_fields("i", "terminationGracePeriodSeconds activeDeadlineSeconds priority"),
    **_fields(
        "b",
        "automountServiceAccountToken hostNetwork hostPID hostIPC shareProcessNamespace enableServiceLinks "
        "setHostnameAsFQDN hostUsers",
    ),
    **_fields(
        "*",
        "ephemeralContainers nodeSelector securityContext imagePullSecrets affinity tolerations hostAliases "
        "dnsConfig readinessGates overhead topologySpreadConstraints os schedulingGates resourceClaims "
        "resources",
    ),
}
_TEMPLATE: Shape = {"metadata": METADATA, "spec": POD_SPEC}
_SELECTOR: Shape = {"matchLabels": "*", "matchExpressions": "*"}
_OBJECT: Shape = {"apiVersion": "s", "kind": "s", "metadata": METADATA, "status": "*"}

_SERVICE: Shape = {**_fields("s", "name namespace path"), "port": "i"}
_HOOK: Shape = {
    **_fields("s", "name failurePolicy matchPolicy reinvocationPolicy sideEffects"),
    **_fields("*", "admissionReviewVersions rules matchConditions timeoutSeconds"),
    **dict.fromkeys(("objectSelector", "namespaceSelector"), _SELECTOR),
    "clientConfig": {"caBundle": "s", "url": "s", "service": _SERVICE},
}

KINDS: dict[str, Shape] = {
    "MutatingWebhookConfiguration": {**_OBJECT, "webhooks": [_HOOK]},
    "Namespace": {**_OBJECT, "spec": "*"},
    "ServiceAccount": {
        **_OBJECT,
        **_fields("*", "secrets imagePullSecrets"),
        "automountServiceAccountToken": "b",
    },
    "ConfigMap": {**_OBJECT, **_fields("*", "data binaryData"), "immutable": "b"},
    "Secret": {**_OBJECT, **_fields("*", "data stringData"), "type": "s", "immutable": "b"},
    "Pod": {**_OBJECT, "spec": POD_SPEC},
    "Deployment": {
        **_OBJECT,
        "spec": {
            **_fields("i", "replicas minReadySeconds revisionHistoryLimit progressDeadlineSeconds"),
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "paused": "b",
            "strategy": {"type": "s", "rollingUpdate": {"maxSurge": "*", "maxUnavailable": "*"}},
        },
    },
    "Service": {
        **_OBJECT,
        "spec": {
            "ports": [
                {
                    **_fields("s", "name protocol appProtocol"),
                    **_fields("i", "port nodePort"),
                    "targetPort": "*",
                }
            ],
            **_fields(
                "s",
                "clusterIP type sessionAffinity loadBalancerIP externalName externalTrafficPolicy "
                "internalTrafficPolicy ipFamilyPolicy loadBalancerClass trafficDistribution",
            ),
            **_fields("b", "publishNotReadyAddresses allocateLoadBalancerNodePorts"),
            **_fields(
                "*",
                "selector clusterIPs externalIPs loadBalancerSourceRanges ipFamilies sessionAffinityConfig",
            ),
            "healthCheckNodePort": "i",
        },
    },
    "PodDisruptionBudget": {
        **_OBJECT,
        "spec": {
            "minAvailable": "*",
            "maxUnavailable": "*",
            "selector": _SELECTOR,
            "unhealthyPodEvictionPolicy": "s",
        },
    },
}
