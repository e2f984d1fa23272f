import base64
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessBug
from harness.reporting import secrets
from harness.reporting.secrets import Secret

VALUE = 'p&ss/w+rd "<é>\\ x1'
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(base64.b64encode(bytes(range(n, n + 48))).decode() for n in (0, 60, 120))
    + "\n-----END PRIVATE KEY-----\n"
)


def found(data: str | bytes, directory: Path, secret: Secret) -> list[secrets.Leak]:
    file = directory / "log"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return secrets.search([directory], [secret])


@pytest.mark.parametrize(
    "shown",
    [
        f"password is {VALUE}!",
        json.dumps({"p": VALUE}),
        json.dumps({"p": VALUE}, ensure_ascii=False),
        yaml.safe_dump({"data": base64.b64encode(VALUE.encode()).decode()}),
        base64.b64encode(b"a" + VALUE.encode() + b"zz").decode(),
        base64.b64encode(b"aa" + VALUE.encode() + b"z").decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        "Authorization: Basic " + base64.b64encode(f"alba:{VALUE}".encode()).decode(),
        "https://alba:" + quote(VALUE, safe="") + "@git",
        repr({"p": VALUE}),
        "<pre>p&amp;ss/w+rd &#34;&lt;é&gt;\\ x1</pre>",
        "<p a='p&amp;ss/w+rd &quot;&lt;é&gt;\\ x1'>",
        '{"p":"p\\u0026ss/w+rd \\"\\u003cé\\u003e\\\\ x1"}',
    ],
)
def test_a_secret_is_found_in_every_form(shown: str, tmp_path: Path) -> None:
    [leak, *_] = found(shown, tmp_path, Secret.of("token", VALUE, "alba"))
    assert leak.secret == "token"
    assert VALUE not in str(leak)
    assert VALUE not in repr(Secret.of("token", VALUE))


def test_every_line_of_a_key_is_found_alone_and_the_frame_is_not(tmp_path: Path) -> None:
    key = Secret.of("key", PEM)
    for line in PEM.splitlines()[1:-1]:
        assert found(f"x {line} y", tmp_path, key)
        assert found(base64.b64encode(f"ab{line}cd".encode()), tmp_path, key)
    assert not found("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", tmp_path, key)


@given(st.binary(min_size=8, max_size=40), st.binary(max_size=7), st.binary(max_size=7))
def test_base64_is_found_whatever_stands_around(value: bytes, before: bytes, after: bytes) -> None:
    if len(value.strip()) >= 8:
        text = base64.b64encode(before + value + after).decode()
        assert secrets.search_text(text, [Secret.of("s", value)])


def test_the_planted_canary_is_found_across_the_border_of_two_chunks(tmp_path: Path) -> None:
    canary = secrets.canary()
    file = tmp_path / "big.log"
    border = secrets._CHUNK
    content = bytearray(b"." * (2 * border))
    content[border - 5 : border - 5 + len(canary.value)] = canary.value
    file.write_bytes(content)
    [leak] = [leak for leak in secrets.search([file], [canary]) if leak.form == "plain"]
    assert leak.offset == border - 5
    assert secrets.search_text(f"x{canary.value.decode()}", [canary])


def test_clean_files_have_no_leak(tmp_path: Path) -> None:
    assert not found("nothing to see: p&ss", tmp_path, Secret.of("token", VALUE))


def test_what_cannot_be_searched_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessBug, match="fewer than 8"):
        list(secrets.forms(Secret.of("short", "hunter2")))
    with pytest.raises(HarnessBug, match="does not exist"):
        secrets.search([tmp_path / "nothing"], [secrets.canary()])


def test_tens_of_megabytes_take_seconds(tmp_path: Path) -> None:
    line = (
        b'{"time":"2026-11-23T08:00:00Z","level":"info","msg":"reconciled GitRepository","n":1}\n'
    )
    (tmp_path / "log").write_bytes(line * 200_000)  # 17 MB
    many = [secrets.canary() for _ in range(10)] + [Secret.of("key", PEM)]
    began = time.perf_counter()
    assert secrets.search([tmp_path], many) == []
    assert time.perf_counter() - began < 20
