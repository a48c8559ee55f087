"""The outside world behind the domain's ports; foreign exceptions are wrapped here, once."""
