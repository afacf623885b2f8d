import json
import os
import subprocess
import sys

import pytest

from config import env

NAMES = [
    *(f"SESSION_COOKIE_{what}" for what in ("NAME", "SECURE", "PATH", "DOMAIN", "HTTPONLY")),
    *(f"CSRF_COOKIE_{what}" for what in ("NAME", "SECURE", "PATH", "DOMAIN", "HTTPONLY")),
    "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_SAMESITE",
]


@pytest.fixture
def cookies_of_production(settings):
    code = (
        "import json, sys; from django.conf import settings as s;"
        "print(json.dumps({name: getattr(s, name) for name in sys.argv[1:]}))"
    )
    ours = {
        "ATOLL_SECRET_KEY": "s" * 50,
        "ATOLL_HTTPS": "true",
        "DJANGO_SETTINGS_MODULE": "config.settings.prod",
    }
    told = subprocess.run(
        [sys.executable, "-c", code, *NAMES],
        cwd=env.ROOT,
        env={**os.environ, **ours},
        capture_output=True,
        text=True,
        check=True,
    )
    for name, value in json.loads(told.stdout).items():
        setattr(settings, name, value)


def test_browsers_take_productions_cookies_from_this_host_only(dune, cookies_of_production):
    """What `__Host-` asks for, or browsers drop the cookie: secure, path /, no domain."""
    visitor = dune.visitor(enforce_csrf_checks=True)
    sign_in = "/account/sign-in/"
    page = visitor.get(sign_in, secure=True)
    answer = visitor.post(
        sign_in,
        {
            "username": dune.email,
            "password": dune.password,
            "csrfmiddlewaretoken": page.context["csrf_token"],
        },
        secure=True,
        headers={"referer": f"https://{dune.host}{sign_in}"},
    )
    assert answer.status_code == 302
    cookies = answer.cookies
    assert set(cookies) == {"__Host-session", "__Host-csrf"}
    for cookie in cookies.values():
        told = (cookie["secure"], cookie["path"], cookie["domain"], cookie["httponly"])
        assert told == (True, "/", "", True)
        assert cookie["samesite"] == "Lax"
    assert visitor.get("/account/profile/", secure=True).status_code == 200
