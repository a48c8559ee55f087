"""Tandem: load tests that run in step with chaos experiments."""
