"""POST /CreateUploadUrl: let a large file be sent to the store itself."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.upload_tickets import TicketView, UploadAnnouncement


@endpoint(UploadAnnouncement)
def handler(call: Call[UploadAnnouncement]) -> TicketView:
    file = call.parameters
    ticket = application().create_upload_url(call.owner, file.file_name, file.file_size, file.sha256)
    return TicketView.of(ticket.request, ticket.upload_path, ticket.expires_at)
