"""Crashes, races, clocks and hostile input, with nothing lost and nothing twice: real processes and real kills.

The short form runs with every other test. The long form repeats what depends on chance far more often, and kills before
statements that only read as well::

    HYPOTHESIS_PROFILE=long .venv/bin/python -m pytest -q tests/faults -n 2 -o faulthandler_timeout=3600

Either form ends with a list of what each test saw: how many rounds and kills, how much was lost, how much came twice.
What happened is read from outside the engine: from the rows by plain SQL (:mod:`tests.faults.rows`), and from ledgers,
files to which whoever acts appends a line that is on the disk before it goes on (:mod:`tests.faults.files`).
"""
