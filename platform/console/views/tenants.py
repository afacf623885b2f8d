"""Tenants: find them, look at one, suspend, resume, delete and restore it, its plan and hosts."""

from collections.abc import Callable
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from console.errors import NotConfirmed
from console.forms import DomainForm, DomainRemovalForm, PlanForm, StateForm, TenantFilterForm
from console.guard import operators_only
from console.services.tenant_search import TenantQuery, search_tenants
from console.services.tenants import TenantLook, check_confirmed, look_at_tenant
from console.views.addresses import with_changed, without
from tenants.errors import TenantError, UnknownSlug
from tenants.services.change_plan import change_plan
from tenants.services.delete import delete_tenant
from tenants.services.domains import add_domain, remove_domain
from tenants.services.restore import restore_tenant
from tenants.services.suspend import resume_tenant, suspend_tenant

_IDS: Final = {"state_form": "id_%s", "deletion_form": "id_deletion_%s"}
"""Two forms of one kind on a page: the ids of their fields differ."""


@operators_only
@require_safe
def tenants(request: HttpRequest) -> HttpResponse:
    """Tenants by slug, as they are searched for."""
    form = TenantFilterForm(request.GET)
    form.is_valid()
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    page = search_tenants(TenantQuery(**wanted))
    onward = with_changed(request, after=page.next_after) if page.next_after else ""
    shown = {"form": form, "page": page, "onward": onward, "from_middle": "after" in wanted}
    shown["first"] = without(request, "after")
    return render(request, "console/tenants.html", shown)


@operators_only
@require_safe
def tenant(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """One tenant: where it is, its hosts, its size, what was done to it."""
    return _page(request, _looked_at(tenant_id))


@operators_only
@require_POST
def suspend(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Close the tenant to its people."""
    return _set_state(request, tenant_id, suspend_tenant, "is suspended")


@operators_only
@require_POST
def resume(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Open the tenant again."""
    return _set_state(request, tenant_id, resume_tenant, "is served again")


@operators_only
@require_POST
def delete(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Let the tenant be as if it had never been; its data is kept for a while."""
    return _set_state(request, tenant_id, delete_tenant, "is deleted", shown_in="deletion_form")


@operators_only
@require_POST
def restore(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Bring a deleted tenant back."""
    return _set_state(request, tenant_id, restore_tenant, "is restored", shown_in="deletion_form")


@operators_only
@require_POST
def plan(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Let the tenant have more of its shard, or less."""
    look = _looked_at(tenant_id)
    form = PlanForm(request.POST, present=look.line.plan)
    if form.is_valid():
        wanted = form.cleaned_data["plan"]
        try:
            change_plan(tenant_id, wanted, reason=form.cleaned_data["reason"])
        except TenantError as error:
            form.add_error("plan", str(error))
        else:
            told = f"plan {wanted}" if wanted else "no plan"
            return _done(request, tenant_id, f"{look.line.slug} has {told} from now on.")
    return _page(request, look, plan_form=form)


@operators_only
@require_POST
def domain_add(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Let the tenant be reached under one more host."""
    form = DomainForm(request.POST)
    if form.is_valid():
        try:
            domain = add_domain(tenant_id, **_domain(form))
        except TenantError as error:
            form.add_error("domain", str(error))
        else:
            return _done(request, tenant_id, f"{domain.domain} leads to this tenant.")
    return _page(request, _looked_at(tenant_id), domain_form=form)


@operators_only
@require_POST
def domain_remove(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Let the tenant no longer be reached under a host."""
    form = DomainRemovalForm(request.POST)
    problem = "Which host?"
    if form.is_valid():
        try:
            domain = remove_domain(tenant_id, form.cleaned_data["domain"])
        except TenantError as error:
            problem = str(error)
        else:
            return _done(request, tenant_id, f"{domain} leads to this tenant no longer.")
    return _page(request, _looked_at(tenant_id), problem=problem)


def _set_state(
    request: HttpRequest,
    tenant_id: str,
    change: Callable[..., Any],
    told: str,
    *,
    shown_in: str = "state_form",
) -> HttpResponse:
    look = _looked_at(tenant_id)
    form = StateForm(request.POST, auto_id=_IDS[shown_in])
    if form.is_valid():
        try:
            check_confirmed(look.line, form.cleaned_data["confirm"])
            change(tenant_id, reason=form.cleaned_data["reason"])
        except NotConfirmed as error:
            form.add_error("confirm", str(error))
        except TenantError as error:
            form.add_error(None, str(error))
        else:
            return _done(request, tenant_id, f"{look.line.slug} {told}.")
    return _page(request, look, **{shown_in: form})


def _domain(form: DomainForm) -> dict[str, Any]:
    return {"typed": form.cleaned_data["domain"], "primary": form.cleaned_data["primary"]}


def _looked_at(tenant_id: str) -> TenantLook:
    try:
        return look_at_tenant(tenant_id)
    except UnknownSlug as error:
        raise Http404 from error


def _done(request: HttpRequest, tenant_id: str, told: str) -> HttpResponse:
    request.session["notice"] = told
    return redirect("console:tenant", tenant_id)


def _page(request: HttpRequest, look: TenantLook, **more: Any) -> HttpResponse:
    forms = {name: StateForm(auto_id=ids) for name, ids in _IDS.items()}
    forms_of_its_own = {"domain_form": DomainForm(), "plan_form": PlanForm(present=look.line.plan)}
    shown = {**forms, **forms_of_its_own, "look": look, **more}
    # A form that was not taken: the page is shown again with what is wrong.
    status = 400 if more else 200
    return render(request, "console/tenant.html", shown, status=status)
