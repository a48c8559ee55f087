"""The functions' own user, made by the migration: it may read and write rows, and nothing else."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.users import DatabaseUsers, Login

pytestmark = pytest.mark.database


@pytest.fixture
def admin(server_url: str) -> Iterator[Engine]:
    engine = open_engine(Connections(server_url))
    yield engine
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP USER IF EXISTS 'admitted_user'@'%%'")
    engine.dispose()


def as_user(server_url: str, password: str) -> Engine:
    return create_engine(make_url(server_url).set(username="admitted_user", password=password), poolclass=NullPool)


def admit(admin: Engine, password: str, *, tls: bool = False) -> str:
    return DatabaseUsers(admin, Login("admitted_user", password), tls=tls).admit()


def test_it_works_with_rows_and_cannot_touch_the_schema_or_other_schemas(admin: Engine, server_url: str) -> None:
    assert admit(admin, "it's a %s 'secret'") == "admitted_user"
    with as_user(server_url, "it's a %s 'secret'").begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO t_chaos_load_test_lease (name, holder, expires_at) VALUES ('x', 'y', NOW())"
        )
        connection.exec_driver_sql("UPDATE t_chaos_load_test_lease SET holder = 'z'")
        connection.exec_driver_sql("DELETE FROM t_chaos_load_test_lease")
        for forbidden in (
            "DROP TABLE t_chaos_load_test_lease",
            "CREATE TABLE mine (id INT)",
            "ALTER TABLE t_chaos_load_test_lease ADD mine INT",
            "SELECT * FROM mysql.user",
            "CREATE USER 'friend'",
        ):
            with pytest.raises((OperationalError, ProgrammingError), match="denied"):
                connection.execute(text(forbidden))


def test_again_is_harmless_and_takes_the_password_as_it_is_now(admin: Engine, server_url: str) -> None:
    for password in ("first", "first", "second"):
        admit(admin, password)
        with as_user(server_url, password).connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
    with pytest.raises(OperationalError, match="denied"):
        as_user(server_url, "first").connect()


def test_tls_is_asked_of_it_where_we_use_it_ourselves(admin: Engine) -> None:
    admit(admin, "first", tls=True)
    with admin.connect() as connection:
        shown = connection.exec_driver_sql("SHOW CREATE USER 'admitted_user'@'%%'").scalar_one()
    assert "REQUIRE SSL" in shown


def test_a_password_that_the_driver_cannot_send_is_refused_before_the_user_is_made(admin: Engine) -> None:
    with pytest.raises(ValueError, match="outside Latin-1") as caught:
        admit(admin, "hunter2 🗝")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    with admin.connect() as connection:
        made = connection.execute(text("SELECT COUNT(*) FROM mysql.user WHERE user = 'admitted_user'"))
        assert made.scalar_one() == 0


def test_a_password_is_in_no_error(admin: Engine) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the server says to a name that is too long
        DatabaseUsers(admin, Login("x" * 300, "hunter2"), tls=False).admit()
    assert "hunter2" not in str(caught.value)
