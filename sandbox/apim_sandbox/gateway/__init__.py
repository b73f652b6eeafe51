"""The reference self-hosted gateway: signs in, fetches its configuration, serves the APIs it was given."""
