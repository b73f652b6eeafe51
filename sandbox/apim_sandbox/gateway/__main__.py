"""`python -m apim_sandbox.gateway`: what the pod's container runs."""

import sys

from apim_sandbox.lean import without_unused

without_unused()

from apim_sandbox.gateway.process import main  # noqa: E402  after what it must not import

sys.exit(main())
