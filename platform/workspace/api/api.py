"""The API as ninja serves it, and its document."""

from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from workspace.api import comments, tickets
from workspace.api.errors import tell_errors
from workspace.api.parser import JsonOnly
from workspace.api.problems import MEDIA_TYPE, SAYS
from workspace.api.throttle import TokenThrottle

ROOT: Final = "/api/v1"
ROUTERS: Final = (tickets.router, comments.router)

DESCRIPTION: Final = (
    "Tickets and comments of one workspace, at the workspace's own address. Every request carries "
    "a token of a member: `Authorization: Bearer atoll_…`. Members make them on the page “API "
    "tokens”. A token may what its member may, and is good for one workspace only. Times are in "
    "UTC. Errors are problem documents (RFC 9457). Lists are asked for page by page, with the "
    "cursors that the page before has given."
)


class WorkspaceApi(NinjaAPI):
    """Ninja's, whose answers nobody keeps."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """The answer to be filled in."""
        response = super().create_temporal_response(request)
        response["Cache-Control"] = "no-store"
        return response


# The document and its page are views of ours (urls.py, page.py).
api: Final = WorkspaceApi(
    title="Atoll workspace",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
    parser=JsonOnly(),
    throttle=TokenThrottle(),
)
tell_errors(api)
for _router in ROUTERS:
    api.add_router("", _router)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document. The same for every tenant: it tells of the code, not of data."""
    made: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=f"{ROOT}/"))
    for operations in made["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                _without_null(parameter["schema"])
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    _as_problem(int(status), response)
    made["components"]["securitySchemes"]["Token"]["description"] = (
        "A member's token, `atoll_<workspace>_<id>_<secret>`."
    )
    return made


def _without_null(schema: dict[str, Any]) -> None:
    """Take out null as a value of a parameter: it is left out, nothing in an address says null."""
    if kinds := schema.get("anyOf"):
        schema["anyOf"] = [kind for kind in kinds if kind != {"type": "null"}]


def _as_problem(status: int, response: dict[str, Any]) -> None:
    """Ninja knows one media type for all answers."""
    response["content"] = {MEDIA_TYPE: response["content"].pop("application/json")}
    response["description"] = SAYS[status]
    headers = {429: "Retry-After", 503: "Retry-After", 401: "WWW-Authenticate"}
    if name := headers.get(status):
        response["headers"] = {name: {"schema": {"type": "string"}, "required": True}}
