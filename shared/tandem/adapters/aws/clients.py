"""boto3 clients, made when first needed: making one costs tens of milliseconds of a cold start."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_fis import FISClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


class AwsClients:
    """One client per service. Timeouts are short: what could not be sent stays in the outbox."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def _client(self, service: str) -> Any:
        if service not in self._made:
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=2,
                read_timeout=8,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=32,
                s3={"addressing_style": "path"},
                # Signed URLs: version 4 everywhere, and no checksum of a body that is not known yet.
                signature_version="s3v4" if service == "s3" else None,
                request_checksum_calculation="when_required",
            )
            # A session of its own: the default session is not safe to make clients from several threads.
            self._made[service] = boto3.session.Session().client(service, config=config)  # type: ignore[call-overload]
        return self._made[service]

    @property
    def events(self) -> "EventBridgeClient":
        client: EventBridgeClient = self._client("events")
        return client

    @property
    def fis(self) -> "FISClient":
        client: FISClient = self._client("fis")
        return client

    @property
    def sqs(self) -> "SQSClient":
        client: SQSClient = self._client("sqs")
        return client

    @property
    def step_functions(self) -> "SFNClient":
        client: SFNClient = self._client("stepfunctions")
        return client

    @property
    def s3(self) -> "S3Client":
        client: S3Client = self._client("s3")
        return client

    @property
    def secrets(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = self._client("secretsmanager")
        return client
