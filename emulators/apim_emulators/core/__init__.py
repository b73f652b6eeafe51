"""What every emulator shares: vocabulary, time, ids, journal, store, strict JOSE, RBAC, the wire."""
