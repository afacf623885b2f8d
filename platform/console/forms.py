"""What operators type."""

from collections.abc import Mapping
from typing import Any

from django import forms

from console.errors import NotConfirmed
from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.holding import REASON_MOST
from tenants.conf import tenant_settings
from tenants.states import TenantState


class SignInForm(forms.Form):
    """The first half of signing in."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )
    password = forms.CharField(
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """A code of the second factor."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=forms.TextInput(
            attrs={"autofocus": True, "autocomplete": "one-time-code", "spellcheck": "false"}
        ),
    )


class BothFactorsForm(forms.Form):
    """Password and code once more, before what they protect is changed."""

    password = forms.CharField(
        label="Present password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="What your device shows now, or a recovery code.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


class PasswordForm(BothFactorsForm):
    """Another password."""

    new = forms.CharField(
        label="New password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password again",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """The two new ones must be the same."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("new") != cleaned.get("again"):
            self.add_error("again", "This is not the same as above.")
        return cleaned


class StateForm(forms.Form):
    """Suspending, resuming, deleting or restoring a tenant: all four ask for the same."""

    reason = forms.CharField(max_length=500, help_text="Kept in the audit.")
    confirm = forms.CharField(
        max_length=63, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )


class HoldForm(forms.Form):
    """Keeping a shard closed for maintenance."""

    reason = forms.CharField(
        max_length=REASON_MOST, help_text="Shown to operators, and kept in the audit."
    )
    confirm = forms.CharField(
        max_length=63, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, shard: str) -> None:
        super().__init__(data, auto_id=f"id_{shard}_%s")
        self.shard = shard

    def clean_confirm(self) -> str:
        """All tenants of the shard are concerned, so its name is typed."""
        typed: str = self.cleaned_data["confirm"].strip()
        if typed != self.shard:
            raise forms.ValidationError(str(NotConfirmed(self.shard)))
        return typed


class PlanForm(forms.Form):
    """How much of its shard a tenant may have."""

    plan = forms.ChoiceField(required=False)
    reason = forms.CharField(max_length=500, help_text="Kept in the audit.")

    def __init__(self, data: Any = None, *, present: str = "") -> None:
        super().__init__(data, auto_id="id_plan_%s", initial={"plan": present})
        plans = {name: str(plan) for name, plan in tenant_settings().plans.items()}
        if present and present not in plans:
            plans[present] = f"{present}: of no meaning, ATOLL_PLANS has it no longer"
        field = self.fields["plan"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "no plan"), *plans.items()]


class DomainForm(forms.Form):
    """One more host of a tenant."""

    domain = forms.CharField(
        label="Host",
        max_length=253,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    primary = forms.BooleanField(label="List it first", required=False)


class DomainRemovalForm(forms.Form):
    """A host that shall lead to its tenant no longer."""

    domain = forms.CharField(max_length=253)


class TenantFilterForm(forms.Form):
    """Which tenants to show. Nothing here is an error: what fits no field asks for nothing."""

    text = forms.CharField(
        label="Slug, name, host or id",
        required=False,
        max_length=253,
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    state = forms.ChoiceField(
        required=False,
        choices=[("", "any state"), *((str(state), str(state)) for state in TenantState)],
    )
    shard = forms.ChoiceField(required=False)
    after = forms.CharField(required=False, max_length=63, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Shard.objects.using(CONTROL).order_by("name").values_list("name", flat=True)
        self.shard_field.choices = [("", "any shard"), *((name, name) for name in names)]

    @property
    def shard_field(self) -> forms.ChoiceField:
        """The field whose choices are the shards there are."""
        field = self.fields["shard"]
        assert isinstance(field, forms.ChoiceField)
        return field


class AuditFilterForm(forms.Form):
    """Which entries to show."""

    actor = forms.CharField(
        label="Who", required=False, max_length=300, help_text="beginning, as operator:ann@"
    )
    action = forms.CharField(
        label="What", required=False, max_length=60, help_text="beginning, as tenant."
    )
    subject = forms.CharField(
        label="To what", required=False, max_length=300, help_text="slug, id, shard"
    )
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label="To", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    before = forms.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, widget=forms.HiddenInput
    )
