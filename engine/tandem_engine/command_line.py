"""The argument vectors of the two calls to JMeter: one that runs a plan, one that builds a dashboard.

There is no shell: each value is one argument, whatever it holds.
"""

import re
from pathlib import Path
from typing import Final

from tandem_engine.execution_request import ExecutionRequest, jvm_argument
from tandem_engine.settings import bytes_of_heap
from tandem_engine.sub_results import needs_sub_results

RUN_MARKER: Final = "-Jtandem.execution.id="
DASHBOARD_MARKER: Final = "-Jtandem.dashboard.id="

# Not the engine's own: a request's properties may ask for the rows of redirects and embedded resources.
_SUB_RESULTS: Final = "jmeter.save.saveservice.subresults"
_GIBIBYTE: Final = 1024**3
_COLLECTOR: Final = re.compile(r"-XX:\+Use\w*GC")


def run_jvm_arguments(request: ExecutionRequest, preferences: Path) -> list[str]:
    """The JVM's arguments for a run: quick to start and small, unless ``jvmArgs`` or a large heap say otherwise."""
    own = [jvm_argument(key, value) for key, value in request.jvm_args.items()]
    heap = bytes_of_heap(request.heap_size)
    arguments = [f"-Xms{min(heap, 128 * 1024**2) // 1024}k", f"-Xmx{request.heap_size}"]
    # Above 4 GiB the pauses of the serial collector would show in the measured response times.
    if heap <= 4 * _GIBIBYTE and not any(_COLLECTOR.fullmatch(argument) for argument in own):
        arguments.append("-XX:+UseSerialGC")
    if not any("TieredStopAtLevel" in argument or "TieredCompilation" in argument for argument in own):
        arguments.append("-XX:TieredStopAtLevel=1")
    return [*arguments, *_headless(preferences), *own]


def run_arguments(
    request: ExecutionRequest, execution_id: str, plan: Path, jtl: Path, log: Path, stop_port: int
) -> list[str]:
    """JMeter's arguments for a run. The last of two ``-J`` with one name wins, so the engine's own come last."""
    given = {_SUB_RESULTS: str(needs_sub_results(plan)).lower(), **request.plan_properties}
    own = {
        "jmeter.save.saveservice.autoflush": "true",
        "jmeter.save.saveservice.default_delimiter": ",",
        "jmeter.save.saveservice.output_format": "csv",
        "jmeter.save.saveservice.print_field_names": "true",
        "jmeter.save.saveservice.successful": "true",
        "jmeter.save.saveservice.thread_counts": "true",
        "jmeter.save.saveservice.time": "true",
        "jmeter.save.saveservice.timestamp_format": "ms",
        # Threads that a plan's own code left behind must not keep a run that is over alive.
        "jmeterengine.force.system.exit": "true",
        "jmeterengine.nongui.port": str(stop_port),
        "jmeterengine.nongui.maxport": str(stop_port),
    }
    return [
        *("-n", "-t", str(plan), "-l", str(jtl), "-j", str(log)),
        *(f"-J{key}={value}" for key, value in given.items()),
        *(f"-J{key}={value}" for key, value in own.items()),
        RUN_MARKER + execution_id,
    ]


def dashboard_jvm_arguments(heap: str, preferences: Path) -> list[str]:
    """The JVM's arguments for building a dashboard."""
    return ["-Xms64m", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *_headless(preferences)]


def dashboard_arguments(execution_id: str, jtl: Path, aside: Path, samples: int) -> list[str]:
    """JMeter's arguments for a dashboard of ``jtl`` in ``aside/report``.

    JMeter computes percentiles over its last 20,000 samples unless the window is larger; ours covers the run, up to
    a million samples, beyond which the memory that it takes would not be bounded.
    """
    return [
        *("-g", str(jtl), "-o", str(aside / "report"), "-j", str(aside / "jmeter.log")),
        f"-Jjmeter.reportgenerator.temp_dir={aside / 'temp'}",
        f"-Jjmeter.reportgenerator.statistic_window={min(max(samples, 20_000), 1_000_000)}",
        DASHBOARD_MARKER + execution_id,
    ]


def _headless(preferences: Path) -> list[str]:
    return ["-Djava.awt.headless=true", f"-Djava.util.prefs.userRoot={preferences}"]
