"""The product, and beside it a request that takes as long as it says: `/slow?2`."""

import os
import time

from config.wsgi import application as product


def application(environ, start_response):
    """Sleep where asked to, and say which process did."""
    if environ["PATH_INFO"] != "/slow":
        return product(environ, start_response)
    time.sleep(float(environ["QUERY_STRING"] or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
