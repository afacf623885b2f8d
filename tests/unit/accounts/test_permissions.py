import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory

from accounts.models import User
from accounts.permissions import ALLOWED, May, is_allowed, member, needs, needs_to_write


def answer(view, method="GET", **who):
    request = RequestFactory().generic(method, "/")
    request.user = User(**who) if who else AnonymousUser()
    try:
        return view(request).status_code
    except PermissionDenied:
        return 403


def page(request):
    return HttpResponse()


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (User.Role.VIEWER, {May.READ}),
        (User.Role.AGENT, {May.READ, May.WRITE}),
        (User.Role.ADMIN, {May.READ, May.WRITE, May.MANAGE}),
    ],
)
def test_a_role_may_what_the_table_says_and_nothing_else(role, may):
    assert ALLOWED[role] == may
    for each in May:
        assert answer(needs(each)(page), role=role) == (200 if each in may else 403)
    person = User(role=role)
    assert (person.may_write, person.may_manage) == (May.WRITE in may, May.MANAGE in may)


def test_every_role_stands_in_the_table():
    assert set(ALLOWED) == set(User.Role)


@pytest.mark.parametrize("who", [{}, {"role": "king"}, {"role": "admin", "is_active": False}])
def test_whoever_is_nobody_may_nothing(who):
    assert answer(needs(May.READ)(page), **who) == 403


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("POST", 403), ("PUT", 403), ("BREW", 403)],
)
def test_what_shows_to_all_and_changes_for_some_looks_at_the_method(method, status):
    view = needs_to_write(get=May.READ, post=May.WRITE)(page)
    assert answer(view, method, role="viewer") == status
    assert answer(view, method, role="agent") == 200


def test_a_view_carries_what_it_needs_and_all_it_carried_before():
    page.own_mark = True
    assert needs(May.MANAGE)(page).atoll_needs == May.MANAGE
    assert needs(May.MANAGE)(page).own_mark
    both = needs_to_write(get=May.READ, post=May.MANAGE)(page)
    assert both.atoll_needs == {"GET": May.READ, "POST": May.MANAGE}


def test_only_a_member_is_a_member():
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(PermissionDenied):
        member(request)
    assert not is_allowed(User(role=""), May.READ)
