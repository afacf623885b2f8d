"""The public host."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this place is."""
    host = request.get_host().removeprefix("www.")
    return render(request, "front/home.html", {"example": f"your-name.{host}"})
