"""A Meter that remembers."""

from tandem.domain.measurements import EngineCall, Values


class RememberingMeter:
    def __init__(self) -> None:
        self.recorded: list[tuple[dict[str, float], EngineCall | None]] = []

    def record(self, values: Values, call: EngineCall | None = None) -> None:
        self.recorded.append((dict(values), call))

    def values_of(self, name: str) -> list[float]:
        """Every value of one metric, in order."""
        return [values[name] for values, _ in self.recorded if name in values]
