"""What a host sees of the engine: log records as JSON, counters, and the doctor."""
