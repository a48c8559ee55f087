"""Views of the traffic check (gate): what it wants, and how it goes."""

from typing import Annotated

from pydantic import Field

from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.gate import GateBounds, GateFigures
from tandem.domain.live_metrics import TopError
from tandem.rest.parameters import Document
from tandem.rest.views import Moment


class GateView(Document):
    """When a load counts as real and healthy: the values that hold, defaults included."""

    min_samples: int
    min_seconds: int
    min_throughput: float | None
    max_error_rate: float
    timeout_sec: int

    @classmethod
    def of(cls, bounds: GateBounds) -> "GateView":
        return cls.model_construct(
            min_samples=bounds.min_samples,
            min_seconds=bounds.min_seconds,
            min_throughput=bounds.min_throughput,
            max_error_rate=bounds.max_error_rate,
            timeout_sec=bounds.timeout_sec,
        )


class TopErrorView(Document):
    """The most frequent error so far: JMeter's response code and message, and how many requests ended in it."""

    code: str
    message: str
    count: int

    @classmethod
    def of(cls, error: TopError) -> "TopErrorView":
        return cls.model_construct(code=error.code, message=error.message, count=error.count)


class GateFiguresView(Document):
    """What was measured: requests of main thread groups in so many whole seconds, and rates of the last 3 of them."""

    samples: int
    seconds: int
    requests_per_sec: float | None
    error_rate: float | None
    top_error: TopErrorView | None
    set_up_samples: Annotated[int, Field(description="Of set-up thread groups, which prove no load.")]
    silent_engines: list[str]

    @classmethod
    def of(cls, figures: GateFigures) -> "GateFiguresView":
        recent, top = figures.recent, figures.top_error
        return cls.model_construct(
            samples=figures.samples,
            seconds=figures.seconds,
            requests_per_sec=None if recent is None else round(recent.requests_per_sec, 3),
            error_rate=None if recent is None or recent.samples == 0 else round(recent.error_rate, 4),
            top_error=None if top is None else TopErrorView.of(top),
            set_up_samples=figures.set_up_samples,
            silent_engines=list(figures.silent),
        )


class GateProgressView(Document):
    """How the traffic check of a task goes, or went. ``measured`` is at most some seconds old; null before a look."""

    measured: GateFiguresView | None
    wanted: GateView
    until: Annotated[Moment | None, Field(description="When the load must be proven; null before an engine took it.")]
    proven_at: Moment | None

    @classmethod
    def of(cls, run: ExperimentRun) -> "GateProgressView | None":
        """None for a task from before there were plans."""
        if run.plan is None:
            return None
        figures = run.gate_figures
        return cls.model_construct(
            measured=None if figures is None else GateFiguresView.of(figures),
            wanted=GateView.of(run.plan.strategy.gate.bounds),
            until=None if run.load_accepted_at is None else run.gate_deadline,
            proven_at=run.load_proven_at,
        )
