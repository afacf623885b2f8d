"""The public host: what this is, and how to find one's workspace."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from front.conf import front_settings
from front.forms import EmailForm
from front.refusals import open_page
from front.sent_mail import read_mails
from front.services.limits import HOUR, Limit, count
from front.services.starting import start
from front.tasks import mail_workspaces
from tenants.conf import tenant_settings
from tenants.visitors import visitor_ip

READ = ("GET", "HEAD")
READ_OR_SEND = ("GET", "HEAD", "POST")


@open_page(*READ)
def home(request: HttpRequest) -> HttpResponse:
    """What this place is."""
    return render(request, "front/home.html", {"base_domain": tenant_settings().base_domain})


@open_page(*READ_OR_SEND)
def find(request: HttpRequest) -> HttpResponse:
    """Ask for the links of one's workspaces; the answer is the same for every address."""
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        count(Limit("search", front_settings().searches_per_hour, HOUR), visitor_ip(request))
        # Looked up by the task: neither the answer nor the time it takes can tell.
        start(mail_workspaces, form.cleaned_data["email"])
        return redirect("front:find_sent")
    return render(request, "front/find.html", {"form": form})


@open_page(*READ)
def find_sent(request: HttpRequest) -> HttpResponse:
    """Look into your mail, perhaps."""
    return render(request, "front/find_sent.html", {"shows_mail": shows_mail()})


@open_page(*READ)
def mail(request: HttpRequest) -> HttpResponse:
    """Mails that were sent; for demo and development, where they are kept in a folder.

    Raises:
        Http404: they are not.
    """
    folder = front_settings().mail_folder
    if folder is None:
        raise Http404("Sent mail is not shown here.")
    return render(request, "front/mail.html", {"mails": read_mails(folder)})


def shows_mail() -> bool:
    """Whether `mail` has something to show."""
    return front_settings().mail_folder is not None
