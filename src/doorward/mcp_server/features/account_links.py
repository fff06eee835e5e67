"""A tool's caller has not connected an account yet: the client shows the link, if it can."""

from dataclasses import replace

from doorward.downstream.refusals import AccountNotConnected
from doorward.mcp_server.elicitation.session_requests import require_capability
from doorward.mcp_server.elicitation.url_mode import ElicitUrl, UrlElicitationRequired
from doorward.mcp_server.refusals import InvalidInputResponse, InvalidParams, MissingCapability
from doorward.mcp_server.request_context import InterimResult, RequestContext

# Shorter than clients wait for a result.
_WAIT = 45.0


async def connected_meanwhile(missing: AccountNotConnected, request: RequestContext) -> bool:
    """
    Ask the client to show the link; say whether the user has connected the account since.

    ``False`` if the client cannot show pages, if the user declined, or does not finish in time.

    Raises:
        InterimResult: in 2026-07-28, the client shows the page and sends the request again.
        UrlElicitationRequired: the same in 2025-11-25.

    Spec: MCP 2026-07-28, client/elicitation, "URL Mode Elicitation Requests"
    """
    page = ElicitUrl(f"Connect your account at {missing.target}.", missing.url)
    if request.identity is None or not _can_show(page, request):
        return False
    trips = request.round_trips
    page = replace(page, id=trips.pending_pages.begin(request.identity, request.session))
    if not request.revision.modern:
        raise UrlElicitationRequired(replace(page, include_id=True))
    key, so_far = f"connect-{missing.target}", trips.resume(request)
    if key not in so_far.responses:
        raise InterimResult("input_required", trips.input_required(request, {key: page}, so_far))
    try:
        answer = page.read(so_far.responses[key])
    except InvalidInputResponse as error:
        raise InvalidParams(f"An input response {error}") from None
    if not answer.accepted or missing.connected is None:
        return False
    return await missing.connected(wait=_WAIT)


def _can_show(page: ElicitUrl, request: RequestContext) -> bool:
    if request.task is not None and request.task.is_started:
        return False
    try:
        require_capability(
            request.capabilities,
            page.required_capabilities,
            url_elicitation=request.revision.url_elicitation,
        )
    except MissingCapability:
        return False
    return True
