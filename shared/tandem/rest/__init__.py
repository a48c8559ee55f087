"""HTTP in and out: parameters, the envelope, views of domain objects and the one map from errors to statuses."""
