"""The demo: one chaos experiment with its load test, from the first event to the table, on this machine."""
