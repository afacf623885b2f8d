"""The product's own test settings with the third-party apps added, as their manuals say."""

from config.settings.test import *  # noqa: F403 - the way of settings
from config.settings.test import ATOLL_HOMES, INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.messages",
    "django.contrib.sites",
    "taggit",
    "simple_history",
    "rest_framework",
    "rest_framework.authtoken",
    "allauth",
    "allauth.account",
    "tests.integration.third_party.shelf",
]
# What an adopter has to say of an app that says nothing itself: whose its models are.
ATOLL_HOMES = {
    **ATOLL_HOMES,
    "sites": "tenant",
    "taggit": "tenant",
    "authtoken": "tenant",
    "account": "tenant",
}
# The same number in every tenant; each row is its own.
SITE_ID = 1
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
# Django 6.1 wants mailers named; 5.2 does not know them. Tests put their own in the place of both.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
# With the session, and so with the tenant.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# So many sign-ups in a few seconds would be an attack.
ACCOUNT_RATE_LIMITS = False
