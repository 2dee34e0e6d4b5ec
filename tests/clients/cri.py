#!/usr/bin/python3
"""One call to a runtime by the kubelet's interface (CRI), with the fields that are asked for, a line each.

usage: cri.py SOCKET METHOD REQUEST [FIELD]...

REQUEST is the message as JSON, FIELD a path such as status.exit_code. The messages are those of cri.proto; protoc has
made cri_pb2.py of it, in a folder of PYTHONPATH. A call that fails prints what the runtime said, and ends with 1.
"""

import sys

import cri_pb2
import grpc
from google.protobuf import json_format


def method_named(name):
    for service in cri_pb2.DESCRIPTOR.services_by_name.values():
        if name in service.methods_by_name:
            return service.methods_by_name[name]
    sys.exit(f"{name} is not in cri.proto")


def call(socket, method, request):
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=method.input_type._concrete_class.SerializeToString,
            response_deserializer=method.output_type._concrete_class.FromString,
        )
        try:
            return stub(request, timeout=60)
        except grpc.RpcError as error:
            sys.exit(f"{method.name}: {error.code().name}: {error.details()}")


def field(message, path):
    """What is at the path, as text: names of enums, bytes as they are, a number of messages that are repeated."""
    *outer, last = path.split(".")
    for name in outer:
        message = getattr(message, name)
    value, kind = getattr(message, last), message.DESCRIPTOR.fields_by_name[last]
    if kind.label == kind.LABEL_REPEATED:
        return str(len(value))
    if kind.enum_type:
        return kind.enum_type.values_by_number[value].name
    return value.decode() if isinstance(value, bytes) else str(value)


def main():
    socket, name, request, *fields = sys.argv[1:]
    method = method_named(name)
    response = call(socket, method, json_format.Parse(request, method.input_type._concrete_class()))
    for path in fields:
        print(field(response, path).rstrip("\n"))


main()
