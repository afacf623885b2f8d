"""Programs that fork: a WSGI application and a Celery application on the backend, with pools."""
