"""Every setting with hostile values: it is accepted, or one line names it and the exit code is 2."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from taskward import environment
from taskward.app import create_app
from taskward.cli import check
from taskward.cli.findings import Finding
from taskward.cli.main import main
from taskward.settings import Settings
from tests.support.shell import environment as environment_of

GOOD = {
    "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d",
    "JWKS_URL": "http://127.0.0.1:1/jwks",
    "JWT_ISSUER": "http://localhost:3000",
    "JWT_AUDIENCE": "http://localhost:3000",
    "DATABASE_TIMEOUT": "1",
}
CERTIFICATES = environment.certificates()
NAMES = sorted(name.upper() for name in Settings.model_fields)

VALUES = {
    "nothing": ["", " ", "\t", ",", ",,", " , "],
    "numbers": [
        "nan",
        "inf",
        "-inf",
        "-1",
        "0",
        "1e400",
        "9" * 400,
        "٣",
        "²",
        "1_000",
        "0x10",
        "+5",
        "5.0",
        "1e-9",
        "-0",
    ],
    "words": ["true", "null", "none", "off", "undefined", "x", "*", "None", "[]", "{}", '["a"]', "[1", '{"a":1}'],
    "text": [
        "\\",
        "%",
        "%00",
        "%zz",
        "$(x)",
        "${X}",
        "=",
        "#",
        "?",
        "@",
        "é",
        "\u202e",
        "\x1b[2J",
        "\n",
        "a\nb",
        "\x7f",
    ],
    "bytes": ["\udcff", "a\udcffb", "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")],
    "long": ["a" * 5000, "a," * 5000, "h://" + "a" * 5000],
    "quotes": ['"x"', "'", "'x'", "`x`", '"', "“x”"],
    "links": ["tcp://10.0.0.1:9090", "udp://10.0.0.1:53", "10.0.0.1:9090"],
    "urls": [
        "http://",
        "https://[",
        "http://[::1",
        "http://h:99999",
        "http://127.0.0.1:x",
        "://",
        "//",
        "http:///x",
        "h:p",
    ],
    "secrets": ["hunter2@", "http://u:hunter2@127.0.0.1:1", "x" * 20 + "hunter2@" + "x" * 50, "Bearer hunter2@"],
    "databases": [
        *("postgresql://", "postgresql://[", "postgres://h:99999/d", "postgresql://u:hunter2@[::1/d", "postgresql:/x"),
        *(
            "postgresql://u:hunter2#x@127.0.0.1:1/d",
            "postgresql://127.0.0.1:1/d?sslmode=maybe",
            "mysql://u:hunter2@h/d",
        ),
        *(
            "postgresql://127.0.0.1:1/d?port=x",
            "postgresql://127.0.0.1:1/%ff",
            "postgresql://127.0.0.1:1/d?sslrootcert=/nope",
        ),
        "postgresql://127.0.0.1:1,127.0.0.1:1/d?target_session_attrs=maybe",
    ],
    "stores": [
        "redis://",
        "redis://[",
        "redis://127.0.0.1:x",
        "redis://127.0.0.1:1/x",
        "rediss://u:hunter2@127.0.0.1:1?a=b",
    ],
    "limits": ["5/0minute", "1/century", "5/", "/minute", "-5/minute", "5/minute/hour", "9" * 30 + "/second"],
    "addresses": ["0.0.0.0/0", "10.0.0.0/33", "10.0.0.1/8", "fe80::1%eth0", "::ffff:1.2.3.4", "1.2.3"],
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_taken_or_named_in_one_line(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def build(settings: Settings) -> list[Finding]:
        if name != "OTEL_EXPORTER_OTLP_ENDPOINT":  # which starts threads
            create_app(settings)
        return [Finding("built", False, "")]

    monkeypatch.setattr(check, "_look", build)
    monkeypatch.setattr(environment, "certificates", lambda: CERTIFICATES)
    monkeypatch.chdir(tmp_path)
    for other in NAMES:
        monkeypatch.delenv(other, raising=False)
    for value in VALUES[kind]:
        for other, good in {**GOOD, name: value}.items():
            monkeypatch.setenv(other, good)
        if name == "JWT_SECRET" and value:
            monkeypatch.delenv("JWKS_URL")
        code = main(["check"])  # raises what would be a traceback
        said = capsys.readouterr()
        assert code in (1, 2), (value, said)
        assert "Traceback" not in said.err
        assert "hunter2" not in said.out + said.err, value
        assert "\x1b" not in said.out + said.err, value
        if code == 2:
            lines = [line.strip() for line in said.err.splitlines() if line.startswith("  ")]
            assert lines, said
            assert lines[0].startswith((f"{name}: ", "JWKS_URL: ")), said
            assert len(lines) == 1, said
            assert len(lines[0]) < 600, "the value is not repeated at length"


@pytest.mark.parametrize(
    "command", ["serve", "migrate", "explain", "check", "check --json", "dev", "sessions revoke --user u"]
)
@pytest.mark.parametrize(
    "value", ["\x1b[2J", "9" * 400, "http://u:hunter2@[", b"\xff", '"x"', "tcp://10.0.0.1:1"], ids=ascii
)
def test_with_every_setting_wrong_at_once_no_command_has_a_traceback(
    tmp_path: Path,
    command: str,
    value: str | bytes,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a.b.c")))
    with environment_of(tmp_path, dict.fromkeys(NAMES, value)):
        code = main(command.split())
    said = "".join(capfd.readouterr())
    assert code == 2, said
    assert "Traceback" not in said
    assert "hunter2" not in said
    if command != "dev":  # which looks at the few it needs first
        for name in ("PORT", "WORKERS", "DATABASE_POOL_SIZE", "JWT_LEEWAY"):
            assert f"{name}: " in said, "each is listed"
