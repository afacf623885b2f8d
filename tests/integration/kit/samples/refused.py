"""Tests that ask for a tenant's database and no tenant."""

import pytest
from django.test import TestCase
from notes.models import Note


def test_function(db):
    Note.objects.count()


class Case(TestCase):
    def test_method(self):
        Note.objects.count()


class Mixed(TestCase):
    @pytest.mark.tenant
    def test_method_alone_is_marked(self):
        Note.objects.count()
