"""What stands in for the cloud and for the cluster's identity parts. Never imports `apim_sandbox`."""
