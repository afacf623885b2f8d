"""Books over HTTP, for whoever holds a token."""

from django.db import transaction
from rest_framework import authentication, permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.integration.third_party.shelf.models import Book


class BookSerializer(serializers.ModelSerializer):
    """A book with its tags' names."""

    tags = serializers.SerializerMethodField()

    class Meta:
        model = Book
        fields = ("id", "title", "tags")

    def get_tags(self, book: Book) -> list[str]:
        """The names, sorted."""
        return sorted(book.tags.names())


class Books(APIView):
    """List the tenant's books; add one."""

    authentication_classes = [authentication.TokenAuthentication]
    permission_classes = [permissions.IsAuthenticated]

    def get(self, request: Request) -> Response:
        """All books."""
        return Response(BookSerializer(Book.objects.order_by("id"), many=True).data)

    def post(self, request: Request) -> Response:
        """Add one; with `fail`, raise after the book was written."""
        serializer = BookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            book = serializer.save()
            book.tags.add(*request.data.get("tags", []))
        if request.data.get("fail"):
            raise serializers.ValidationError("asked to fail")
        return Response(BookSerializer(book).data, status=201)
