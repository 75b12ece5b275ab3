"""``python -m flowforge_graph`` is ``flowforge-graph``."""

from __future__ import annotations

import sys

from flowforge_graph.cli import main

if __name__ == "__main__":
    sys.exit(main())
