"""A definition that names an upload keeps it: the daily clean-up must not take it away in between."""

from tandem.domain.definition import LoadTestDefinition
from tandem.domain.ports import UnitOfWork
from tandem.domain.upload import UPLOAD_SCHEME, UploadMissing


def hold_uploads(uow: UnitOfWork, definition: LoadTestDefinition) -> None:
    """Lock what the definition names until this transaction, which writes it, has ended. Raises UploadMissing.

    The clean-up locks old uploads before it looks who uses them: it waits for us and then sees the definition, or we
    wait for it and find the upload gone.
    """
    named = [definition.content_ref, *definition.data_files]
    wanted = sorted({path for path in named if path is not None and path.startswith(UPLOAD_SCHEME)})
    held = uow.uploads.lock_many(definition.owner, wanted)
    missing = [path for path in wanted if path not in held]
    if missing:
        raise UploadMissing(f"There is no upload {missing[0]!r}.")
