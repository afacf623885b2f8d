"""Pages of a tenant's people, below /account/."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts.permissions import May, needs
from accounts.views import addresses, joining, members, passwords, profile
from accounts.views.sign_in import SignInView

sign_out = needs(May.READ)(LogoutView.as_view(http_method_names=["post"]))

app_name = "accounts"
urlpatterns = [
    path("sign-in/", SignInView.as_view(), name="sign_in"),
    path("sign-out/", sign_out, name="sign_out"),
    path("password/", passwords.change, name="password_change"),
    path("password/forgotten/", passwords.forgotten, name="password_forgotten"),
    path("password/<uuid:pk>/<slug:token>/", passwords.set_by_link, name="password_set"),
    path("join/<uuid:pk>/<slug:secret>/", joining.accept, name="accept"),
    path("profile/", profile.profile, name="profile"),
    path("profile/sign-out/", profile.sign_out_elsewhere, name="sign_out_elsewhere"),
    path("address/", addresses.change, name="address_change"),
    path("address/<str:token>/", addresses.confirm, name="address_confirm"),
    path("tokens/", profile.api_tokens, name="api_tokens"),
    path("tokens/<uuid:pk>/revoke/", profile.revoke_api_token, name="revoke_token"),
    path("members/", members.members, name="members"),
    path("members/<uuid:pk>/role/", members.change_role, name="change_role"),
    path("members/<uuid:pk>/deactivate/", members.deactivate, name="deactivate"),
    path("members/<uuid:pk>/reactivate/", members.reactivate, name="reactivate"),
    path("invitations/<uuid:pk>/send/", members.resend, name="resend_invitation"),
    path("invitations/<uuid:pk>/revoke/", members.revoke, name="revoke_invitation"),
]
