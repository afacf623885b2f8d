"""The product's own test settings with the third-party apps added, as their manuals say."""

from config.settings.test import *  # noqa: F403 - the way of settings
from config.settings.test import ATOLL_HOMES, AUTH_USER_MODEL, INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.messages",
    "taggit",
    "simple_history",
    "rest_framework",
    "rest_framework.authtoken",
    "allauth",
    "allauth.account",
    "tests.integration.third_party.shelf",
]
# What an adopter has to say of an app that says nothing itself: whose its models are.
ATOLL_HOMES = {**ATOLL_HOMES, "taggit": "tenant", "authtoken": "tenant", "account": "tenant"}
MIDDLEWARE = [
    *MIDDLEWARE,
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "tests.integration.third_party.shelf.urls"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
# Sessions in messages would need none; this one says where they go.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Several hundred sign-ups in one run are no attack.
ACCOUNT_RATE_LIMITS = False
assert AUTH_USER_MODEL == "accounts.User"
