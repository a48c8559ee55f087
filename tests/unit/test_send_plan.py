"""What goes to the engine with a plan: files of any type, by their own names, and a plan that leads to them."""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast

from tandem.adapters.jmx.data_file_links import link_data_files
from tandem.adapters.jmx.thread_groups import read_plan_shape
from tandem.adapters.jmx.url_plan import write_url_plan
from tandem.domain.definition import Entry
from tandem.domain.load_engine import FileBeside, LoadEngine
from tandem.domain.ports import Database, ObjectStore
from tandem.domain.upload import Upload, UploadKind
from tandem.services.send_plan import SendPlan
from tandem_samples import GroupKind, ThreadGroup

from tests.factories.experiments import NOON, OWNER, definition

PLAN = (
    b'<jmeterTestPlan><hashTree><TestPlan/><hashTree><ThreadGroup testname="Users"><stringProp '
    b'name="ThreadGroup.ramp_time">${__P(ramp,7)}</stringProp></ThreadGroup><hashTree><CSVDataSet testname="d">'
    b'<stringProp name="filename">data/users.csv</stringProp></CSVDataSet><hashTree/></hashTree></hashTree></hashTree>'
    b"</jmeterTestPlan>"
)


def _upload(upload_id: str, name: str, kind: UploadKind, stored: str | None = None) -> Upload:
    return Upload(upload_id, OWNER, kind, stored or name, name, 1, "", NOON)


UPLOADS = {
    each.path: each
    for each in (
        _upload("u1", "plan.jmx", UploadKind.PLAN),
        _upload("u2", "users.csv", UploadKind.DATA),
        _upload("u3", "the body?.bin", UploadKind.DATA, "the body_.bin"),
        _upload("u4", "压" * 200 + ".bin", UploadKind.DATA, "stored.bin"),
    )
}
PATHS = list(UPLOADS)


class _Engine:
    """Takes uploads, as an engine does."""

    def __init__(self) -> None:
        self.plan = b""
        self.data: dict[str, bytes] = {}

    def upload_plan(self, file_name: str, content: Iterable[bytes]) -> str:
        self.plan = b"".join(content)
        return f"uploads/once/{file_name}"

    def upload_data_file(self, file_name: str, content: Iterable[bytes]) -> str:
        self.data[file_name] = b"".join(content)
        return f"/data/uploads/once/{file_name}"


class _Store:
    def read(self, key: str) -> Iterator[bytes]:
        yield PLAN if key.endswith(".jmx") else key.encode()


class _Database:
    def read(self, work: Any) -> Any:
        return work(SimpleNamespace(uploads=SimpleNamespace(get=lambda _owner, path: UPLOADS.get(path))))


def _send() -> SendPlan:
    return SendPlan(
        cast(Database, _Database()), cast(ObjectStore, _Store()), write_url_plan, link_data_files, read_plan_shape
    )


def test_files_go_by_their_own_names_and_the_plan_leads_to_them() -> None:
    engine = _Engine()
    wanted = definition(entry=Entry.JMX, content_ref=PATHS[0], data_files=tuple(PATHS[1:]), url_case=None)
    sent = _send()(cast(LoadEngine, engine), wanted, 2, 60)
    assert sent.path == "uploads/once/plan.jmx"
    assert sent.files == (
        FileBeside("/data/uploads/once/users.csv", "users.csv"),
        FileBeside("/data/uploads/once/the body_.bin", "the body?.bin"),
        FileBeside("/data/uploads/once/stored.bin", "stored.bin"),
    )
    assert engine.plan == PLAN.replace(b"data/users.csv", b"/data/uploads/once/users.csv")
    assert set(engine.data) == {"users.csv", "the body_.bin", "stored.bin"}


def test_the_shape_of_a_plan_is_read_where_it_is_ours_to_read() -> None:
    ours = definition(entry=Entry.JMX, content_ref=PATHS[0], url_case=None)
    shape = _send().shape_of(ours)
    assert (shape.groups, shape.ramp_up) == ((ThreadGroup("Users", GroupKind.MAIN),), 7)
    there = definition(entry=Entry.JMX, content_ref="uploads/testplans/x.jmx", url_case=None)
    assert _send().shape_of(there).groups == ()
    written = _send().shape_of(definition(ramp_up=20))
    assert [group.kind for group in written.groups] == [GroupKind.MAIN]
    assert written.ramp_up == 20
