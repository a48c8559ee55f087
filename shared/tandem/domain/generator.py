"""Whether the load generator itself was the bottleneck: then the figures are its own and not the service's.

Told by errors that only the generator's machine can make: it has no ports, files, buffers or memory left. JMeter gives
a sample that ended in an exception of its own the code "Non HTTP response code: <class>" and the message "Non HTTP
response message: <text>" (org.apache.jmeter.protocol.http.sampler.HTTPSamplerBase.errorResult), so an answer of the
service cannot be taken for one. Silence tells nothing: a generator that stands still (a garbage collection) and a
service that does leave the same gaps in a result file.
"""

from dataclasses import dataclass

from tandem.domain.samples import CountedSamples, ErrorKind

LEAST_SHARE = 0.01
"""Of all samples: fewer such errors do not move the figures."""

_OF_JMETER = "Non HTTP response code: "
_SIGNS = (
    "java.net.bindexception",
    "java.lang.outofmemoryerror",
    "cannot assign requested address",
    "address already in use",
    "too many open files",
    "no buffer space available",
    "unable to create native thread",
    "unable to create new native thread",
)


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """So many samples failed for want of something on the generator's own machine; ``kind`` is the commonest error."""

    samples: int
    kind: ErrorKind


def exhaustion(counted: CountedSamples) -> Exhaustion | None:
    """What the generator ran out of; None when nothing says so."""
    found = {kind: count for kind, count in counted.errors.items() if _is_sign(kind)}
    total = sum(found.values())
    if not total or total < LEAST_SHARE * counted.overall.samples:
        return None
    return Exhaustion(total, max(found, key=lambda kind: (found[kind], kind)))


def _is_sign(kind: ErrorKind) -> bool:
    text = f"{kind.code} {kind.message}".lower()
    return kind.code.startswith(_OF_JMETER) and any(sign in text for sign in _SIGNS)
