"""JMeter's result file (JTL) in CSV: the reader of its bytes."""
