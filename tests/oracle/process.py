"""Runs inside the oracle's environment: answers questions about messages, one JSON object per line each way.

``{"schema": name}`` gives the fields of a message, ``{"type": name, "data": hex}`` its JSON and its bytes written
again, and both give null for a message that xds-protos does not have.
"""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory

PACKAGES = Path(json_format.__file__).parents[2]


def import_package(message_name: str) -> None:
    package = list(itertools.takewhile(str.islower, message_name.split(".")))
    for path in sorted(PACKAGES.joinpath(*package).glob("*_pb2.py")):
        importlib.import_module(".".join([*package, path.stem]))


def find(message_name: str) -> Any:
    import_package(message_name)
    try:
        return descriptor_pool.Default().FindMessageTypeByName(message_name)
    except KeyError:
        return None


def schema(descriptor: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": field.name,
            "json_name": field.json_name,
            "number": field.number,
            "type": field.type,
            "repeated": field.is_repeated,
            "packed": field.is_packed,
            "presence": field.has_presence,
            "oneof": field.containing_oneof.name if field.containing_oneof else None,
            "message": field.message_type.full_name if field.message_type else None,
            "map": bool(field.message_type and field.message_type.GetOptions().map_entry),
            "enum": {value.name: value.number for value in field.enum_type.values} if field.enum_type else None,
        }
        for field in descriptor.fields
    ]


def read(descriptor: Any, data: bytes) -> dict[str, Any]:
    message = message_factory.GetMessageClass(descriptor)()
    message.ParseFromString(data)
    return {"json": as_json(message), "data": message.SerializeToString(deterministic=True).hex()}


def as_json(message: Any) -> Any:
    """The message as JSON; the types inside Any are imported when protobuf misses them."""
    missed: set[str] = set()
    while True:
        try:
            return json_format.MessageToDict(message)
        except TypeError as missing:
            name = str(missing).rpartition("/")[2]
            if name in missed:
                raise
            missed.add(name)
            import_package(name)


def answer(question: dict[str, str]) -> Any:
    descriptor = find(question.get("schema") or question["type"])
    if descriptor is None:
        return None
    return schema(descriptor) if "schema" in question else read(descriptor, bytes.fromhex(question["data"]))


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            reply = {"answer": answer(json.loads(line))}
        except Exception as failure:
            reply = {"error": f"{type(failure).__name__}: {failure}"}
        print(json.dumps(reply), flush=True)
