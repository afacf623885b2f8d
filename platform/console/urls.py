"""Pages of the operators' host.

Each view says who may see it (console/guard.py). One that says nothing fails: the product's own
middleware then looks for a member of a tenant, and there is none here.
"""

from django.urls import path

from console.views import account, looking, rebalance, shards, signing_in, tenants

app_name = "console"
urlpatterns = [
    path("", looking.overview, name="home"),
    path("sign-in/", signing_in.sign_in, name="sign_in"),
    path("sign-in/code/", signing_in.code, name="code"),
    path("sign-out/", signing_in.leave, name="sign_out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/device/", account.device, name="device"),
    path("account/device/new/", account.new_device, name="new_device"),
    path("account/recovery-codes/", account.recovery_codes, name="recovery_codes"),
    path("shards/", shards.shards, name="shards"),
    path("shards/<slug:name>/hold/", shards.hold, name="hold"),
    path("shards/<slug:name>/release/", shards.release, name="release"),
    path("rebalance/", rebalance.rebalance, name="rebalance"),
    path("rebalance/plan/", rebalance.plan, name="rebalance_plan"),
    path("rebalance/<int:number>/approve/", rebalance.approve, name="rebalance_approve"),
    *(
        path(f"rebalance/<int:number>/{how}/", rebalance.steer, {"how": how}, f"rebalance_{how}")
        for how in ("pause", "resume", "stop")
    ),
    path("tenants/", tenants.tenants, name="tenants"),
    path("tenants/<slug:tenant_id>/", tenants.tenant, name="tenant"),
    path("tenants/<slug:tenant_id>/suspend/", tenants.suspend, name="suspend"),
    path("tenants/<slug:tenant_id>/resume/", tenants.resume, name="resume"),
    path("tenants/<slug:tenant_id>/delete/", tenants.delete, name="delete"),
    path("tenants/<slug:tenant_id>/restore/", tenants.restore, name="restore"),
    path("tenants/<slug:tenant_id>/plan/", tenants.plan, name="plan"),
    path("tenants/<slug:tenant_id>/hosts/", tenants.domain_add, name="domain_add"),
    path("tenants/<slug:tenant_id>/hosts/remove/", tenants.domain_remove, name="domain_remove"),
    path("audit/", looking.audit, name="audit"),
    path("processes/", looking.processes, name="processes"),
]
