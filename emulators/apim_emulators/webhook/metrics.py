"""The webhook's metrics, under their documented names, in the Prometheus text format."""

from collections.abc import Iterator

from msgspec import Struct, field

PATH = "/mutate-v1-pod"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

# pkg/metrics/exporters/prometheus: 1 ms steps, then 10 ms, then 100 ms, then half seconds.
MUTATION_BUCKETS = (
    *(step / 1000 for step in range(1, 10)), *(step / 100 for step in range(1, 10)),
    *(step / 10 for step in range(1, 11)), 1.5, 2.0, 2.5, 3.0,
)  # fmt: skip
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


_MUTATION_HELP = "Distribution of how long it took for the azure-workload-identity mutation request"


class Histogram(Struct):
    """Counts by bucket, seconds."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    count: int = 0

    def observe(self, seconds: float) -> None:
        self.counts = self.counts or [0] * len(self.bounds)
        self.total += seconds
        self.count += 1
        for index, bound in enumerate(self.bounds):
            if seconds <= bound:
                self.counts[index] += 1

    def lines(self, name: str, labels: str) -> Iterator[str]:
        for bound, count in zip(self.bounds, self.counts or [0] * len(self.bounds), strict=True):
            yield f'{name}_bucket{{{labels},le="{bound:g}"}} {count}'
        yield f'{name}_bucket{{{labels},le="+Inf"}} {self.count}'
        yield f"{name}_sum{{{labels}}} {self.total:g}"
        yield f"{name}_count{{{labels}}} {self.count}"


class Metrics(Struct):
    """What has been counted since the start."""

    mutations: dict[str, Histogram] = field(default_factory=dict)
    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BUCKETS))
    codes: dict[int, int] = field(default_factory=lambda: {200: 0, 500: 0})
    in_flight: int = 0

    def mutated(self, namespace: str, seconds: float) -> None:
        """A pod was handled, whatever came of it."""
        self.mutations.setdefault(namespace, Histogram(MUTATION_BUCKETS)).observe(seconds)

    def answered(self, code: int, seconds: float) -> None:
        """A request was answered with an HTTP status, which is not the one inside the response."""
        self.codes[code] = self.codes.get(code, 0) + 1
        self.latency.observe(seconds)

    def text(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        name = "azwi_mutation_request"
        if self.mutations:
            yield f"# HELP {name} {_MUTATION_HELP}"
            yield f"# TYPE {name} histogram"
        for namespace, histogram in sorted(self.mutations.items()):
            shown = namespace.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
            yield from histogram.lines(
                name, f'namespace="{shown}",otel_scope_name="webhook",service_name="webhook"'
            )
        name = "controller_runtime_webhook_latency_seconds"
        yield f"# HELP {name} Histogram of the latency of processing admission requests"
        yield f"# TYPE {name} histogram"
        yield from self.latency.lines(name, f'webhook="{PATH}"')
        name = "controller_runtime_webhook_requests_in_flight"
        yield f"# HELP {name} Current number of admission requests being served."
        yield f"# TYPE {name} gauge"
        yield f'{name}{{webhook="{PATH}"}} {self.in_flight}'
        name = "controller_runtime_webhook_requests_total"
        yield f"# HELP {name} Total number of admission requests by HTTP status code."
        yield f"# TYPE {name} counter"
        for code, count in sorted(self.codes.items()):
            yield f'{name}{{code="{code}",webhook="{PATH}"}} {count}'
