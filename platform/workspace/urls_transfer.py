"""Pages of what goes in and out; part of the workspace's addresses (urls.py)."""

from typing import Final

from django.urls import path

from workspace import views_transfer as views
from workspace.services.exports import export_name

patterns: Final = [
    path("exports/", views.exports, name="exports"),
    path(f"exports/<uuid:pk>/{export_name()}", views.export_file, name="export_file"),
    path("exports/<uuid:pk>/delete/", views.export_delete, name="export_delete"),
    path("imports/", views.imports, name="imports"),
    path("imports/<uuid:pk>/", views.import_page, name="import"),
    path("imports/<uuid:pk>/stop/", views.import_stop, name="import_stop"),
    path("imports/<uuid:pk>/delete/", views.import_delete, name="import_delete"),
]
