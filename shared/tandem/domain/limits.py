"""The time limits of the orchestration, in seconds (orchestration.md, "Time limits"); settings may change them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``start``: how long a start on the engine is tried. ``grace``: what a load may last beyond its duration.
    ``engine_start``: how much earlier we start for a fault at a fixed time. ``gate_poll``: between two looks at the
    load. ``gate_budget``: how long one invocation looks before it hands over to the next. ``start_settles``: after
    this an unanswered start that the engine does not list will not turn up any more. ``stop_claim``: for how long
    one worker has a stop for itself. ``sweep_budget``: how long engines are asked; with what a sweep does besides, a
    dead one costs less than 10 s. ``shard_fresh``: how old a part of a sweep may be. ``workflow_lost``: how old a run
    must be before its workflow is looked for.
    ``engine_gone``: so long after its load's end an engine that still cannot be asked is taken for gone, and the run is
    archived without what it has.
    ``dashboard``: how long one invocation waits for JMeter's dashboard of an ended run.
    ``injection_unheard``: so long after the window opened the sweep asks FIS itself about our fault.
    ``runs_per_user``: how many runs one user may have that have not ended, in all namespaces; None: any number.
    ``injection_settles``: after this a fault that FIS does not know was never started.
    """

    start: float = 60
    grace: int = 120
    engine_start: float = 5
    gate_poll: float = 0.25
    gate_budget: float = 840
    start_settles: float = 120
    stop_claim: float = 75
    workflow_lost: float = 30
    injection_unheard: float = 60
    injection_settles: float = 300
    finish_remembered: float = 86_400
    sweep_lease: float = 55
    sweep_budget: float = 9
    sweep_batch: int = 10_000
    shard_fresh: float = 20
    message_batch: int = 500
    message_retry: float = 30
    dashboard: float = 60
    engine_gone: float = 600
    runs_per_user: int | None = None
