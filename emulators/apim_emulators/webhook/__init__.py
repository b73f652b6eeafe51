"""azure-workload-identity's mutation of pods, as an admission webhook; its proxy for IMDS clients."""
