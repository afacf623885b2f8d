"""Pages of the workspace."""

from django.urls import path

from workspace import views

app_name = "workspace"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("tickets/", views.ticket_list, name="tickets"),
    path("tickets/new/", views.ticket_new, name="ticket_new"),
    path("tickets/<int:pk>/", views.ticket, name="ticket"),
    path("tickets/<int:pk>/close/", views.ticket_close, name="ticket_close"),
    path("exports/", views.exports, name="exports"),
    path("exports/<uuid:pk>/tickets.csv", views.export_file, name="export_file"),
]
