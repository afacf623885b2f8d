import base64

import pytest
from django.http import Http404

from workspace.models import Ticket
from workspace.paging import LATELY_CHANGED, NEWEST, page_of


def cursor(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("order", [NEWEST, LATELY_CHANGED])
@pytest.mark.parametrize(
    "made_up",
    [
        "x",
        "%%%",
        "ä",
        "x" * 500,
        cursor("not json"),
        cursor("[]"),
        cursor("{}"),
        cursor("[null,null]"),
        cursor("[null,-1]"),
        cursor("[null,true,1]"),
        cursor('[null,"1"]'),
        cursor(f"[null,{2**63}]"),
        cursor("[null,1.5]"),
    ],
)
def test_a_cursor_that_no_page_gave_is_not_found_without_asking_the_database(order, made_up):
    for way in ("after", "before"):
        with pytest.raises(Http404):
            page_of(Ticket.objects.none(), order, 5, **{way: made_up})


@pytest.mark.parametrize("moment", ['"x"', "1", "null", '"2026-01-01T00:00:00"'])
def test_a_cursor_by_time_must_hold_a_moment_with_its_zone(moment):
    with pytest.raises(Http404):
        page_of(Ticket.objects.none(), LATELY_CHANGED, 5, after=cursor(f"[{moment},1]"))
