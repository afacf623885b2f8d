"""What templates of all apps show of the workspace's look."""

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse

from workspace.services.preferences import preferences

register = template.Library()


@register.simple_tag(takes_context=True)
def logo_address(context: Context) -> str:
    """Where the logo of this host's tenant is; empty where there is no tenant or no logo.

    Each new logo has an address of its own, so that no browser shows the old one.
    """
    request = context.get("request")
    if not isinstance(request, HttpRequest) or not getattr(request, "tenant", None):
        return ""
    name = preferences().logo
    return reverse("workspace:logo", args=[name.rpartition("/")[2]]) if name else ""
