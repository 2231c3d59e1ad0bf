"""``python -m onchip`` is ``onchip``."""

import sys

from onchip.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
