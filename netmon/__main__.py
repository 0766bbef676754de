"""`python -m netmon` is the `netmon` command."""

import sys

from netmon.cli.app import main

sys.exit(main())
