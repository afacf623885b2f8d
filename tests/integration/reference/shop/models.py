from django.db import models

from tenants.catalog.models import Country, Plan


class Order(models.Model):
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="orders")
    countries = models.ManyToManyField(Country, through="Destination")


class Destination(models.Model):
    order = models.ForeignKey(Order, models.CASCADE)
    country = models.ForeignKey(Country, models.DO_NOTHING, related_name="+")
