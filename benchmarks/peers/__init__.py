"""Fan-out with other libraries; each module is a program: ``python -m benchmarks.peers.NAME URL COMPLETIONS``."""
