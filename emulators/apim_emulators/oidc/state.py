"""What the issuer remembers: clusters, their keys, and the objects that tokens speak of."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from apim_emulators.core.jose import SigningKey
from apim_emulators.core.keys import KeySource, signing_key
from apim_emulators.core.store import Store
from apim_emulators.oidc import documents
from apim_emulators.oidc.model import ApiObject, Cluster, ClusterKey, IdentityBinding, Resource


class IssuerState:
    """Clusters on a store. Private keys are kept there as PEM and loaded once."""

    def __init__(self, store: Store, keys: KeySource, *, admin_token: str) -> None:
        self.admin_token = admin_token
        self._store = store
        self._source = keys
        self._clusters = store.collection("oidc.clusters", Cluster)
        self._keys = store.collection("oidc.keys", ClusterKey)
        self._objects = store.collection("oidc.objects", ApiObject)
        self._bindings = store.collection("oidc.identity-bindings", IdentityBinding)
        self._loaded: dict[str, SigningKey] = {}
        self._jwks: dict[str, Mapping[str, str]] = {}

    # --- clusters

    def put_cluster(self, cluster: Cluster) -> None:
        """Add or change a cluster; a new one gets its first key."""
        self._clusters.put(cluster.name, cluster)
        if not any(key.signs for key in self.keys(cluster.name)):
            self.rotate(cluster.name)

    def cluster(self, name: str) -> Cluster:
        """Raises `KeyError` for a name that nobody put."""
        found = self._clusters.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def clusters(self) -> Iterator[Cluster]:
        """In the order in which they were put: kubernetes.default.svc is the first one's."""
        return self._clusters.values()

    # --- identity bindings

    def put_identity_binding(self, binding: IdentityBinding) -> None:
        """Add or change a binding; the first one of an identity makes the identity's issuer."""
        self._bindings.put(f"{binding.cluster}/{binding.name}", binding)
        self.put_cluster(Cluster(binding.issuer_name, binding.issuer))

    def identity_bindings(self, cluster: str) -> Iterator[IdentityBinding]:
        return (binding for binding in self._bindings.values() if binding.cluster == cluster)

    # --- keys

    def keys(self, cluster: str) -> list[ClusterKey]:
        """All keys of `cluster`, oldest first, published or not."""
        mine = (key for key in self._keys.values() if key.cluster == cluster)
        return sorted(mine, key=lambda key: key.number)

    def signing_key(self, cluster: str) -> SigningKey:
        """The key that signs new tokens. Raises `KeyError` for an unknown cluster."""
        for key in self.keys(cluster):
            if key.signs:
                return self._load(key)
        raise KeyError(cluster)

    def import_key(self, cluster: str, pem: str) -> SigningKey:
        """Sign with a key that was made elsewhere: a real API server's `sa.key`, so that both publish it.

        Call it before `put_cluster`, which makes a key of its own where there is none. A key that is
        known already changes nothing, so that a restart does not undo a rotation; of earlier keys JWKS
        goes on showing what it showed.
        """
        new = signing_key(self._source.load(pem))
        before = self.keys(cluster)
        if any(key.kid == new.kid for key in before):
            return new
        number = before[-1].number + 1 if before else 1
        for key in before:
            self._put_key(replace(key, signs=False))
        self._loaded[new.kid] = new
        self._put_key(ClusterKey(cluster, new.kid, new.pem().decode(), number, signs=True, published=True))
        return new

    def rotate(self, cluster: str, *, keep_old: bool = True) -> SigningKey:
        """Sign with a new key from now on. With `keep_old` JWKS goes on showing the earlier ones.

        Without overlap, tokens signed before can no longer be verified by who fetches the keys now.
        """
        self.cluster(cluster)
        before = self.keys(cluster)
        number = before[-1].number + 1 if before else 1
        new = signing_key(self._source.rsa(f"oidc/{cluster}/{number}"))
        for key in before:
            self._put_key(replace(key, signs=False, published=key.published and keep_old))
        self._loaded[new.kid] = new
        self._put_key(ClusterKey(cluster, new.kid, new.pem().decode(), number, signs=True, published=True))
        return new

    def drop_key(self, cluster: str, kid: str) -> bool:
        """Take a key out of JWKS; the signing key goes on signing. False when there is no such key."""
        return self._set_published(cluster, kid, published=False)

    def publish_key(self, cluster: str, kid: str) -> bool:
        """Show a dropped key in JWKS again. False when there is no such key."""
        return self._set_published(cluster, kid, published=True)

    def publish_only(self, cluster: str, kids: frozenset[str]) -> None:
        """Show these keys in JWKS and no others; keys that were never here can't be shown."""
        for key in self.keys(cluster):
            if key.published != (key.kid in kids):
                self._put_key(replace(key, published=key.kid in kids))

    def published(self, cluster: str) -> list[Mapping[str, str]]:
        """The JWKS entries of `cluster`."""
        entries: list[Mapping[str, str]] = []
        for key in self.keys(cluster):
            if key.published:
                if key.kid not in self._jwks:
                    self._jwks[key.kid] = documents.jwk(key.kid, self._load(key).public)
                entries.append(self._jwks[key.kid])
        return entries

    def _set_published(self, cluster: str, kid: str, *, published: bool) -> bool:
        for key in self.keys(cluster):
            if key.kid == kid:
                self._put_key(replace(key, published=published))
                return True
        return False

    def _put_key(self, key: ClusterKey) -> None:
        self._keys.put(f"{key.cluster}/{key.kid}", key)

    def _load(self, key: ClusterKey) -> SigningKey:
        loaded = self._loaded.get(key.kid)
        if loaded is None:
            loaded = self._loaded[key.kid] = SigningKey(key.kid, self._source.load(key.pem))
        return loaded

    # --- Kubernetes objects

    def put_object(
        self, cluster: str, resource: Resource, namespace: str, name: str,
        manifest: Mapping[str, Any], *, new_uid: str, created: str,
    ) -> tuple[ApiObject, bool]:  # fmt: skip
        """Create or replace an object; True when it is new.

        `metadata.uid` is the manifest's, else that of the object before, else `new_uid`; likewise
        `creationTimestamp` with `created` (RFC 3339).
        """
        key = _key(cluster, resource, namespace, name)
        before = self._objects.get(key)
        old = before.manifest.get("metadata", {}) if before else {}
        given = manifest.get("metadata", {})
        metadata = {**given, "name": name, **({"namespace": namespace} if namespace else {})}
        metadata["uid"] = given.get("uid") or old.get("uid") or new_uid
        metadata["creationTimestamp"] = (
            given.get("creationTimestamp") or old.get("creationTimestamp") or created
        )
        metadata["resourceVersion"] = str(self._store.revision + 1)
        found = ApiObject(resource, namespace, name, metadata["uid"], {**manifest, "metadata": metadata})
        self._objects.put(key, found)
        return found, before is None

    def get_object(self, cluster: str, resource: Resource, namespace: str, name: str) -> ApiObject | None:
        return self._objects.get(_key(cluster, resource, namespace, name))

    def delete_object(self, cluster: str, resource: Resource, namespace: str, name: str) -> bool:
        """False when it was not there."""
        return self._objects.delete(_key(cluster, resource, namespace, name))

    def list_objects(self, cluster: str, resource: Resource, namespace: str) -> list[ApiObject]:
        prefix = _key(cluster, resource, namespace, "")
        return [found for key, found in self._objects.items() if key.startswith(prefix)]


def _key(cluster: str, resource: str, namespace: str, name: str) -> str:
    return f"{cluster}/{resource}/{namespace}/{name}"
