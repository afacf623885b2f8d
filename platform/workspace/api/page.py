"""The API's document: for programs as OpenAPI, for people as a page without scripts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import May, needs
from workspace.api.api import ROOT, document

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    kind: str
    about: str
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the API does, as the page shows it."""

    name: str
    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    outcomes: tuple[tuple[str, str], ...]


@login_not_required
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, for anybody who comes to this host: it holds no data."""
    return JsonResponse(document())


@needs(May.READ)
@require_safe
def document_page(request: HttpRequest) -> HttpResponse:
    """The same for people."""
    content = {
        "about": _plain(document()["info"]["description"]),
        "operations": list(_operations()),
        "shapes": list(_shapes()),
        "host": request.get_host(),
        "scheme": request.scheme,
        "root": ROOT,
    }
    return render(request, "workspace/api/docs.html", content)


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get(JSON, {})
            yield Operation(
                name=operation["operationId"],
                method=method.upper(),
                path=path,
                summary=operation["summary"],
                about=_plain(operation.get("description", "")),
                parameters=tuple(
                    Field(
                        each["name"],
                        _kind(each["schema"]),
                        _plain(each.get("description", "")),
                        each["required"],
                    )
                    for each in operation["parameters"]
                ),
                body=tuple(_fields(_resolved(body.get("schema", {})))),
                outcomes=tuple(
                    (str(status), _outcome(answer))
                    for status, answer in sorted(operation["responses"].items())
                ),
            )


def _shapes() -> Iterator[tuple[str, str, tuple[Field, ...]]]:
    """What comes out: name, what it is, its fields."""
    for name, schema in sorted(document()["components"]["schemas"].items()):
        if name.endswith(("Out", "Page", "Brief")):
            yield name, schema.get("description", ""), tuple(_fields(schema))


def _fields(schema: Mapping[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield Field(name, _kind(field), _plain(field.get("description", "")), name in required)


def _outcome(answer: Mapping[str, Any]) -> str:
    reference = answer.get("content", {}).get(JSON, {}).get("schema", {}).get("$ref", "")
    return _name(reference) or _plain(answer["description"])


def _plain(text: str) -> str:
    """Descriptions are Markdown, of which nothing but code in backticks is used."""
    return text.replace("`", "")


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    if "$ref" in schema:
        inner = _resolved(schema)
        return _kind(inner) if "enum" in inner else _name(schema["$ref"])
    for several in ("anyOf", "allOf"):
        if several in schema:
            return " or ".join(_kind(each) for each in schema[several])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    kind = str(schema.get("format") or schema.get("type", "anything"))
    if "maxLength" in schema:
        return f"{kind}, at most {schema['maxLength']:,} characters"
    return kind


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document()["components"]["schemas"][_name(schema["$ref"])]
    return found


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
