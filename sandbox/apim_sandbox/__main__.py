"""`python -m apim_sandbox` is `apim-sandbox`."""

from apim_sandbox.cli import main

main()
