"""A real cluster: made with kind, signing with a key of the sandbox, reached by a kubeconfig of its own."""
