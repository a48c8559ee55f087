"""Tandem on one machine: everything template.yaml defines, run by one process without an AWS account or containers."""
