"""Forms of what goes in and out."""

from django import forms

from accounts.plain_labels import PlainForm


class ImportForm(PlainForm):
    """A CSV file to make tickets of. What is in it is looked at by the service."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )
