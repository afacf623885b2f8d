"""Many tests that each want a tenant."""

import pytest
from notes.models import Note


@pytest.mark.parametrize("turn", range(50))
def test_insert_and_count(tenant, turn):
    Note.objects.create(text="mine")
    assert Note.objects.count() == 2


@pytest.mark.parametrize("turn", range(10))
@pytest.mark.django_db(transaction=True)
def test_commit(tenant, turn):
    Note.objects.create(text="mine")
    assert Note.objects.count() == 2
