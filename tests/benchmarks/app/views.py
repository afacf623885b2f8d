"""A view that reads one row, and a page of three queries."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tests.benchmarks.app.models import Article

PAGE_LENGTH = 10


@login_not_required
def one_row(request: HttpRequest) -> HttpResponse:
    """One SELECT by primary key, answered as plain text."""
    return HttpResponse(Article.objects.get(pk=1).title, content_type="text/plain")


@login_not_required
def page(request: HttpRequest) -> HttpResponse:
    """A count, a list and its prefetched children, rendered by a template."""
    published = Article.objects.filter(published=True)
    context = {
        "count": published.count(),
        "articles": published.order_by("-pk").prefetch_related("remarks")[:PAGE_LENGTH],
    }
    return render(request, "bench/page.html", context)
