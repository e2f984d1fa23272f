"""What the server reads of Git's wire format, and the framing of HTTP bodies."""

from __future__ import annotations

import gzip
from io import BytesIO

import pytest

from harness.gitserver import wire
from harness.gitserver.transfer import Body, Malformed, chunk

SHA = "a" * 40


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "/o/r.git/info/refs?service=git-upload-pack", ("o/r", "upload-pack", True)),
        ("GET", "/a/b/c/info/refs?service=git-receive-pack", ("a/b/c", "receive-pack", True)),
        ("POST", "/o/r%2Dx.git/git-upload-pack", ("o/r-x", "upload-pack", False)),
        ("GET", "/o/r.git/info/refs", None),
        ("GET", "/o/r.git/HEAD", None),
        ("GET", "/o/r.git/info/refs?service=git-daemon", None),
        ("POST", "/o/r.git/info/refs?service=git-upload-pack", None),
    ],
)
def test_http_target(method: str, url: str, expected: tuple[str, str, bool] | None) -> None:
    target = wire.http_target(method, url)
    assert (target and (target.repository, target.service, target.advertise)) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git-upload-pack '/o/r.git'", ("o/r", "upload-pack")),
        ("git receive-pack 'o/r'", ("o/r", "receive-pack")),
        ("git-upload-pack", None),
        ("git-upload-pack 'a' 'b'", None),
        ("sh -c id", None),
        ("git-upload-pack 'broken", None),
        (None, None),
    ],
)
def test_ssh_target(command: str | None, expected: tuple[str, str] | None) -> None:
    target = wire.ssh_target(command)
    assert (target and (target.repository, target.service)) == expected


@pytest.mark.parametrize("name", ["r", "o/r", "a/b/c.d_e-f", "~u/r"])
def test_safe_names(name: str) -> None:
    assert wire.safe_name(name)


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a//b", "-x", "a b", "x.git/y", "a\nb"])
def test_unsafe_names(name: str) -> None:
    assert not wire.safe_name(name)


@pytest.mark.parametrize(
    ("header", "version"), [(None, 0), ("version=2", 2), ("a=b:version=1", 1), ("version=x", 0)]
)
def test_protocol_version(header: str | None, version: int) -> None:
    assert wire.protocol_version(header) == version


def test_wants_and_operation() -> None:
    listing = wire.packet("command=ls-refs\n") + b"0000"
    fetch = wire.packet("command=fetch") + b"0001" + wire.packet(f"want {SHA}\n") + b"0000"
    assert (wire.operation(listing, 2), wire.wants(listing)) == ("ls-refs", ())
    assert (wire.operation(fetch, 2), wire.wants(fetch * 2)) == ("fetch", (SHA,))
    assert wire.announcement("upload-pack") == b"001e# service=git-upload-pack\n0000"


def test_chunked_and_compressed_body() -> None:
    packed = gzip.compress(b"x" * 100_000, mtime=0)
    raw = chunk(packed[:10]) + chunk(packed[10:]) + chunk(b"") + b"NEXT"
    stream = BytesIO(raw)
    body = Body(stream, {"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"})
    assert (body.done, body.read(), body.done) == (False, b"x" * 100_000, True)
    assert stream.read() == b"NEXT"


def test_plain_body_leaves_the_next_request_alone() -> None:
    stream = BytesIO(b"helloNEXT")
    body = Body(stream, {"Content-Length": "5"})
    assert (body.read(), body.done, stream.read()) == (b"hello", True, b"NEXT")


def test_no_body() -> None:
    body = Body(BytesIO(b"NEXT"), {"Content-Encoding": "gzip"})
    assert (body.done, body.read()) == (True, b"")


def test_drain_gives_up_at_its_limit() -> None:
    body = Body(BytesIO(b"x" * 500_000), {"Content-Length": "500000"})
    body.drain(100_000)
    assert not body.done


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (b"", {"Content-Length": "ten"}),
        (b"", {"Content-Length": "-1"}),
        (b"zz\r\n", {"Transfer-Encoding": "chunked"}),
        (b"2\r\nabcdefgh", {"Transfer-Encoding": "chunked"}),
        (b"plain", {"Content-Length": "5", "Content-Encoding": "gzip"}),
        (gzip.compress(b"x", mtime=0)[:-4], {"Content-Length": "17", "Content-Encoding": "gzip"}),
    ],
)
def test_malformed_body(raw: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        Body(BytesIO(raw), headers).read()


def test_client_that_leaves() -> None:
    with pytest.raises(ConnectionResetError):
        Body(BytesIO(b"ab"), {"Content-Length": "5"}).read()
