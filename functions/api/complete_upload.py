"""POST /CompleteUpload: take over a file that was sent to the store; answers as UploadJmxFile."""

from tandem.bootstrap import application
from tandem.domain.errors import StorageUnavailable
from tandem.domain.upload import UploadChanged, UploadMissing
from tandem.rest.app import Call, endpoint
from tandem.rest.uploads import UploadPath, UploadView


@endpoint(UploadPath, errors=[UploadMissing, UploadChanged, StorageUnavailable])
def handler(call: Call[UploadPath]) -> UploadView:
    stored = application().complete_upload(call.owner, call.parameters.upload_path)
    return UploadView.of(stored.upload, stored.preflight)
