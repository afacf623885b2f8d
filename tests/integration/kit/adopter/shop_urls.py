from django.urls import include, path
from notes.views import mine, notes

urlpatterns = [
    path("account/", include("accounts.urls")),
    path("", notes),
    path("mine/", mine),
]
