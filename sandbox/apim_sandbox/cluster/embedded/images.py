"""The node's images: which are there, and what a pull policy makes of that."""

from msgspec import Struct, field

from apim_emulators.core.provenance import Behaviour

PULL_POLICY = Behaviour(
    id="kubelet.image-pull-policy",
    label="documented",
    statement="IfNotPresent starts a cached image without looking for a newer one under the same tag; "
    "Never refuses what is not cached.",
    source="Kubernetes, images, image pull policy",
    witness="tests/sandbox/cluster/test_images.py::test_a_cached_rolling_tag_is_not_pulled_again",
)


class ImageCache(Struct):
    """Images that were pulled. Nothing is ever downloaded: pulling means remembering the name."""

    present: set[str] = field(default_factory=set)

    def refusal(self, image: str, policy: str) -> str:
        """Why the kubelet will not start the image; empty when it will."""
        if policy == "Never" and image not in self.present:
            return f'Container image "{image}" is not present with pull policy of Never'
        return ""

    def pulled(self, image: str, policy: str) -> str:
        """Take note of a start; what the kubelet's `Pulled` event says."""
        if image in self.present and policy != "Always":
            return f'Container image "{image}" already present on machine'
        self.present.add(image)
        return f'Successfully pulled image "{image}"'
