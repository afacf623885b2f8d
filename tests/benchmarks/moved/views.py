"""A view that reads, and one that writes and tells somebody outside."""

from functools import partial

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tests.benchmarks.moved.effects import have_an_effect
from tests.benchmarks.moved.models import Counter, Entry


@login_not_required
def read(request: HttpRequest) -> HttpResponse:
    """A row by its key."""
    return HttpResponse(str(Counter.objects.get(pk=0).value), content_type="text/plain")


@csrf_exempt
@login_not_required
def write(request: HttpRequest) -> HttpResponse:
    """Two rows in the request's transaction; after its commit, an effect. It may not run twice."""
    writer, number = int(request.POST["writer"]), int(request.POST["number"])
    Entry.objects.create(writer=writer, number=number)
    Counter.objects.filter(pk=writer).update(value=F("value") + 1)
    transaction.on_commit(partial(have_an_effect, f"{writer}:{number}"))
    return HttpResponse("written", content_type="text/plain")
