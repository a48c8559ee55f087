"""Tandem's JMeter engine: one REST API over real JMeter processes, durable across its own death."""

__version__ = "0.1.0"
