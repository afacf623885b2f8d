"""Pages of the public host."""

from django.urls import path

from front import views, views_sign_up

app_name = "front"
urlpatterns = [
    path("", views.home, name="home"),
    path("sign-up/", views_sign_up.sign_up, name="sign_up"),
    path("sign-up/available", views_sign_up.available, name="available"),
    path("sign-up/sent/<str:key>/", views_sign_up.sent, name="sent"),
    path("sign-up/confirm/<str:token>/", views_sign_up.confirm, name="confirm"),
    path("sign-up/choose/<str:key>/", views_sign_up.choose, name="choose"),
    path("sign-up/progress/<str:key>/", views_sign_up.progress, name="progress"),
    path("sign-up/progress/<str:key>/steps/", views_sign_up.steps, name="steps"),
    path("sign-up/enter/<str:key>/", views_sign_up.enter, name="enter"),
    path("find/", views.find, name="find"),
    path("find/sent/", views.find_sent, name="find_sent"),
    path("mail/", views.mail, name="mail"),
]
