"""What happened, why it failed, and why it will: pure readers of the journal and of manifests."""
