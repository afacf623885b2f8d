"""Forms of the workspace."""

from django import forms

from workspace.models import Comment, Ticket


class TicketForm(forms.ModelForm[Ticket]):
    """A new ticket."""

    class Meta:
        model = Ticket
        fields = ["title", "body"]
        widgets = {
            "title": forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
            "body": forms.Textarea(attrs={"rows": 6}),
        }


class CommentForm(forms.ModelForm[Comment]):
    """A comment on a ticket."""

    class Meta:
        model = Comment
        fields = ["text"]
        widgets = {"text": forms.Textarea(attrs={"rows": 3})}
