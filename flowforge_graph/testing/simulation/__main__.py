"""``python -m flowforge_graph.testing.simulation``: see :mod:`flowforge_graph.testing.simulation.command`."""

from __future__ import annotations

import sys

from flowforge_graph.testing.simulation.command import main

if __name__ == "__main__":
    sys.exit(main())
