"""What both runs share; whoever is compared differs in DATABASES alone."""

SECRET_KEY = "django_tests_secret_key"  # a test of the suite expects this very one
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "tests.django_suite.recording.RecordingRunner"
