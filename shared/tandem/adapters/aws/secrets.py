"""Secrets Manager: JSON secrets, read when they are needed and never logged."""

import json
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.errors import SecretUnavailable


class SecretsManager:
    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def read(self, arn: str, *needed: str) -> Mapping[str, str]:
        """The secret as it is now, with these keys at least. Raises SecretUnavailable, which tells nothing of it."""
        try:
            text = self._clients.secrets.get_secret_value(SecretId=arn)["SecretString"]
        except (BotoCoreError, ClientError) as error:
            raise SecretUnavailable(f"the secret {arn} cannot be read ({type(error).__name__})") from error
        except KeyError as error:
            raise SecretUnavailable(f"the secret {arn} is no text") from error
        try:
            found = json.loads(text)
        except ValueError:
            # Without its cause: a parser quotes what it could not parse.
            raise SecretUnavailable(f"the secret {arn} is no JSON") from None
        missing = [key for key in needed if not isinstance(found, dict) or not isinstance(found.get(key), str)]
        if missing:
            raise SecretUnavailable(f"the secret {arn} has no {', '.join(missing)}")
        return {name: str(value) for name, value in found.items() if value is not None}
