"""How fast the package is, measured beside its floors: networkx, the database driver and the disk.

Run ``python -m benchmarks``. Timings decide no test; what both sides computed is compared in every run.
"""
