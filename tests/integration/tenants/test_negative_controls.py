"""Each guard taken away: the tests beside this one would see the leak that it closes."""

import pytest
from django.contrib.sessions.models import Session
from django.core import signing
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.signing import Signer, base64_hmac

from sharding import scope
from sharding.scope import ports
from tenants.sessions import SessionStore

pytestmark = [
    pytest.mark.usefixtures("groups"),
    pytest.mark.urls("tests.integration.tenants.urls"),
]


def djangos_signature(self, value, key=None):
    return base64_hmac(self.salt + "signer", value, key or self.key, algorithm=self.algorithm)


def test_with_djangos_own_signature_a_value_holds_everywhere(ann, bob, monkeypatch):
    monkeypatch.setattr(Signer, "signature", djangos_signature)
    with ann.scope():
        signed = signing.dumps("ann's")
    with bob.scope():
        assert signing.loads(signed) == "ann's"


def test_with_djangos_own_signature_a_copied_session_is_read(ann, bob, monkeypatch):
    monkeypatch.setattr(Signer, "signature", djangos_signature)
    with ann.scope():
        session = SessionStore()
        session["secret"] = "ann's"
        session.save()
        row = Session.objects.get(pk=session.session_key)
        copied = {"session_data": row.session_data, "expire_date": row.expire_date}
    with bob.scope():
        Session.objects.create(session_key=str(session.session_key), **copied)
        assert SessionStore(str(session.session_key))["secret"] == "ann's"


def test_without_its_binding_a_session_is_saved_with_another_tenant(ann, bob, monkeypatch):
    monkeypatch.setattr(SessionStore, "_check", lambda self: None)
    with ann.scope():
        session = SessionStore()
        session["secret"] = "ann's"
        session.save()
    with bob.scope():
        session.save(must_create=True)
        assert Session.objects.filter(pk=session.session_key).exists()


def test_without_a_tenant_in_its_key_a_cached_value_is_everybodys(ann, bob):
    with ann.scope():
        caches["control"].set("shared", "ann's")
    with bob.scope():
        assert caches["control"].get("shared") == "ann's"


def test_with_djangos_own_storage_a_file_is_everybodys(ann, bob, tmp_path):
    storage = FileSystemStorage(tmp_path)
    with ann.scope():
        storage.save("a.txt", ContentFile("ann's"))
    with bob.scope(), storage.open("a.txt") as file:
        assert file.read() == b"ann's"


@pytest.mark.parametrize("path", ["/stream/", "/stream_in_transaction/"])
def test_a_streamed_body_that_does_not_keep_its_scope_fails(ann, client_of, path, monkeypatch):
    monkeypatch.setattr("tenants.middleware.keep_scope", lambda response, place, entry: None)
    with pytest.raises(scope.NoTenantInScope):
        list(client_of(ann).get(path))


def test_a_body_that_enters_its_scope_anew_for_each_part_cannot_keep_a_transaction(ann):
    from django.contrib.auth.models import Group
    from django.db import transaction

    def parts():
        with transaction.atomic():
            yield from Group.objects.values_list("name", flat=True)
            yield "end"

    body = parts()
    with pytest.raises(scope.LeftOpenTransaction), ann.scope():
        next(body)
    with ann.scope():
        body.close()


def test_a_user_that_is_not_looked_up_before_the_scope_changes_is_refused_not_mixed_up(
    ann, bob, client_of, settings, monkeypatch
):
    from accounts.models import User

    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "MembersOnly" not in m]
    monkeypatch.setattr(ports, "before_switch_hooks", [])
    client = client_of(ann)
    with ann.scope():
        client.force_login(User.objects.get(email=ann.email))
    with pytest.raises(scope.WrongTenant, match="session"):
        client.get(f"/user_elsewhere/?tenant={bob.id}")
