"""A view that reads one row, and a page of three queries."""

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import connections, router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tests.benchmarks.app.models import Article, Remark

PAGE_LENGTH = 10


@login_not_required
def one_row(request: HttpRequest) -> HttpResponse:
    """One SELECT by primary key, answered as plain text."""
    return HttpResponse(Article.objects.get(pk=1).title, content_type="text/plain")


@login_not_required
def warm(request: HttpRequest) -> HttpResponse:
    """Touch what the other two touch, at the least cost: for the time before the measurement."""
    found = Article.objects.filter(pk=1).exists() and Remark.objects.filter(article=1).exists()
    return HttpResponse(str(found), content_type="text/plain")


@login_not_required
def page(request: HttpRequest) -> HttpResponse:
    """A count, a list and its prefetched children, rendered by a template."""
    published = Article.objects.filter(published=True)
    context = {
        "count": published.count(),
        "articles": published.order_by("-pk").prefetch_related("remarks")[:PAGE_LENGTH],
    }
    return render(request, "bench/page.html", context)


@login_not_required
def visit(request: HttpRequest) -> HttpResponse:
    """One value out of the cache, and one row."""
    seen = cache.get("seen")
    if seen is None:
        cache.set("seen", "yes", timeout=5)
    return HttpResponse(Article.objects.get(pk=1).title, content_type="text/plain")


@login_not_required
def heavy(request: HttpRequest) -> HttpResponse:
    """A statement that takes two seconds on a healthy server."""
    with connections[router.db_for_read(Article)].cursor() as cursor:
        cursor.execute("SELECT pg_sleep(2)")
    return HttpResponse("done", content_type="text/plain")
