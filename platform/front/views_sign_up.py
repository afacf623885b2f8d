"""From the form to the new workspace. Without a session: each link says where one is."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from front.conf import front_settings
from front.errors import LinkVoid, NotReady, SlugNotFree
from front.forms import SignUpForm, SlugForm
from front.keys import progress_key, read_progress_key, read_sent_key, sent_key
from front.models import CONTROL, SignUp
from front.refusals import open_page
from front.services import asking, confirming
from front.services.availability import look_up
from front.services.entering import way_in
from front.services.limits import HOUR, Limit, count
from front.services.progress import progress_of
from front.services.starting import start_or_leave
from front.states import SignUpState
from front.tasks import mail_confirmation, make_workspace
from front.views import READ, READ_OR_SEND, shows_mail
from tenants.conf import tenant_settings
from tenants.visitors import visitor_ip


@open_page(*READ_OR_SEND)
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for a workspace."""
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wish = form.to_wish()
        try:
            key, is_mailed = asking.ask_for_workspace(wish, visitor=visitor_ip(request))
        except SlugNotFree as error:
            form.add_error("slug", error.answer.reason)
        else:
            if is_mailed:
                start_or_leave(mail_confirmation, str(key))
            return redirect("front:sent", sent_key(key, wish.email))
    return render(
        request,
        "front/sign_up.html",
        {"form": form, "base_domain": tenant_settings().base_domain},
    )


@open_page(*READ)
def available(request: HttpRequest) -> HttpResponse:
    """Whether a subdomain can be had: a piece of the form, fetched while somebody types."""
    answer = look_up(request.GET.get("slug", "").strip(), visitor=visitor_ip(request))
    return render(request, "front/_available.html", {"answer": answer})


@open_page(*READ_OR_SEND)
def sent(request: HttpRequest, key: str) -> HttpResponse:
    """We sent a mail; a POST sends it again. Tells nobody whether there is one."""
    sign_up_id, email = read_sent_key(key)
    if request.method == "POST":
        count(Limit("resend", front_settings().sign_ups_per_hour, HOUR), visitor_ip(request))
        if asking.may_send_again(sign_up_id):
            start_or_leave(mail_confirmation, str(sign_up_id))
        return redirect(reverse("front:sent", args=[key]) + "?again=1")
    context = {"email": email, "again": "again" in request.GET, "shows_mail": shows_mail()}
    return render(request, "front/sent.html", context)


@open_page(*READ_OR_SEND)
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the mail. Only the button confirms: mail filters open links, too."""
    if request.method != "POST":
        row = confirming.find_by_token(token)
        if row.state == SignUpState.WAITING:
            return render(request, "front/confirm.html", {"row": row, "host": _host(row)})
        return redirect("front:progress", progress_key(row.pk))
    row = confirming.confirm_sign_up(token)
    _begin(row)
    return redirect("front:progress", progress_key(row.pk))


@open_page(*READ_OR_SEND)
def choose(request: HttpRequest, key: str) -> HttpResponse:
    """Another subdomain, as the first one went to somebody else."""
    row = _row(read_progress_key(key))
    if row.state != SignUpState.CHOOSING:
        return redirect("front:progress", key)
    form = SlugForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _begin(confirming.choose_slug(row.pk, form.cleaned_data["slug"]))
        except SlugNotFree as error:
            form.add_error("slug", error.answer.reason)
        else:
            return redirect("front:progress", key)
    context = {"form": form, "row": row, "base_domain": tenant_settings().base_domain}
    return render(request, "front/choose.html", context)


@open_page(*READ)
def progress(request: HttpRequest, key: str) -> HttpResponse:
    """How far the workspace is; straight into it when it is ready.

    The page itself goes on to the workspace, not an answer's redirect: to other hosts the content
    policy lets no form go, and browsers apply that to each redirect that follows one. Between the
    form and this page the workspace may have become ready.
    """
    row = _row(read_progress_key(key))
    if row.state == SignUpState.CHOOSING:
        return redirect("front:choose", key)
    return render(request, "front/progress.html", _told(row, key))


@open_page(*READ)
def steps(request: HttpRequest, key: str) -> HttpResponse:
    """The part of `progress` that is fetched again and again."""
    row = _row(read_progress_key(key))
    answer = render(request, "front/_steps.html", _told(row, key))
    leads_on = _leads_on(row, key)
    if leads_on is not None:
        answer["HX-Redirect"] = leads_on
    return answer


@open_page(*READ)
def enter(request: HttpRequest, key: str) -> HttpResponse:
    """Over into the workspace."""
    try:
        return redirect(way_in(read_progress_key(key)))
    except NotReady:
        return redirect("front:progress", key)


def _row(sign_up_id: UUID) -> SignUp:
    row = SignUp.objects.using(CONTROL).filter(pk=sign_up_id).first()
    if row is None or row.state in (SignUpState.WAITING, SignUpState.EXPIRED):
        raise LinkVoid
    return row


def _begin(row: SignUp) -> None:
    if row.state == SignUpState.CONFIRMED:
        start_or_leave(make_workspace, str(row.pk))


def _leads_on(row: SignUp, key: str) -> str | None:
    match row.state:
        case SignUpState.READY:
            return reverse("front:enter", args=[key])
        case SignUpState.CHOOSING:
            return reverse("front:choose", args=[key])
        case _:
            return None


def _told(row: SignUp, key: str) -> dict[str, object]:
    return {"row": row, "host": _host(row), "progress": progress_of(row), "key": key}


def _host(row: SignUp) -> str:
    return f"{row.slug}.{tenant_settings().base_domain}"
