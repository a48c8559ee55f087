import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.domain.errors import InvalidValue
from tandem.domain.target import TargetAllowList, canonical_host


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("Shop.Example.COM.", "shop.example.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("１２７。0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("::1%eth0", "::1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ｓｈｏｐ.example", "shop.example"),
    ],
)
def test_every_spelling_of_a_host_has_one_form(written: str, host: str) -> None:
    assert canonical_host(written) == host


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "a..b",
        "user@evil",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a b",
        "a:80",
        "0177.0.0.1",
        "256.1.1.1",
        "1.2.3.4.5",
        "%65",
    ],
)
def test_what_is_no_host_has_no_form(written: str) -> None:
    assert canonical_host(written) is None


@given(st.integers(0, 2**32 - 1))
def test_numbers_of_any_base_are_the_address_that_they_reach(value: int) -> None:
    dotted = ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
    assert canonical_host(dotted) == canonical_host(str(value)) == canonical_host(hex(value)) == dotted


@given(st.text(max_size=40))
def test_any_text_has_a_form_of_its_own_or_none(text: str) -> None:
    host = canonical_host(text)
    assert host is None or canonical_host(host) == host


def test_the_list_allows_names_suffixes_addresses_and_networks() -> None:
    allowed = TargetAllowList(["Shop.example", "*.test.example", "10.0.0.0/8", "fd00::/8", "192.0.2.7"])
    assert all(
        map(allowed.allows, ["shop.example", "a.test.example", "b.a.test.example", "10.9.9.9", "fd00::1", "192.0.2.7"])
    )
    assert not any(
        map(allowed.allows, ["test.example", "eviltest.example", "shop.example.evil", "11.0.0.1", "fe80::1"])
    )


def test_every_wrong_entry_is_named() -> None:
    with pytest.raises(InvalidValue) as caught:
        TargetAllowList(["ok.example", "a b", "10.0.0.0/99", "*.10.0.0.1"])
    assert len(caught.value.details) == 3
