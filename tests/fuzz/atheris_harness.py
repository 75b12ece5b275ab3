"""The fuzz targets of this folder driven by atheris, which mutates towards code that no input has reached yet.

Not part of the suite, and atheris is no dependency of it (``pip install atheris``). From the root of the project::

    python -m tests.fuzz.atheris_harness trigger_files -runs=100000

The first word is the name of a target without ``test_``; what follows are options of libFuzzer. It stops at the first
input that fails, with the test's own report.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import atheris
from hypothesis import settings

with atheris.instrument_imports(include=["flowforge_graph", "yaml", "croniter"]):
    from tests.fuzz import test_commands, test_files, test_values

# What one process can run without pytest's fixtures.
TARGETS: dict[str, Callable[..., None]] = {
    name.removeprefix("test_"): target
    for module in (test_values, test_files, test_commands)
    for name, target in vars(module).items()
    if name.startswith("test_") and name != "test_command_lines"
}


def main() -> None:
    """Fuzz the target that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"name one of: {', '.join(sorted(TARGETS))}")
    target = settings(deadline=None)(TARGETS[sys.argv.pop(1)])
    atheris.Setup(sys.argv, target.hypothesis.fuzz_one_input)  # type: ignore[attr-defined]
    atheris.Fuzz()


if __name__ == "__main__":
    main()
