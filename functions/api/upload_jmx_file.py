"""POST /UploadJmxFile: store a test plan, or a ZIP of a plan and its files, and say what the preflight finds in it."""

from tandem.bootstrap import application
from tandem.domain.errors import StorageUnavailable
from tandem.domain.upload import UploadKind
from tandem.rest.app import Call, Takes, endpoint
from tandem.rest.uploads import FileParameters, UploadView


@endpoint(FileParameters, takes=Takes.FILE, errors=[StorageUnavailable])
def handler(call: Call[FileParameters]) -> UploadView:
    name = call.parameters.file_name or "plan.jmx" if call.file.name is None else call.file.name
    stored = application().store_upload(call.owner, UploadKind.PLAN, name, call.file.content)
    return UploadView.of(stored.upload, stored.preflight, stored.data_files)
