"""What both runs share: Django's own settings for its suite. Only DATABASES differ."""

# Lies beside runtests.py.
from test_sqlite import *  # type: ignore[import-not-found]  # noqa: F403 - the way of settings

TEST_RUNNER = "tests.django_suite.recording.RecordingRunner"
