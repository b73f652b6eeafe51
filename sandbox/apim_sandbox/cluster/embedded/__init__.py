"""A cluster without Kubernetes: admits manifests, mutates pods, projects tokens, starts the gateway.

It does what the article's manifest, the Helm chart's render and the known failures need; anything
else is kept and listed as not acted on. It is not a second Kubernetes: kind is for that.
"""
