"""Which group a sample's thread belongs to, by the name that JMeter gives it."""

import pytest
from tandem_samples import GroupKind, ThreadGroup, ThreadGroups, ToldGroup, kind_of_element

MAIN, SETUP, TEARDOWN = GroupKind.MAIN, GroupKind.SETUP, GroupKind.TEARDOWN
UNTOLD = ToldGroup(MAIN, matched=False)


def groups(**kinds: str) -> ThreadGroups:
    """``MAIN="Users"``: one group of a kind each."""
    return ThreadGroups([ThreadGroup(name, GroupKind(kind)) for kind, name in kinds.items()])


@pytest.mark.parametrize(
    ("name", "thread"),
    [
        ("Users", "Users 1-1"),
        ("Users", "Users 12-3456"),
        ("用户 组", "用户 组 1-7"),
        ("Users 1-1", "Users 1-1 1-1"),
        ("a-b-3", "a-b-3 2-1"),
        ("", " 1-1"),
        ("two\nlines, a comma", "two\nlines, a comma 1-2"),
        (" spaces ", " spaces  1-1"),
        ("Users", "10.0.0.7:1099-Users 1-1"),
        ("Users", "load-generator-2-Users 1-1"),
        ("Users of ${__P(env, test)}", "Users of prod 1-1"),
        ("Users of ${__P(env, ${default})}", "host:1099-Users of prod 1-1"),
        ("${name}", "whatever 1-1"),
        ("${broken", "${broken 1-1"),
        ("a.b (c)*", "a.b (c)* 1-1"),
    ],
)
def test_a_thread_is_told_by_its_groups_name(name: str, thread: str) -> None:
    assert groups(SETUP=name).kind_of(thread) == ToldGroup(SETUP, matched=True)
    assert groups(TEARDOWN=name).kind_of(thread) == ToldGroup(TEARDOWN, matched=True)
    assert groups(MAIN=name).kind_of(thread) == ToldGroup(MAIN, matched=True)


@pytest.mark.parametrize(
    "thread",
    [
        *("", "Users", "Users 1", "Users 1-", "Users-1", "Users 1-1 ", "Others 1-1"),
        *("xUsers 1-1", "Users1-1", "- Users 1-1", "a b-Users 1-1"),
    ],
)
def test_a_thread_that_fits_no_group_counts_as_load_and_is_untold(thread: str) -> None:
    assert groups(SETUP="Users").kind_of(thread) == UNTOLD


def test_a_name_that_fits_a_main_and_another_group_is_the_main_ones() -> None:
    both = ThreadGroups([ThreadGroup("Login", SETUP), ThreadGroup("Login", MAIN), ThreadGroup("Login", TEARDOWN)])
    assert both.kind_of("Login 1-1").kind is MAIN
    assert groups(SETUP="Login ${n}", MAIN="${n} Login").kind_of("Login Login 1-1").kind is MAIN


def test_a_name_that_fits_set_up_and_tear_down_is_not_load() -> None:
    assert groups(TEARDOWN="Data", SETUP="Data").kind_of("Data 1-1").kind is SETUP


def test_a_name_written_out_goes_before_an_expression_that_could_be_it() -> None:
    known = groups(SETUP="Login", MAIN="${group}")
    assert known.kind_of("Login 1-1").kind is SETUP
    assert known.kind_of("Checkout 1-1") == ToldGroup(MAIN, matched=True)


def test_a_name_that_is_nothing_but_an_expression_takes_only_what_no_other_group_can_be() -> None:
    known = groups(SETUP="${group}", MAIN="Users")
    assert known.kind_of("host:1099-Users 1-1").kind is MAIN
    assert known.kind_of("Login 1-1").kind is SETUP


def test_without_groups_every_thread_is_load_and_the_groups_are_unknown() -> None:
    assert not ThreadGroups().known
    assert ThreadGroups().kind_of("Users 1-1") == UNTOLD
    assert groups(MAIN="Users").known


def test_distinct_names_are_remembered_up_to_a_bound() -> None:
    known = groups(SETUP="Users")
    for number in range(25_000):
        assert known.kind_of(f"Others {number} 1-1") == UNTOLD
    assert known.kind_of("Users 1-1").kind is SETUP


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        ("ThreadGroup", MAIN),
        ("SetupThreadGroup", SETUP),
        ("org.apache.jmeter.threads.PostThreadGroup", TEARDOWN),
        ("org.apache.jmeter.threads.openmodel.OpenModelThreadGroup", MAIN),
        ("kg.apc.jmeter.threads.UltimateThreadGroup", MAIN),
        ("com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup", MAIN),
        ("LoopController", None),
    ],
)
def test_the_kind_of_a_group_is_told_by_its_element(element: str, kind: GroupKind | None) -> None:
    assert kind_of_element(element) is kind
