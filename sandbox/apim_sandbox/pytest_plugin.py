"""pytest fixtures for other people's test suites; nothing heavy is imported until a fixture is used."""
