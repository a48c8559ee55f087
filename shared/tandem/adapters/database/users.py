"""The functions' own database user: who may read and write rows, and nothing else."""

from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from tandem.adapters.database.transactions import outages_wrapped

RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


@dataclass(frozen=True, slots=True)
class Login:
    name: str
    password: str = field(repr=False)


class DatabaseUsers:
    """The Users port, as an administrator of the server. ``tls``: whether users must come over TLS."""

    def __init__(self, engine: Engine, login: Login, *, tls: bool) -> None:
        self._engine = engine
        self._login = login
        self._tls = tls

    def admit(self) -> str:
        """Let the user in with the password as it is now, again if need be.

        Raises DatabaseUnavailable, and ValueError for a password that the functions could not send.
        """
        try:
            self._login.password.encode("latin-1")
        except UnicodeEncodeError:
            # Nothing of it in the message, and no chain: the error of the codec holds the password.
            raise ValueError(
                f"the password of {self._login.name} has characters outside Latin-1, which PyMySQL cannot send: "
                "choose another in the secret"
            ) from None
        account = {"name": self._login.name, "password": self._login.password}
        identified = "IDENTIFIED BY %(password)s" + (" REQUIRE SSL" if self._tls else "")
        with outages_wrapped(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            schema = connection.scalar(text("SELECT DATABASE()"))
            connection.exec_driver_sql(f"CREATE USER IF NOT EXISTS %(name)s@'%%' {identified}", account)
            # The secret may have been changed since.
            connection.exec_driver_sql(f"ALTER USER %(name)s@'%%' {identified}", account)
            connection.exec_driver_sql(f"GRANT {RIGHTS} ON `{schema}`.* TO %(name)s@'%%'", {"name": self._login.name})
        return self._login.name
