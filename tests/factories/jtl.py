"""JTL files as JMeter writes them, from a list of samples."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DEFAULT_HEADER = [
    "timeStamp",
    "elapsed",
    "label",
    "responseCode",
    "responseMessage",
    "threadName",
    "dataType",
    "success",
    "failureMessage",
    "bytes",
    "sentBytes",
    "grpThreads",
    "allThreads",
    "URL",
    "Latency",
    "IdleTime",
    "Connect",
]


@dataclass(frozen=True)
class Sample:
    """One row; ``start`` in epoch ms, ``elapsed`` in ms."""

    start: int
    elapsed: int
    label: str = "home"
    code: str = "200"
    message: str = "OK"
    success: bool = True
    failure_message: str = ""
    received: int = 500
    sent: int = 100
    threads: int = 5
    thread: str = "Thread Group 1-1"

    @property
    def end(self) -> int:
        return self.start + self.elapsed

    def field(self, column: str) -> str:
        return {
            "timeStamp": str(self.start),
            "elapsed": str(self.elapsed),
            "label": self.label,
            "responseCode": self.code,
            "responseMessage": self.message,
            "threadName": self.thread,
            "dataType": "text",
            "success": "true" if self.success else "false",
            "failureMessage": self.failure_message,
            "bytes": str(self.received),
            "sentBytes": str(self.sent),
            "grpThreads": str(self.threads),
            "allThreads": str(self.threads),
            "URL": "http://target.example/",
            "Latency": str(self.elapsed),
            "IdleTime": "0",
            "Connect": "0",
        }[column]


def jtl(
    samples: Iterable[Sample],
    columns: Sequence[str] = DEFAULT_HEADER,
    header: bool = True,
    line_end: str = "\n",
    delimiter: str = ",",
) -> bytes:
    """The file that holds the samples, in UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
    if header:
        writer.writerow(columns)
    writer.writerows([sample.field(column) for column in columns] for sample in samples)
    return text.getvalue().encode("utf-8", "surrogateescape")
