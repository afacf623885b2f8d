"""The registry as a TOML file: read whole, written whole."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sharding.private_files import write_private
from sharding.registry.errors import MalformedRegistry
from sharding.registry.types import Endpoint, Login, Registry, Server

_LOGINS = ("web", "own", "mover", "role_maker", "pooler")


def read_registry(path: Path) -> Registry:
    """The registry that `path` holds.

    Raises:
        MalformedRegistry: no TOML, or a server without an address or a login.
        FileNotFoundError: there is no such file.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MalformedRegistry(str(path), f"this is no TOML: {error}") from error
    control = data.get("control")
    shards = data.get("shards", {})
    if not isinstance(shards, dict):
        raise MalformedRegistry(str(path), "`shards` must be a table of shards")
    return Registry(
        version=int(data.get("version", 0)),
        control=_server(path, "control", control) if control is not None else None,
        shards=MappingProxyType({name: _server(path, name, part) for name, part in shards.items()}),
    )


def write_registry(path: Path, registry: Registry) -> None:
    """Put `registry` at `path` in one step, readable by its owner only (it holds passwords)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, _dump(registry))


def _server(path: Path, name: str, part: Mapping[str, Any]) -> Server:
    try:
        direct = _endpoint(part["direct"])
        logins = {key: _login(part[key]) for key in _LOGINS if key in part}
        return Server(
            name=name,
            direct=direct,
            pooled=_endpoint(part["pooled"]) if "pooled" in part else direct,
            incarnation=int(part.get("incarnation", 1)),
            **logins,
        )
    except KeyError as error:
        raise MalformedRegistry(str(path), f"{name} lacks {error.args[0]!r}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedRegistry(str(path), f"{name} is not as it should be: {error}") from error


def _endpoint(part: Mapping[str, Any]) -> Endpoint:
    return Endpoint(host=str(part["host"]), port=int(part["port"]), dbname=str(part["dbname"]))


def _login(part: Mapping[str, Any]) -> Login:
    return Login(user=str(part["user"]), password=str(part["password"]))


def _dump(registry: Registry) -> str:
    lines = [f"version = {registry.version}"]
    if registry.control is not None:
        lines += ["", "[control]", *_dump_server(registry.control)]
    for name, server in registry.shards.items():
        lines += ["", f"[shards.{_string(name)}]", *_dump_server(server)]
    return "\n".join(lines) + "\n"


def _dump_server(server: Server) -> list[str]:
    lines = [f"direct = {_dump_endpoint(server.direct)}"]
    if server.pooled != server.direct:
        lines.append(f"pooled = {_dump_endpoint(server.pooled)}")
    lines.append(f"incarnation = {server.incarnation}")
    for key in _LOGINS:
        login = getattr(server, key)
        if login is not None:
            user, password = _string(login.user), _string(login.password)
            lines.append(f"{key} = {{user = {user}, password = {password}}}")
    return lines


def _dump_endpoint(endpoint: Endpoint) -> str:
    host, dbname = _string(endpoint.host), _string(endpoint.dbname)
    return f"{{host = {host}, port = {endpoint.port}, dbname = {dbname}}}"


def _string(text: str) -> str:
    # TOML's basic strings are JSON's, but that DEL must be escaped and surrogates may not appear.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
