"""Sign-in and sign-out, below /account/."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views
from accounts.permissions import May, needs

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.SignInView.as_view(), name="sign_in"),
    path(
        "sign-out/",
        needs(May.READ)(LogoutView.as_view(http_method_names=["post"])),
        name="sign_out",
    ),
]
