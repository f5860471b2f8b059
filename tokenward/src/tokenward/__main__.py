"""``python -m tokenward``: the command."""

import sys

from tokenward.cli import main

sys.exit(main())
