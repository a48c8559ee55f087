"""Findings of `make scan` that are accepted, each with its reason; one no longer found fails the test too."""

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

# By kind and policy (parliament, whose knowledge of AWS is of its own release).
ACCEPTED_PERMISSIONS: dict[tuple[str, str], str] = {
    ("RESOURCE_STAR", "FunctionBoundary.PolicyDocument"): (
        "Network interfaces have no resource known in advance; the functions' own code is denied them."
    ),
    ("UNKNOWN_CONDITION_FOR_ACTION", "FunctionBoundary.PolicyDocument"): (
        "lambda:SourceFunctionArn is carried by every call of a function's code, to whatever service (Lambda's guide)."
    ),
    ("RESOURCE_STAR", "AlarmKey.KeyPolicy"): "In a key's own policy * is this key.",
    ("RESOURCE_MISMATCH", "FunctionBoundary.PolicyDocument"): (
        "As in SendMessages and SyncTasksFunctionRole, whose ceiling it is."
    ),
    ("RESOURCE_MISMATCH", "SendMessages.PolicyDocument"): (
        "states:SendTaskSuccess is granted on the state machine, as the AWS CDK does; the reference names no resource."
    ),
    ("RESOURCE_MISMATCH", "SyncTasksFunctionRole.SyncTasksFunctionRolePolicy3"): (
        "states:ListExecutions takes a state machine (service reference); parliament knows map runs only."
    ),
    ("RESOURCE_MISMATCH", "SyncTaskShardFunctionRole.SyncTaskShardFunctionRolePolicy3"): (
        "states:ListExecutions takes a state machine (service reference); parliament knows map runs only."
    ),
    ("RESOURCE_MISMATCH", "ExperimentLoadTestStateMachineRole.ExperimentLoadTestStateMachineRolePolicy0"): (
        "fis:StartExperiment needs template and experiment, each under a condition of its own: two statements."
    ),
}

# By check and file or directory (bandit). What ruff finds as well is accepted in its line, by a noqa with a reason.
ACCEPTED_IN_CODE: dict[tuple[str, str], str] = {
    ("B404", "engine/"): "It runs JMeter. Each call is looked at by B602, B603 and others.",
    (
        "B603",
        "engine/",
    ): "JMeter and Java with arguments in a list, without a shell; preflight judges the plan.",
    ("B406", "engine/tandem_engine/plan_edits.py"): "It takes the writers of xml.sax.saxutils, which read nothing.",
    ("B406", "engine/tandem_engine/run_time_plan.py"): "It takes the writers of xml.sax.saxutils, which read nothing.",
    ("B404", "local/"): "The local stack starts servers. Each call is looked at by B602, B603 and others.",
    ("B603", "local/"): "The project's own programs on a developer's machine, arguments in a list, without a shell.",
    ("B404", "scripts/"): "As in local/.",
    ("B105", "local/environment.py"): "The keys of moto, which takes any.",
}
