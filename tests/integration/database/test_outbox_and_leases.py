"""Messages leave at least once; a lease has one holder and ends by itself."""

from datetime import timedelta

from tandem.adapters.database.transactions import SqlDatabase

from tests.factories.experiments import NOON, run, seconds_after_noon

SOON = timedelta(seconds=30)


def test_a_claimed_message_is_nobody_elses_until_its_time_comes_again(database: SqlDatabase) -> None:
    database.write(lambda uow: uow.runs.add(run()))
    [claimed] = database.write(lambda uow: uow.outbox.claim(10, NOON, NOON + SOON))
    assert claimed.message.body["to"] == "PENDING"
    assert database.write(lambda uow: uow.outbox.claim(10, seconds_after_noon(29), NOON + SOON)) == []
    [again] = database.write(lambda uow: uow.outbox.claim(10, seconds_after_noon(31), NOON + 2 * SOON))
    assert (again.message_id, again.attempts) == (claimed.message_id, 2)


def test_a_message_that_arrived_does_not_come_again(database: SqlDatabase) -> None:
    database.write(lambda uow: uow.runs.add(run()))
    [claimed] = database.write(lambda uow: uow.outbox.claim(10, NOON, NOON + SOON))
    database.write(lambda uow: uow.outbox.remove([claimed.message_id]))
    assert database.write(lambda uow: uow.outbox.claim(10, seconds_after_noon(99), NOON + SOON)) == []


def test_a_removal_that_is_repeated_meets_no_younger_message(database: SqlDatabase) -> None:
    """Its first answer was lost, and meanwhile somebody else's message came."""
    database.write(lambda uow: uow.runs.add(run()))
    [first] = database.write(lambda uow: uow.outbox.claim(10, NOON, NOON + SOON))
    database.write(lambda uow: uow.outbox.remove([first.message_id]))
    database.write(lambda uow: uow.runs.add(run(task_id="ldtask_2", experiment_task_id="et-2")))
    database.write(lambda uow: uow.outbox.remove([first.message_id]))
    [younger] = database.write(lambda uow: uow.outbox.claim(10, NOON, NOON + SOON))
    assert younger.message.body["taskId"] == "ldtask_2"


def test_a_lease_has_one_holder_until_it_ends(database: SqlDatabase) -> None:
    def take(holder: str, second: float) -> bool:
        now = seconds_after_noon(second)
        return database.write(lambda uow: uow.leases.acquire("sync", holder, now, now + SOON))

    assert take("first", 0)
    assert not take("second", 1)
    assert take("first", 2)
    assert take("second", 33)
    assert not take("first", 34)


def test_a_lease_that_was_given_back_is_free(database: SqlDatabase) -> None:
    database.write(lambda uow: uow.leases.acquire("sync", "first", NOON, NOON + SOON))
    database.write(lambda uow: uow.leases.release("sync", "second", NOON, done=False))
    assert not database.write(lambda uow: uow.leases.acquire("sync", "second", NOON, NOON + SOON))
    database.write(lambda uow: uow.leases.release("sync", "first", NOON, done=True))
    assert database.write(lambda uow: uow.leases.acquire("sync", "second", NOON, NOON + SOON))
