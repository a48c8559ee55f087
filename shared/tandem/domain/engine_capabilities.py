"""What a load engine can load and run, as it says itself, and what follows for a plan that may run on several.

An engine that does not say (the deployed one has no such call), or could not be asked, is not judged: nothing is held
against a plan because of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EngineCapabilities:
    """One engine's answer. None means that the engine does not know it itself (a JMeter behind a launcher script).

    ``elements`` are all names by which a plan can say an element: aliases (``HTTPSamplerProxy``), class names
    (``kg.apc.jmeter.threads.UltimateThreadGroup``) and former class names that its JMeter still reads. ``functions``
    are names such as ``__P``. ``features`` are what the engine does beyond the first contract, a word for each.
    """

    engine: str | None = None
    engine_version: str | None = None
    jmeter_version: str | None = None
    java_version: str | None = None
    elements: frozenset[str] | None = None
    functions: frozenset[str] | None = None
    plug_ins: tuple[str, ...] | None = None
    protocols: tuple[str, ...] | None = None
    features: frozenset[str] = frozenset()

    def lacks_element(self, name: str) -> bool:
        """Whether the engine certainly cannot load an element of this name."""
        return self.elements is not None and name not in self.elements

    def lacks_function(self, name: str) -> bool:
        """Whether the engine certainly does not know this function (``__P``)."""
        return self.functions is not None and name not in self.functions


class CapabilitiesOfEngines(Protocol):
    """What the engines that take loads can do."""

    def by_engine(self) -> Mapping[str, EngineCapabilities | None]:
        """By engine name, of every engine that takes new loads; None: it does not say, or could not be asked in time.

        Never raises an ``EngineError``.
        """
        ...


def engines_without_element(name: str, engines: Mapping[str, EngineCapabilities | None]) -> list[str]:
    """The engines that certainly lack the element: any of them may be the one that a load goes to."""
    return sorted(engine for engine, can in engines.items() if can is not None and can.lacks_element(name))


def engines_without_function(name: str, engines: Mapping[str, EngineCapabilities | None]) -> list[str]:
    """The engines that certainly lack the function."""
    return sorted(engine for engine, can in engines.items() if can is not None and can.lacks_function(name))
