"""The script API. Its one source is `client/aio`; `client/sync` is written from it by `scripts/docs`."""
