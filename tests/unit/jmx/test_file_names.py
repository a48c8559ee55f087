import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.domain.errors import InvalidValue
from tandem.domain.file_name import MAX_NAME_BYTES, clean_file_name, has_plan_extension


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plan.jmx", "plan.jmx"),
        ("Plan.JMX", "Plan.JMX"),
        ("../../etc/passwd", "passwd"),
        ("C:\\plans\\a.jmx", "a.jmx"),
        ("a\x00b\n.jmx", "ab.jmx"),
        ("下单 压测.jmx", "下单 压测.jmx"),
        ("evil\u202exmj.exe", "evilxmj.exe"),
        ("${__time()}.csv", "____time()_.csv"),
        (".hidden. ", "hidden"),
        ("a" * 500 + ".jmx", "a" * (MAX_NAME_BYTES - 4) + ".jmx"),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_safe(sent: str, kept: str) -> None:
    assert clean_file_name(sent) == kept


@pytest.mark.parametrize("sent", ["", "..", "a/", "\x00", "///"])
def test_a_name_of_nothing_is_refused(sent: str) -> None:
    with pytest.raises(InvalidValue, match="needs a name"):
        clean_file_name(sent)


@given(st.text(max_size=300))
def test_what_is_clean_stays_as_it_is(sent: str) -> None:
    try:
        clean = clean_file_name(sent)
    except InvalidValue:
        return
    assert clean_file_name(clean) == clean
    assert len(clean.encode()) <= MAX_NAME_BYTES
    assert not set(clean) & set("/\\\x00")


def test_the_extension_of_a_plan_counts_in_any_case() -> None:
    assert has_plan_extension("a.JmX")
    assert not has_plan_extension("a.jmx.txt")
