"""The world: what exists in the cloud and the clusters before anything runs."""
