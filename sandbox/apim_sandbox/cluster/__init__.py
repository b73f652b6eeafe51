"""Where pods run: embedded (no Kubernetes) or on kind (real), behind one protocol."""
