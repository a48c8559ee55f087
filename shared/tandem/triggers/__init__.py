"""What starts a function besides HTTP: workflow steps, events, queue messages and ticks."""
