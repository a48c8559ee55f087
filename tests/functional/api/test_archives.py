"""A ZIP of a plan and its files is one upload."""

import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.factories.api_events import ALICE, post_file
from tests.functional.conftest import Answer, Api, send, stored_objects

PLANS = Path(__file__).parents[2] / "fixtures" / "plans"
PLAN = (PLANS / "with_data_file.jmx").read_bytes()


def archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return packed.getvalue()


def uploaded(content: bytes, name: str = "all.zip") -> Answer:
    return send("upload_jmx_file", post_file(content, name, ALICE, {}))


def test_plan_and_files_become_uploads_that_a_definition_takes(api: Api) -> None:
    result = uploaded(archive({"shop/plan.jmx": PLAN, "shop/data/users.csv": b"a,b\n", "__MACOSX/x": b""})).result

    assert (result["originalFileName"], result["fileType"]) == ("plan.jmx", "jmx")
    assert [path.rpartition("/")[2] for path in result["dataFiles"]] == ["users.csv"]
    assert len(stored_objects()) == 2
    assert "DATA_FILE_MISSING" not in str(result["preflight"])
    answer = api.post(
        "create_load_test_definition",
        name="d",
        endpoint="http://127.0.0.1",
        entry="JMX",
        contentRef=result["uploadPath"],
        dataFiles=result["dataFiles"],
    )
    assert answer.status == 200, answer.text


def test_a_plan_alone_has_no_data_files(api: Api) -> None:
    assert uploaded(PLAN, "plan.jmx").result["dataFiles"] == []


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.csv": b"x"}, "must hold one plan"),
        ({"a.jmx": PLAN, "b.jmx": PLAN}, "must hold one plan"),
        ({"plan.jmx": PLAN, "../users.csv": b"x"}, "leads elsewhere"),
        ({"plan.jmx": PLAN, "/etc/users.csv": b"x"}, "leads elsewhere"),
        ({"plan.jmx": PLAN, "C:\\users.csv": b"x"}, "leads elsewhere"),
        ({"plan.jmx": PLAN, "a/users.csv": b"x", "b/users.csv": b"y"}, "two files named users.csv"),
        ({"plan.jmx": b"<html/>"}, "begins with <html>"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_nothing_is_stored(api: Api, files: dict[str, bytes], says: str) -> None:
    answer = uploaded(archive(files))
    assert answer.status == 422
    assert says in answer.text
    assert stored_objects() == []


@pytest.mark.parametrize(
    "files",
    [
        {"plan.jmx": PLAN, "big.csv": b"0" * (65 * 1024 * 1024)},
        {"plan.jmx": PLAN, **{f"{number}.csv": b"x" for number in range(51)}},
    ],
)
def test_an_archive_that_unpacks_to_very_much_is_refused(api: Api, files: dict[str, bytes]) -> None:
    assert uploaded(archive(files)).status == 413
    assert stored_objects() == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (archive({"plan.jmx": PLAN}), "a ZIP archive"),
        (gzip.compress(PLAN), "compressed with GZIP"),
        (b"<!DOCTYPE html><html><p>Sign in", "an HTML page"),
    ],
)
def test_another_kind_of_file_that_is_named_as_a_plan_is_called_what_it_is(api: Api, content: bytes, says: str) -> None:
    answer = uploaded(content, "plan.jmx")
    assert (answer.status, answer.code) == (422, "INVALID_TEST_PLAN")
    assert says in answer.text


def test_what_only_bears_the_name_of_an_archive_is_refused(api: Api) -> None:
    answer = uploaded(PLAN)
    assert answer.status == 422
    assert "no ZIP archive" in answer.text


FRAGMENT = b"""<jmeterTestPlan version="1.2"><hashTree><TestPlan guiclass="g" testname="L"/><hashTree>
<TestFragmentController guiclass="g" testname="F"/><hashTree>%s</hashTree></hashTree></hashTree></jmeterTestPlan>"""
SCRIPT = b'<BeanShellSampler guiclass="g" testname="script"/><hashTree/>'
DEBUG = b'<DebugSampler guiclass="g" testname="debug"/><hashTree/>'


def test_a_fragment_goes_along_as_a_data_file_and_is_judged_with_the_plan(
    api: Api, settings: pytest.MonkeyPatch
) -> None:
    from tandem import bootstrap

    settings.setenv("TANDEM_PREFLIGHT_CODE", "deny")
    bootstrap.reset()
    text = (PLANS / "with_include.jmx").read_text(encoding="utf-8").replace("/data/common/", "common/")
    plan = uploaded(text.encode(), "plan.jmx").result["uploadPath"]
    fields = {"endpoint": "http://127.0.0.1", "entry": "JMX", "contentRef": plan}

    alone = api.post("create_load_test_definition", name="alone", **fields)
    assert "EXTERNAL_PLAN" in alone.text
    for name, below, status in (("good", DEBUG, 200), ("bad", SCRIPT, 422)):
        fragment = api.upload_data(FRAGMENT % below, "login.jmx").result["uploadPath"]
        answer = api.post("create_load_test_definition", name=name, dataFiles=[fragment], **fields)
        assert answer.status == status, answer.text
    assert "CODE_ELEMENT" in answer.text
