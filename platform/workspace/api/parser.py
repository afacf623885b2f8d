"""Bodies of requests: JSON, said to be JSON, of a size that one can mean."""

import json
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from ninja.parser import Parser

from workspace.api.problems import Problem

# A body of 20,000 characters, each escaped as JSON allows, and some room.
MOST_BYTES: Final = 512 * 1024


class JsonOnly(Parser):
    """JSON objects only. What is refused here never reaches the schemas."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body as an object.

        Raises:
            Problem: it is no JSON, not said to be, too large, or no object.
        """
        if request.content_type != "application/json":
            raise Problem(415)
        check_size(request)
        try:
            content = json.loads(request.body, parse_constant=_no_number)
        # Not only JSONDecodeError: bytes that are no text, numbers of 5,000 digits.
        except ValueError as error:
            raise Problem(400, f"The body is not JSON: {error}.") from error
        except RecursionError as error:
            raise Problem(400, "The body is JSON of too many levels.") from error
        if not isinstance(content, dict):
            raise Problem(422, "The body must be a JSON object.")
        return content


def check_size(request: HttpRequest) -> None:
    """Refuse a body that is too large, without reading it where its length is said.

    Raises:
        Problem: 413.
    """
    try:
        too_large = int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES
        too_large = too_large or len(request.body) > MOST_BYTES
    except ValueError:
        too_large = False
    except RequestDataTooBig:
        too_large = True
    if too_large:
        raise Problem(413, f"The body is larger than {MOST_BYTES // 1024} KiB.")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")
