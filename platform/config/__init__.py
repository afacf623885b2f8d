"""The Django project: settings, URLs, WSGI, ASGI and Celery applications."""
