"""Role × view × tenant, made from the URLconf: a view that nobody thought of fails here."""

import uuid
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from accounts.permissions import ALLOWED, May
from accounts.services.api_tokens import issue_token

TENANT_URLCONF = "config.urls"
PUBLIC = {
    "accounts:sign_in",
    "accounts:password_forgotten",
    "accounts:password_set",
    "accounts:accept",
    "accounts:address_confirm",
    "workspace:logo",
    "api:openapi",
}
"""What people see before they have signed in; each of these looks by itself at who may what."""

SIGN_OUT = "accounts:sign_out"
ENDS_SESSIONS = {SIGN_OUT, "accounts:sign_out_elsewhere"}
VALUES = {
    "IntConverter": 987654321,
    "UUIDConverter": uuid.UUID(int=7),
    "SlugConverter": "nobodys",
    "StringConverter": "nobodys",
}
NOT_REFUSED = {200, 201, 302, 400, 404, 405, 409, 415, 422, 503}
"""What somebody may get who may: the addresses lead to nothing, and forms are empty."""


@dataclass(frozen=True)
class View:
    name: str
    path: str
    needs: object
    is_public: bool
    is_api: bool

    def needed_for(self, method):
        if isinstance(self.needs, May):
            return self.needs
        return self.needs.get(method)


def views(urlconf=TENANT_URLCONF):
    return list(_walk(get_resolver(urlconf).url_patterns, (), urlconf))


def _walk(patterns, namespaces, urlconf):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern.url_patterns, inner, urlconf)
        elif isinstance(pattern, URLPattern):
            name = ":".join((*namespaces, pattern.name or repr(pattern.pattern)))
            values = {
                key: VALUES[type(converter).__name__]
                for key, converter in pattern.pattern.converters.items()
            }
            callback = pattern.callback
            yield View(
                name=name,
                path=reverse(name, urlconf=urlconf, kwargs=values),
                needs=getattr(callback, "atoll_needs", None),
                is_public=not getattr(callback, "login_required", True),
                is_api=namespaces[:1] == ("api",),
            )


def test_each_view_says_what_it_needs_or_is_known_to_be_public():
    check_marks(views())


def check_marks(seen):
    for view in seen:
        if view.name in PUBLIC:
            assert view.is_public, view.name
            assert view.needs is None, f"{view.name} is public and says that it needs something"
        else:
            assert view.needs, f"{view.name} does not say what it needs (accounts.permissions)"
            # Programs show a token instead of signing in; each operation asks for it.
            assert view.is_public == (view.is_api and view.name != "api:docs"), view.name


@pytest.fixture
def people(acme):
    """A session and a token of each role in acme."""
    sessions, tokens = {}, {}
    for role in User.Role:
        email = f"{role}@matrix.example"
        with acme.scope():
            user = User.objects.filter(email=email).first()
            user = user or User.objects.create_user(email, acme.password, role=role)
            _, tokens[role] = issue_token(user, name="matrix", expires=None)
        sessions[role] = acme.member(email)
    return sessions, tokens


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_role_gets_what_it_may_and_nothing_else(acme, birch, coral, people, method):
    assert walk(views(), method, acme, (birch, coral), people) > 20


def walk(views, method, acme, others, people):
    """Call each view as each role, here and with a session of here elsewhere; count the calls."""
    sessions, tokens = people
    seen = 0
    for view in views:
        if view.name in PUBLIC or (needed := view.needed_for(_shown(method))) is None:
            continue
        for role in User.Role:
            may = needed in ALLOWED[role]
            client = acme.visitor()
            client.cookies = type(sessions[role].cookies)(sessions[role].cookies)
            headers = {"authorization": f"Bearer {tokens[role]}"} if _asks_token(view) else {}
            answer = client.generic(method, view.path, headers=headers)
            status = answer.status_code
            where = f"{role} {method} {view.name}: {status}"
            if may or status == 405:
                assert status in NOT_REFUSED, where
                # A 302 is what those get too who are not known: it must not lead to signing in.
                to_sign_in = _leads_to_sign_in(answer) and view.name != SIGN_OUT
                assert not to_sign_in, f"{where}, sent to sign in"
            else:
                assert status == 403, where
            for other in others:
                stranger = other.visitor()
                stranger.cookies = type(client.cookies)(client.cookies)
                answer = stranger.generic(method, view.path, headers=headers)
                assert _asks_who(answer, view), f"{where}, and at {other.slug} {answer.status_code}"
            seen += 1
            if view.name in ENDS_SESSIONS:
                sessions[role] = acme.member(f"{role}@matrix.example")
        nobody = acme.visitor().generic(method, view.path)
        assert _asks_who(nobody, view), f"nobody {method} {view.name}: {nobody.status_code}"
    return seen


def test_the_matrix_finds_a_view_that_forgot(acme, people, monkeypatch):
    """The negative control: a view that lets everybody write."""
    from accounts import permissions

    sessions, _ = people
    viewer = sessions[User.Role.VIEWER]
    assert viewer.post("/tickets/new/", {"title": "x"}).status_code == 403
    monkeypatch.setattr(permissions, "is_allowed", lambda user, may: True)
    assert viewer.post("/tickets/new/", {}).status_code == 200


FORGETFUL = "tests.integration.product.forgetful_urls"


def planted(name):
    return [view for view in views(FORGETFUL) if view.name == name]


def test_the_walk_finds_a_view_without_a_guard():
    check_marks([view for view in views(FORGETFUL) if not view.name.startswith("planted:")])
    with pytest.raises(AssertionError, match="planted:forgotten does not say"):
        check_marks(planted("planted:forgotten"))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("planted:unguarded", "(viewer|agent) GET planted:unguarded: 200"),
        ("planted:astray", "admin GET planted:astray: 302, sent to sign in"),
    ],
)
def test_the_walk_finds_a_view_that_does_not_do_as_it_says(
    acme, birch, people, settings, name, complaint
):
    settings.ROOT_URLCONF = FORGETFUL
    assert walk(planted("planted:guarded"), "GET", acme, (birch,), people) == len(User.Role)
    with pytest.raises(AssertionError, match=complaint):
        walk(planted(name), "GET", acme, (birch,), people)


def _shown(method):
    return "GET" if method == "GET" else method if method in ("PATCH", "DELETE") else "POST"


def _asks_token(view):
    return view.is_api and view.is_public


def _asks_who(answer, view):
    """Sent to sign in, asked for a token, or told that there is no such method."""
    if _asks_token(view):
        return answer.status_code in (401, 405)
    if answer.status_code == 405:
        return True
    return _leads_to_sign_in(answer)


def _leads_to_sign_in(answer):
    return answer.status_code == 302 and answer.headers["location"].startswith("/account/sign-in/")
