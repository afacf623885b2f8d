"""A user model such as projects have: keys that count, groups, a profile."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Somebody who may be in several tenants of the old project."""


class Profile(models.Model):
    """What one person says of themselves."""

    person = models.OneToOneField(Person, on_delete=models.CASCADE)
    motto = models.CharField(max_length=100)
