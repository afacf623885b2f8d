"""The product's addresses, and one below /api/ that fails by accident."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from accounts.models import User
from config.urls import urlpatterns as products


@login_not_required
def accident(request):
    User.objects.create(email="made-by-accident@gorse.example")
    raise ZeroDivisionError


urlpatterns = [path("api/v1/accident", accident), *products]
