"""Forms of the workspace."""

from typing import TYPE_CHECKING

from django import forms

from workspace.models import Comment, Ticket

if TYPE_CHECKING:
    OfTicket = forms.ModelForm[Ticket]
    OfComment = forms.ModelForm[Comment]
else:  # generic in the stubs only
    OfTicket = OfComment = forms.ModelForm


class TicketForm(OfTicket):
    """A new ticket."""

    class Meta:
        model = Ticket
        fields = ["title", "body"]
        widgets = {
            "title": forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
            "body": forms.Textarea(attrs={"rows": 6}),
        }


class CommentForm(OfComment):
    """A comment on a ticket."""

    class Meta:
        model = Comment
        fields = ["text"]
        widgets = {"text": forms.Textarea(attrs={"rows": 3})}
