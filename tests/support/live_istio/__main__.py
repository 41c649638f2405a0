"""Build Istio's programs, if they are not there."""

import sys

from live_istio.programs import NotBuilt, build

try:
    build()
except NotBuilt as error:
    sys.exit(str(error))
