from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.adapters.jmx.data_file_links import link_data_files
from tandem.adapters.jmx.reader import read_plan
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.plan_facts import FileUse

PLAN = (Path(__file__).parents[2] / "fixtures" / "plans" / "with_data_file.jmx").read_bytes()
STORED = "/data/uploads/data/users_20260102_030405_0a1b2c3d.csv"


def linked(plan: bytes, links: dict[str, str], size: int = 65_536) -> bytes:
    def open_plan() -> Iterator[bytes]:
        return (plan[i : i + size] for i in range(0, len(plan), size))

    return b"".join(link_data_files(open_plan, links))


def test_the_engines_path_takes_the_place_of_the_name_and_nothing_else_changes() -> None:
    assert PLAN.count(b"data/users.csv") == 1
    assert linked(PLAN, {"users.csv": STORED}) == PLAN.replace(b"data/users.csv", STORED.encode())


def test_a_plan_in_which_nothing_matches_is_passed_on_as_it_is() -> None:
    assert linked(PLAN, {"others.csv": STORED}) == PLAN


@pytest.mark.parametrize(
    "written",
    [
        "users.csv",
        "C:\\tests\\users.csv",
        "${__P(dataDir,.)}/users.csv",
        "<![CDATA[data/users.csv]]>",
        "data/<!-- here -->users.csv",
        "&#117;sers.csv",
    ],
)
def test_every_way_to_write_the_name_is_linked(written: str) -> None:
    plan = PLAN.replace(b"data/users.csv", written.encode())
    assert linked(plan, {"users.csv": STORED}) == PLAN.replace(b"data/users.csv", STORED.encode())


@pytest.mark.parametrize("written", ["", "${file}", "data/${user}.csv", "users.csv.bak"])
def test_a_name_that_is_not_the_files_stays(written: str) -> None:
    plan = PLAN.replace(b"data/users.csv", written.encode())
    assert linked(plan, {"users.csv": STORED}) == plan


def test_a_file_name_of_another_element_stays() -> None:
    plan = PLAN.replace(b"CSVDataSet", b"ResultCollector")
    assert linked(plan, {"users.csv": STORED}) == plan


@pytest.mark.parametrize(
    "element",
    [
        '<HTTPSamplerProxy><elementProp name="HTTPsampler.Files" elementType="HTTPFileArgs"><collectionProp '
        'name="HTTPFileArgs.files"><elementProp name="f" elementType="HTTPFileArg"><stringProp name="File.path">%s'
        "</stringProp></elementProp></collectionProp></elementProp></HTTPSamplerProxy>",
        '<IncludeController><stringProp name="IncludeController.includepath">%s</stringProp></IncludeController>',
        '<JSR223Sampler><stringProp name="filename">%s</stringProp></JSR223Sampler>',
        '<com.blazemeter.jmeter.RandomCSVDataSetConfig><stringProp name="filename">%s</stringProp>'
        "</com.blazemeter.jmeter.RandomCSVDataSetConfig>",
    ],
)
def test_files_that_are_sent_included_or_run_are_linked_too(element: str) -> None:
    def plan(path: str) -> bytes:
        tree = element % path
        return f"<jmeterTestPlan><hashTree>{tree}<hashTree/></hashTree></jmeterTestPlan>".encode()

    assert linked(plan("C:/in/body.bin"), {"body.bin": STORED}) == plan(STORED)


def test_a_disabled_data_set_is_linked_too() -> None:
    plan = PLAN.replace(b'testname="Accounts" enabled="true"', b'testname="Accounts" enabled="false"')
    assert STORED.encode() in linked(plan, {"users.csv": STORED})


def test_a_path_is_escaped_for_xml_and_for_jmeter() -> None:
    result = linked(PLAN, {"users.csv": "/data/a & <b>/${x}.csv"})
    assert b'filename">/data/a &amp; &lt;b&gt;/${__char(36)}{x}.csv</' in result
    facts = read_plan([result])
    assert [fact.file_name for fact in facts.files if fact.use is FileUse.CSV_DATA] == [
        "/data/a & <b>/${__char(36)}{x}.csv"
    ]


def test_a_plan_that_changes_between_the_two_passes_is_refused() -> None:
    passes = iter([PLAN, PLAN[:500]])
    with pytest.raises(InvalidTestPlan, match="changed"):
        b"".join(link_data_files(lambda: [next(passes)], {"users.csv": STORED}))


def test_a_damaged_plan_is_refused_before_the_first_byte() -> None:
    with pytest.raises(InvalidTestPlan):
        link_data_files(lambda: [PLAN[:1000]], {"users.csv": STORED})


NAMES = ("users.csv", "goods.csv", "用户.csv", "other.txt")
PIECES = st.one_of(
    st.sampled_from(NAMES).map(
        lambda name: (
            f'<CSVDataSet testname="d"><stringProp name="filename">a/{name}</stringProp></CSVDataSet><hashTree/>'
        )
    ),
    st.sampled_from(NAMES).map(
        lambda name: f'<Other testname="d"><stringProp name="filename">a/{name}</stringProp></Other><hashTree/>\r\n'
    ),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="<>&]-\ufffe\uffff"), max_size=20
    ).map(lambda text: f"<!--{text}-->  "),
)


@given(
    pieces=st.lists(PIECES, max_size=12),
    paths=st.dictionaries(st.sampled_from(NAMES), st.text("ab/&<é文 ", min_size=1, max_size=12), max_size=3),
    size=st.integers(1, 80),
)
def test_only_the_matching_names_change_however_the_plan_is_cut(
    pieces: list[str], paths: dict[str, str], size: int
) -> None:
    frame = ("<?xml version='1.0'?>\r\n<jmeterTestPlan><hashTree>\t", "</hashTree></jmeterTestPlan>\n\n")
    plan = frame[0] + "".join(pieces) + frame[1]
    expected = frame[0]
    for piece in pieces:
        for name, path in paths.items():
            if piece.startswith("<CSVDataSet"):
                written = path.replace("&", "&amp;").replace("<", "&lt;")
                piece = piece.replace(f">a/{name}<", f">{written}<")
        expected += piece
    assert linked(plan.encode(), paths, size) == (expected + frame[1]).encode()
