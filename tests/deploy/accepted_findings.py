"""Findings of the security scan that are accepted, each with its reason; one no longer found fails the test too."""

FUNCTIONS = "every function"

ACCEPTED: dict[str, tuple[str | frozenset[str], str]] = {
    "CKV_AWS_116": (
        FUNCTIONS,
        "Asynchronous functions have EventInvokeConfig.OnFailure, their rules a DeadLetterConfig, queues a redrive "
        "(a function's own dead-letter queue is the older way); API and workflow are called synchronously.",
    ),
    "CKV_AWS_173": (
        FUNCTIONS,
        "The environment holds no secret, only names and ARNs of secrets; Lambda encrypts it with its own key.",
    ),
    "CKV_AWS_27": (
        frozenset(
            {
                "StopQueue",
                "StopDeadLetterQueue",
                "LateEventsQueue",
                "FailedEventsQueue",
                "SecondTickQueue",
                "SweepShardQueue",
                "ArchiveQueue",
            }
        ),
        "All queues are encrypted: SqsManagedSseEnabled, which the check does not know.",
    ),
    "CKV_AWS_158": (
        frozenset({"FunctionLogs", "ApiAccessLogs", "WorkflowLogs", "Logs"}),
        "CloudWatch encrypts with its own key; nothing secret is logged that a key of one's own would protect.",
    ),
    "CKV_AWS_18": (
        frozenset({"UploadsBucket"}),
        "Only our functions and pre-signed uploads reach the bucket; CloudTrail data events tell more, where wanted.",
    ),
    "CKV_AWS_111": (
        frozenset({"FunctionBoundary"}),
        "Network interfaces and X-Ray know no resource; a boundary grants nothing by itself.",
    ),
    "CKV_AWS_149": (
        frozenset({"Token"}),
        "The token is read within this account only, as AWS's own key allows; another key would not narrow that.",
    ),
}
