# Written by scripts/docs from client/aio: change it there.
"""The script API. Its one source is `client/aio`; `client/sync` is written from it by `scripts/docs`."""
