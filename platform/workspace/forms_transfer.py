"""Forms of what goes in and out."""

from django import forms


class ImportForm(forms.Form):
    """A CSV file to make tickets of. What is in it is looked at by the service."""

    file = forms.FileField(
        label="CSV file",
        label_suffix="",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )
