"""As whom the product speaks to the database while it serves."""

import pytest
from django.db import connection

SEEN: list[tuple[object, ...]] = []


def look(get_response):
    """A middleware that asks, inside the request, who we are."""

    def middleware(request):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT session_user, current_user, current_setting('is_superuser'), "
                "(SELECT rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles "
                "WHERE rolname = session_user), "
                "pg_catalog.current_schemas(false)"
            )
            SEEN.append(cursor.fetchone())
        return get_response(request)

    return middleware


@pytest.fixture
def looked(settings):
    SEEN.clear()
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.look"]
    return SEEN


def test_a_request_is_served_by_web_as_its_tenant_and_never_as_a_superuser(
    acme, birch, coral, looked
):
    turn = [acme, birch, acme, coral, birch]
    for tenant in turn:
        tenant.visitor().get("/account/sign-in/")
    assert looked == [
        (
            "web",
            tenant.place.role,
            "off",
            False,
            [tenant.place.schema, "reference", "extensions"],
        )
        for tenant in turn
    ]
