"""Forms of the workspace's tickets."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet

from accounts.models import User
from accounts.plain_labels import PlainForm, PlainLabels
from workspace.content_types import Upload
from workspace.models import Comment, Ticket
from workspace.services.attachments import MOST_AT_ONCE
from workspace.services.find_tickets import ALL, BEST, ME, NOBODY, UNSOLVED

if TYPE_CHECKING:
    OfTicket = forms.ModelForm[Ticket]
    OfComment = forms.ModelForm[Comment]
else:  # generic in the stubs only
    OfTicket = OfComment = forms.ModelForm


class LinesField(forms.CharField):
    """Text of several lines, which browsers send with a carriage return at each end."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        """The text with plain line ends, as it was shown: no change is seen where none is."""
        return str(super().to_python(value) or "").replace("\r\n", "\n")


class FilesInput(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Files, a few at most. What is in them is the service's to judge."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        """The files that were sent, perhaps none."""
        given = data if isinstance(data, list | tuple) else [data]
        files = [super(FilesField, self).clean(each, initial) for each in given if each]
        if len(files) > MOST_AT_ONCE:
            raise forms.ValidationError(f"At most {MOST_AT_ONCE} files at once, please.")
        return files


class FilterForm(PlainForm):
    """Which tickets a list shows. Every field may be empty."""

    text = forms.CharField(
        label="Search",
        help_text="Titles and texts of tickets, not comments.",
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Words, “a phrase”, -without, #12"}
        ),
    )
    status = forms.ChoiceField(
        required=False,
        choices=[(UNSOLVED, "Unsolved"), *Ticket.Status.choices, (ALL, "Any status")],
    )
    priority = forms.ChoiceField(
        required=False, choices=[("", "Any priority"), *Ticket.Priority.choices]
    )
    assignee = forms.ChoiceField(required=False)
    order = forms.ChoiceField(
        label="Sorted by",
        required=False,
        choices=[
            ("", "Automatic"),
            (BEST, "Best match"),
            ("newest", "Newest first"),
            ("changed", "Lately changed"),
        ],
    )

    def __init__(self, *args: Any, members: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["assignee"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", "Anybody"),
            (ME, "Me"),
            (NOBODY, "Nobody yet"),
            *(
                (str(member.pk), str(member) if member.is_active else f"{member} (has left)")
                for member in members
            ),
        ]


class TicketForm(PlainLabels, OfTicket):
    """A new ticket."""

    body = LinesField(label="What is it about?", required=False, max_length=20_000)
    priority = forms.ChoiceField(
        choices=Ticket.Priority.choices, initial=Ticket.Priority.NORMAL, required=False
    )
    assignee = forms.ModelChoiceField(
        queryset=User.objects.none(), required=False, empty_label="Nobody yet"
    )

    class Meta:
        model = Ticket
        fields = ["title", "body", "priority", "assignee"]
        widgets = {"title": forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, assignable())


class ChangeForm(PlainForm):
    """Changes of a ticket that is there, by somebody who looked at a version of it.

    Each field comes back with what was shown (`show_hidden_initial`): so only what this person
    changed is changed, and what others changed in other fields meanwhile stays.
    """

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, ticket: Ticket, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=self._shown(ticket))

    @classmethod
    def _shown(cls, ticket: Ticket) -> dict[str, Any]:
        """The fields of `ticket` as the form shows them."""
        return {
            name: getattr(ticket, f"{name}_id", getattr(ticket, name)) for name in cls.base_fields
        }

    def changes(self) -> dict[str, Any]:
        """What this person wants different. Needs a valid form."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name != "version"}

    def again(self, ticket: Ticket) -> "ChangeForm":
        """The same wishes over `ticket` as it is now, to be looked at and sent again."""
        now = {name: "" if value is None else value for name, value in self._shown(ticket).items()}
        wishes = {name: self.data.get(name) for name in self.changes()}
        return type(self)(ticket, {f"initial-{name}": now[name] for name in now} | now | wishes)


class PropertiesForm(ChangeForm):
    """What a ticket is at: status, priority, assignee."""

    status = forms.ChoiceField(choices=Ticket.Status.choices, show_hidden_initial=True)
    priority = forms.ChoiceField(choices=Ticket.Priority.choices, show_hidden_initial=True)
    assignee = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody yet",
        show_hidden_initial=True,
    )

    def __init__(self, ticket: Ticket, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(ticket, data)
        members = assignable()
        if ticket.assignee_id is not None:
            # Who has it stays to be chosen, even if he has left since.
            members |= User.objects.filter(pk=ticket.assignee_id)
        _offer(self, members)


class WordingForm(ChangeForm):
    """What a ticket says."""

    title = forms.CharField(max_length=200, show_hidden_initial=True)
    body = LinesField(
        label="What is it about?",
        required=False,
        max_length=20_000,
        show_hidden_initial=True,
        widget=forms.Textarea(attrs={"rows": 12}),
    )


class CommentForm(PlainLabels, OfComment):
    """A comment on a ticket, files for it, or both."""

    text = LinesField(
        label="Comment",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    uploads = FilesField(label="Attach files", required=False)

    class Meta:
        model = Comment
        fields = ["text"]

    def clean(self) -> dict[str, Any]:
        """Refuse an empty one."""
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and not given.get("text") and not given.get("uploads"):
            self.add_error("text", "Write something, or attach a file.")
        return given


def assignable() -> QuerySet[User]:
    """Members who can work on tickets."""
    return User.objects.filter(is_active=True).exclude(role=User.Role.VIEWER)


def _offer(form: forms.BaseForm, members: QuerySet[User]) -> None:
    field = form.fields["assignee"]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = members
