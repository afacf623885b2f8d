"""Pages of the workspace."""

from django.urls import path

from workspace import urls_transfer, views, views_files, views_settings, views_tickets

app_name = "workspace"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("tickets/", views_tickets.ticket_list, name="tickets"),
    path("tickets/new/", views_tickets.ticket_new, name="ticket_new"),
    path("tickets/<int:pk>/", views_tickets.ticket, name="ticket"),
    path("tickets/<int:pk>/change/", views_tickets.ticket_change, name="ticket_change"),
    path("tickets/<int:pk>/edit/", views_tickets.ticket_edit, name="ticket_edit"),
    path("tickets/<int:pk>/close/", views_tickets.ticket_close, name="ticket_close"),
    path("tickets/<int:pk>/delete/", views_tickets.ticket_delete, name="ticket_delete"),
    path("attachments/<uuid:pk>/", views_files.attachment, name="attachment"),
    path("attachments/<uuid:pk>/delete/", views_files.attachment_delete, name="attachment_delete"),
    path("settings/", views_settings.settings, name="settings"),
    path("settings/name/", views_settings.settings_name, name="settings_name"),
    path("settings/time-zone/", views_settings.settings_time_zone, name="settings_time_zone"),
    path("settings/country/", views_settings.settings_country, name="settings_country"),
    path("settings/logo/", views_settings.settings_logo, name="settings_logo"),
    path("logo/<slug:name>/", views_settings.logo, name="logo"),
    *urls_transfer.patterns,
]
