"""Which rows of a result file are requests of the load."""

import pytest
from tandem_samples import TRANSACTION_MESSAGE, GroupKind, SampleKind, SampleSorter, ThreadGroup, ThreadGroups

REQUEST, TRANSACTION, SUB_RESULT = SampleKind.REQUEST, SampleKind.TRANSACTION, SampleKind.SUB_RESULT
WHOLE = TRANSACTION_MESSAGE + " : 2, number of failing samples : 0"
GROUPS = ThreadGroups([ThreadGroup("Users", GroupKind.MAIN), ThreadGroup("Prepare", GroupKind.SETUP)])


@pytest.fixture
def sorter() -> SampleSorter:
    return SampleSorter(GROUPS)


def kinds(sorter: SampleSorter, *rows: tuple[str, str, str, int, int]) -> list[SampleKind]:
    return [sorter.sort(*row).kind for row in rows]


def test_a_request_of_a_main_group_is_load_and_one_of_a_set_up_group_is_not(sorter: SampleSorter) -> None:
    assert sorter.sort("GET /", "OK", "Users 1-1", 0, 5).is_load
    assert not sorter.sort("GET /", "OK", "Prepare 1-1", 0, 5).is_load


def test_a_request_of_an_unknown_thread_is_load_and_said_to_be_untold(sorter: SampleSorter) -> None:
    untold = sorter.sort("GET /", "OK", "pool-1-thread-3", 0, 5)
    assert untold.is_load
    assert not untold.matched


def test_a_transaction_is_told_by_its_message_and_is_no_load(sorter: SampleSorter) -> None:
    row = sorter.sort("Checkout", WHOLE, "Users 1-1", 0, 5)
    assert row.kind is TRANSACTION
    assert not row.is_load


def test_a_transaction_that_the_end_cut_is_one_when_its_label_was_one_before(sorter: SampleSorter) -> None:
    assert kinds(
        sorter,
        ("Checkout", "", "Users 1-1", 0, 5),
        ("Checkout", WHOLE, "Users 1-1", 10, 5),
        ("Checkout", "", "Users 1-2", 20, 5),
        ("Checkout", "OK", "Users 1-2", 30, 5),
    ) == [REQUEST, TRANSACTION, TRANSACTION, REQUEST]


def test_numbered_rows_within_the_request_before_them_are_its_parts(sorter: SampleSorter) -> None:
    assert kinds(
        sorter,
        ("Login", "OK", "Users 1-1", 100, 50),
        ("Login", "OK", "Users 1-2", 110, 20),
        ("Login-0", "Found", "Users 1-1", 100, 20),
        ("Login-0", "Found", "Users 1-2", 110, 10),
        ("Login-1", "OK", "Users 1-1", 121, 29),
        ("Login", "OK", "Users 1-1", 151, 9),
    ) == [REQUEST, REQUEST, SUB_RESULT, SUB_RESULT, SUB_RESULT, REQUEST]


@pytest.mark.parametrize(
    "row",
    [
        ("Step-0", "OK", "Users 1-2", 100, 50),  # another thread
        ("Step-0", "OK", "Users 1-1", 150, 51),  # ends later
        ("Step-0", "OK", "Users 1-1", 99, 50),  # began earlier
        ("Step-00", "OK", "Users 1-1", 100, 50),
        ("Step-", "OK", "Users 1-1", 100, 50),
        ("Step", "OK", "Users 1-1", 100, 50),
        ("Other-0", "OK", "Users 1-1", 100, 50),
    ],
)
def test_a_row_that_is_not_certainly_a_part_is_a_request(
    sorter: SampleSorter, row: tuple[str, str, str, int, int]
) -> None:
    assert kinds(sorter, ("Step", "OK", "Users 1-1", 100, 100), row) == [REQUEST, REQUEST]


def test_without_thread_names_no_row_is_a_part_of_another(sorter: SampleSorter) -> None:
    assert kinds(sorter, ("Login", "OK", "", 100, 50), ("Login-0", "OK", "", 100, 50)) == [REQUEST, REQUEST]


def test_parts_of_parts_are_told_by_their_want_of_threads(sorter: SampleSorter) -> None:
    sorter.sort("page", "OK", "Prepare 1-1", 100, 90, 3)
    part = sorter.sort("page-1", "Found", "", 110, 900, 0)
    assert (part.kind, part.group) == (SUB_RESULT, GroupKind.SETUP)
    assert sorter.sort("other-1", "Found", "", 110, 20, 0).kind is REQUEST
    assert sorter.sort("page-1", "Found", "Users 1-9", 110, 900, 3).kind is REQUEST


def test_threads_of_another_file_are_others(sorter: SampleSorter) -> None:
    sorter.sort("Login", "OK", "Users 1-1", 100, 50)
    sorter.begin_file()
    assert sorter.sort("Login-0", "OK", "Users 1-1", 100, 50).kind is REQUEST


def test_a_file_without_messages_has_no_transactions_that_were_cut(sorter: SampleSorter) -> None:
    sorter.sort("Checkout", WHOLE, "Users 1-1", 10, 5)
    assert sorter.sort("Checkout", None, "Users 1-1", 20, 5).kind is REQUEST


@pytest.mark.parametrize("labels", [("Step", "Step-0"), ("Step-12", "Step")])
def test_two_names_of_which_one_may_be_a_part_of_the_other_are_noticed(
    sorter: SampleSorter, labels: tuple[str, str]
) -> None:
    sorter.saw_request("Other-1", GroupKind.MAIN)
    sorter.saw_request(labels[0], GroupKind.MAIN)
    assert not sorter.may_have_parts
    assert sorter.would_have_parts(labels[1])
    sorter.saw_request(labels[1], GroupKind.MAIN)
    assert sorter.may_have_parts


def test_the_requests_within_a_parent_transaction_are_requests(sorter: SampleSorter) -> None:
    assert kinds(
        sorter,
        ("Checkout", WHOLE, "Users 1-1", 100, 90),
        ("Cart", "OK", "Users 1-1", 100, 40),
        ("Cart-0", "Found", "Users 1-1", 100, 20),
        ("Pay", "OK", "Users 1-1", 140, 50),
    ) == [TRANSACTION, REQUEST, SUB_RESULT, REQUEST]


def test_what_is_remembered_of_threads_is_bounded(sorter: SampleSorter) -> None:
    for number in range(30_000):
        assert sorter.sort("Login", "OK", f"Users 1-{number}", number, 5).kind is REQUEST
    assert sorter.sort("Login-0", "OK", "Users 1-29999", 29_999, 5).kind is SUB_RESULT
    assert sorter.sort("Login-0", "OK", "Users 1-0", 0, 5).kind is REQUEST
