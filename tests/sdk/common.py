"""Where the servers are, and what several cases need."""

import json
import os
import socket
import urllib.request

SCRIPTED = os.environ["HELM_SCRIPTED_URL"]
BUILTIN = os.environ["HELM_BUILTIN_URL"]
KEYED = os.environ["HELM_KEYED_URL"]
LIMITED = os.environ["HELM_LIMITED_URL"]
KEY = os.environ["HELM_KEY"]

# The smallest PNG there is.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def raises(kind, call, *args, **kwargs):
    """The error of this kind that the call raises."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def http(method, url, body=None, headers=None):
    """Status, headers and JSON of a plain request."""
    data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


def raw_post(base, path, body, until=None):
    """The bytes of a response over a socket of its own, up to its end or to what is looked for."""
    host, port = base.removeprefix("http://").split(":")
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {len(data)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + data)
        seen = b""
        while piece := connection.recv(4096):
            seen += piece
            if until and until in seen:
                break
        return seen.decode()
