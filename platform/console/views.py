"""The operators' host. It shows no data: what operators do, they do with commands."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this host is, and the commands to use."""
    return render(request, "console/home.html")
