"""How a sandbox is served live: one process or several, the TLS edge and proxy, certificates."""
