"""`python -m apim_sandbox.gateway`: what the pod's container runs."""

import sys

from apim_sandbox.gateway.process import main

sys.exit(main())
