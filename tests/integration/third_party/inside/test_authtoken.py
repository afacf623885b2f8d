"""DRF's tokens open the tenant that gave them, and no other."""

from rest_framework.authtoken.models import Token

from accounts.models import User
from sharding import scope
from tests.integration.third_party.shelf.models import Book


def test_a_token_is_given_for_the_tenants_own_password(places, client_of):
    for place in places:
        with scope.enter(place):
            User.objects.create_user("same@example.com", f"password of {place.tenant_id}")
    for place in places:
        client = client_of(place)
        for other in places:
            answer = client.post(
                "/api/token/",
                {"username": "same@example.com", "password": f"password of {other.tenant_id}"},
            )
            assert answer.status_code == (200 if other is place else 400)
        with scope.enter(place):
            assert Token.objects.filter(user__email="same@example.com").count() == 1


def test_requests_with_a_token_write_and_read_the_own_tenant(places, client_of, token_of):
    for place in places:
        client = client_of(place, token=token_of(place))
        body = {"title": f"posted to {place.tenant_id}", "tags": ["posted"]}
        assert client.post("/api/books/", body, "application/json").status_code == 201
    for place in (*places, *places):
        listed = client_of(place, token=token_of(place)).get("/api/books/").json()
        posted = [book["title"] for book in listed if book["tags"] == ["posted"]]
        assert posted == [f"posted to {place.tenant_id}"]


def test_another_tenants_token_opens_nothing(places, client_of, token_of):
    for place in places:
        for other in places:
            answer = client_of(place, token=token_of(other)).get("/api/books/")
            assert answer.status_code == (200 if other is place else 401)


def test_an_error_after_the_block_undoes_the_whole_request(places, client_of, token_of):
    for place in places:
        with scope.enter(place):
            before = (Book.objects.count(), Book.history.count())
        client = client_of(place, token=token_of(place))
        body = {"title": "fails", "tags": ["fails"], "fail": True}
        assert client.post("/api/books/", body, "application/json").status_code == 400
        with scope.enter(place):
            assert (Book.objects.count(), Book.history.count()) == before
