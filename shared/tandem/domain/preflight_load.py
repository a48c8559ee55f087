"""The shape of the load that a plan makes by itself, beside the one that is asked for."""

from tandem.domain.heap_size import heap_bytes
from tandem.domain.plan_facts import PlanElement, ThreadGroupFact
from tandem.domain.preflight_case import SHOWN, Case, LoadShape
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import Finding, FindingCode, Severity
from tandem.domain.word_list import words

# Of these kinds the engine makes the load last as long as the strategy says (docs/engines.md).
_KINDS_THAT_LAST = words(
    "ThreadGroup OpenModelThreadGroup UltimateThreadGroup SteppingThreadGroup ConcurrencyThreadGroup "
    "ArrivalsThreadGroup FreeFormArrivalsThreadGroup"
)
_ENDLESS = 2_147_483_647


def judge_load(case: Case) -> None:
    """Judge the enabled thread groups, one by one and together, and the memory that is asked for."""
    groups = [group for group in case.facts.thread_groups if group.element.enabled]
    main = [group for group in groups if group.is_main]
    if not main:
        first = case.facts.thread_groups[0].element if case.facts.thread_groups else PlanElement("", "", "", 0)
        message = "No thread group is enabled: nothing would run."
        if groups:
            message = "Only set-up or tear-down groups are enabled: there would be no load."
        case.add(FindingCode.NOTHING_ENABLED, Severity.WARN, first, message)
    _judge_threads(case, groups, main)
    for group in groups:
        _judge_time(case, group)
    serialised = case.resolve(case.facts.serialised)
    if len(main) > 1 and serialised.known and serialised.text.strip().lower() == "true":
        message = (
            f"Its {len(main)} thread groups run one after another: the duration is that of all of them together, "
            "and a fault meets only the group that then runs."
        )
        case.add(FindingCode.SERIALISED_GROUPS, Severity.WARN, None, message, groups=len(main))
    if case.shape is not None:
        case.found.extend(heap_findings(case.policy, case.shape))


def _judge_threads(case: Case, groups: list[ThreadGroupFact], main: list[ThreadGroupFact]) -> None:
    limited = case.policy.max_threads is not None
    engines = 1 if case.shape is None else case.shape.engines
    numbers = {id(group): _number(case, group, group.threads, "its number of threads", limited) for group in groups}
    # A number that stands in the plan is that of each engine; the definition's number is divided among them.
    total = sum(
        number * (engines if _written_out(group) else 1)
        for group in groups
        if (number := numbers[id(group)]) is not None
    )
    limit = case.policy.max_threads
    if limit is not None and total > limit:
        on_all = f" on {engines} engines" if engines > 1 else ""
        message = f"The enabled thread groups have {total} threads together{on_all}; {limit} are allowed."
        case.add(FindingCode.TOO_MANY_THREADS, Severity.DENY, groups[0].element, message, threads=total, allowed=limit)
    known = [numbers[id(group)] for group in main]
    if case.shape is None or not any(_written_out(group) for group in main) or None in known:
        return
    written = sum(number for number in known if number is not None)
    if written != case.shape.threads or engines > 1:
        each = f" on each of {engines} engines" if engines > 1 else ""
        message = (
            f"The plan's thread groups have {written} threads{each}, written out; the definition's "
            f"{case.shape.threads} do not reach it. It follows the definition with ${{__P(threads)}}."
        )
        case.add(
            FindingCode.THREADS_WRITTEN_OUT,
            Severity.WARN,
            main[0].element,
            message,
            threads=written,
            asked=case.shape.threads,
            engines=engines,
        )


def _judge_time(case: Case, group: ThreadGroupFact) -> None:
    _judge_duration(case, group)
    if group.is_main:
        _judge_loops(case, group)
        _judge_delay(case, group)
        _judge_ramp_up(case, group)
        if group.element.kind not in _KINDS_THAT_LAST:
            message = "The engine does not know this kind of thread group: it may end before the strategy's duration."
            case.add(FindingCode.NO_SCHEDULER, Severity.WARN, group.element, message, kind=group.element.kind)


def _judge_duration(case: Case, group: ThreadGroupFact) -> None:
    """Of main groups only the strategy's duration counts; set-up and tear-down groups keep their own."""
    limit = case.policy.max_duration_sec
    asked = None if case.shape is None else case.shape.duration_sec
    if group.is_main:
        if limit is not None and asked is not None and asked > limit:
            message = f"It runs for {asked} s; {limit} s are allowed."
            case.add(FindingCode.TOO_LONG, Severity.DENY, group.element, message, seconds=asked, allowed=limit)
        return
    scheduler = case.resolve(group.scheduler)
    if limit is None or (scheduler.known and scheduler.text.strip().lower() != "true"):
        return
    duration = _number(case, group, group.duration, "its duration", limited=True)
    if duration is not None and duration > limit:
        message = f"It runs for {duration} s; {limit} s are allowed."
        case.add(FindingCode.TOO_LONG, Severity.DENY, group.element, message, seconds=duration, allowed=limit)


def _judge_loops(case: Case, group: ThreadGroupFact) -> None:
    loops = _quietly(case, group.loops)
    if loops is None or not 1 <= loops < _ENDLESS or group.element.kind != "ThreadGroup":
        return
    times = "once" if loops == 1 else f"{loops} times"
    if case.shape is not None and case.shape.respect_loops:
        message = f"It goes round {times} and ends then, although the load is to last longer (respectLoops)."
        case.add(FindingCode.FINITE_LOOPS, Severity.WARN, group.element, message, loops=loops, respected="true")
    else:
        message = f"It goes round {times} by itself; the engine repeats it until the duration ends."
        case.add(FindingCode.FINITE_LOOPS, Severity.OK, group.element, message, loops=loops, respected="false")


def _judge_delay(case: Case, group: ThreadGroupFact) -> None:
    scheduler, delay = case.resolve(group.scheduler), _quietly(case, group.delay)
    if delay is None or delay <= 0 or not scheduler.known or scheduler.text.strip().lower() != "true":
        return
    duration = None if case.shape is None else case.shape.duration_sec
    if duration is None:
        message = f"It starts {delay} s late by itself; the engine leaves that out where the load does not last longer."
        case.add(FindingCode.DELAY_OVERRIDDEN, Severity.OK, group.element, message, delay=delay)
    elif delay >= duration:
        message = f"Its start delay of {delay} s is left out: the load lasts {duration} s."
        case.add(FindingCode.DELAY_OVERRIDDEN, Severity.WARN, group.element, message, delay=delay, duration=duration)


def _judge_ramp_up(case: Case, group: ThreadGroupFact) -> None:
    ramp_up = _quietly(case, group.ramp_up)
    if case.shape is None or ramp_up is None or ramp_up <= max(case.shape.ramp_up_sec, 1):
        return
    message = (
        f"It starts its threads over {ramp_up} s by itself, not over the definition's {case.shape.ramp_up_sec} s; "
        "the warm-up lasts as long as that."
    )
    case.add(FindingCode.OWN_RAMP_UP, Severity.OK, group.element, message, rampUp=ramp_up, asked=case.shape.ramp_up_sec)


def heap_findings(policy: PreflightPolicy, shape: LoadShape) -> list[Finding]:
    """A heap size beyond the policy's, which holds for a plan that nobody can read as well."""
    wanted, limit = shape.heap_size, policy.max_heap
    if wanted is None or limit is None or heap_bytes(wanted) <= heap_bytes(limit):
        return []
    message = f"The heap size {wanted} is more than the {limit} that are allowed."
    values = (("heapSize", wanted), ("allowed", limit))
    return [Finding(FindingCode.TOO_MUCH_HEAP, Severity.DENY, "heapSize", "", message, values)]


def _written_out(group: ThreadGroupFact) -> bool:
    return group.threads is not None and "${" not in group.threads


def _quietly(case: Case, expression: str | None) -> int | None:
    value = case.resolve(expression or "")
    text = value.text.strip()
    good = expression is not None and value.known and text.removeprefix("-").isdecimal() and len(text) < 20
    return int(text) if good else None


def _number(case: Case, group: ThreadGroupFact, expression: str | None, what: str, limited: bool) -> int | None:
    """Return the value; None, with a finding where it matters, when it is unknown."""
    number = _quietly(case, expression)
    if number is not None or (expression is None and not limited):
        return number
    # At the upload nothing is amiss: the shape of the load comes with the definition and its strategy.
    if case.properties is not None or limited:
        shown = expression[:SHOWN] if expression else "not given"
        message = f"What {what} will be ({shown}) is not known before the run."
        case.add(FindingCode.UNRESOLVED, case.when_forbidden(limited), group.element, message, what=what, shown=shown)
    return None
