"""The settings of the functions, read from the environment once; docs/operations.md lists them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tandem.domain.engine_entry import DEFAULT_ENGINE, EngineEntry, valid_entry
from tandem.domain.heap_size import heap_size_fault
from tandem.domain.limits import Limits
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.target import TargetAllowList


@dataclass(frozen=True, slots=True)
class Settings:
    """``database_url`` is for local use; deployed functions get a secret with username and password.

    Host, port and dbname stand in that secret too, or in the settings of those names. Without a metrics namespace,
    as on one machine, nothing is measured.
    """

    database_url: str | None = None
    database_secret_arn: str | None = None
    database_host: str = ""
    database_port: int = 3306
    database_name: str = "tandem"
    migration_secret_arn: str | None = None
    admit_secret_arn: str | None = None
    migrations_directory: str = "migrations"
    database_ca_file: str | None = None
    database_pool_size: int = 1
    engine_url: str = "http://localhost:8008"
    engine_token_secret_arn: str | None = None
    engine_zone: str = "UTC"
    event_bus: str = "default"
    stop_queue_url: str = ""
    tick_queue_url: str = ""
    shard_queue_url: str = ""
    state_machine_arn: str = ""
    bucket: str = ""
    store_origins: tuple[str, ...] = ()
    retention_days: int = 30
    answer_without_strategy: bool = False
    box_url: str = ""
    box_secret_arn: str | None = None
    metrics_namespace: str | None = None
    service: str = "tandem"
    named_engines: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    preflight: PreflightPolicy = field(default_factory=PreflightPolicy)

    @property
    def engines(self) -> Mapping[str, str]:
        """The URLs of the engines by name: the default one, and those that are named."""
        default = {DEFAULT_ENGINE: self.engine_url} if self.engine_url else {}
        return default | dict(self.named_engines)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read what is set; an empty variable is not. Raises ValueError naming a variable that is no number."""
        given = {name: value for name, value in environment.items() if value.strip()}
        defaults, limits = cls(), Limits()
        return cls(
            database_url=given.get("TANDEM_DATABASE_URL"),
            database_secret_arn=given.get("TANDEM_DATABASE_SECRET_ARN"),
            database_host=given.get("TANDEM_DATABASE_HOST", defaults.database_host),
            database_port=_whole(given, "TANDEM_DATABASE_PORT", defaults.database_port),
            database_name=given.get("TANDEM_DATABASE_NAME", defaults.database_name),
            migration_secret_arn=given.get("TANDEM_MIGRATION_SECRET_ARN"),
            admit_secret_arn=given.get("TANDEM_ADMIT_SECRET_ARN"),
            migrations_directory=given.get("TANDEM_MIGRATIONS_DIRECTORY", defaults.migrations_directory),
            database_ca_file=given.get("TANDEM_DATABASE_CA_FILE"),
            database_pool_size=_whole(given, "TANDEM_DATABASE_POOL_SIZE", defaults.database_pool_size),
            # Whoever names engines need not have a default one.
            engine_url=given.get("TANDEM_ENGINE_URL", "" if "TANDEM_ENGINES" in given else defaults.engine_url).rstrip(
                "/"
            ),
            engine_token_secret_arn=given.get("TANDEM_ENGINE_TOKEN_SECRET_ARN"),
            engine_zone=given.get("TANDEM_ENGINE_ZONE", defaults.engine_zone),
            event_bus=given.get("TANDEM_EVENT_BUS", defaults.event_bus),
            stop_queue_url=given.get("TANDEM_STOP_QUEUE_URL", ""),
            tick_queue_url=given.get("TANDEM_TICK_QUEUE_URL", ""),
            shard_queue_url=given.get("TANDEM_SHARD_QUEUE_URL", ""),
            state_machine_arn=given.get("TANDEM_STATE_MACHINE_ARN", ""),
            bucket=given.get("TANDEM_BUCKET", ""),
            store_origins=_store_origins(given),
            retention_days=_whole(given, "TANDEM_RETENTION_DAYS", defaults.retention_days),
            answer_without_strategy=_flag(given, "TANDEM_ANSWER_WITHOUT_STRATEGY"),
            box_url=given.get("TANDEM_BOX_URL", ""),
            box_secret_arn=given.get("TANDEM_BOX_SECRET_ARN"),
            metrics_namespace=given.get("POWERTOOLS_METRICS_NAMESPACE"),
            service=given.get("POWERTOOLS_SERVICE_NAME", defaults.service),
            preflight=_preflight(given),
            named_engines=_engines(given.get("TANDEM_ENGINES", "")),
            limits=Limits(
                start=_whole(given, "TANDEM_START_SECONDS", int(limits.start)),
                grace=_whole(given, "TANDEM_GRACE_SECONDS", limits.grace),
                engine_start=_whole(given, "TANDEM_ENGINE_START_SECONDS", int(limits.engine_start)),
                engine_gone=_whole(given, "TANDEM_ENGINE_GONE_SECONDS", int(limits.engine_gone)),
                runs_per_user=_limit(given, "TANDEM_MAX_RUNS_PER_USER"),
            ),
        )


def _store_origins(given: Mapping[str, str]) -> tuple[str, ...]:
    """Where a browser sends large files: S3 as boto3 has it; in us-east-1 that is the address without a region."""
    endpoint = given.get("AWS_ENDPOINT_URL_S3") or given.get("AWS_ENDPOINT_URL")
    if endpoint is not None:
        return (endpoint.rstrip("/"),)
    region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or "us-east-1"
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    regional = f"https://s3.{region}.{suffix}"
    return (regional, "https://s3.amazonaws.com") if region == "us-east-1" else (regional,)


def _preflight(given: Mapping[str, str]) -> PreflightPolicy:
    """The preflight's policy; targets are separated by commas. Raises ValueError, InvalidValue."""
    code = given.get("TANDEM_PREFLIGHT_CODE", CodePolicy.WARN).strip().lower()
    if code not in set(CodePolicy):
        raise ValueError(f"TANDEM_PREFLIGHT_CODE must be allow, warn or deny, not {code!r}")
    targets = [entry for entry in given.get("TANDEM_ALLOWED_TARGETS", "").split(",") if entry.strip()]
    return PreflightPolicy(
        code=CodePolicy(code),
        targets=TargetAllowList(targets) if targets else None,
        max_threads=_limit(given, "TANDEM_MAX_THREADS"),
        max_duration_sec=_limit(given, "TANDEM_MAX_DURATION_SECONDS"),
        max_heap=_heap(given.get("TANDEM_MAX_HEAP")),
    )


def _engines(text: str) -> dict[str, str]:
    """``name=url,name=url``. Raises ValueError, InvalidValue."""
    engines: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        name, equals, url = pair.partition("=")
        if not equals or name in engines:
            raise ValueError(f"TANDEM_ENGINES must be name=url,name=url with each name once, not {text!r}")
        engines[name] = (valid_entry(EngineEntry(name, url)).url or "").rstrip("/")
    return engines


def _flag(given: Mapping[str, str], name: str) -> bool:
    """``true`` or ``false``; not set is false. Raises ValueError."""
    value = given.get(name, "false").strip().lower()
    if value not in {"true", "false"}:
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return value == "true"


def _heap(text: str | None) -> str | None:
    if text is None:
        return None
    fault = heap_size_fault(text.strip())
    if fault is not None:
        raise ValueError(f"TANDEM_MAX_HEAP {fault}, not {text!r}")
    return text.strip()


def _limit(given: Mapping[str, str], name: str) -> int | None:
    return _whole(given, name, 0) if name in given else None


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not value.strip().isdecimal():
        raise ValueError(f"{name} must be a whole number of at least 0, not {value!r}")
    return int(value)
