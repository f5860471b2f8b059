"""Django's system checks: what is missing or wrong in the settings is said before the first request."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from django.conf import settings
from tokenward import Tokenward
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], **{options})
import django
django.setup()
from django.core.checks import run_checks
for message in run_checks():
    if message.id.startswith("tokenward"):
        print(message.id, message.msg)
"""
MIDDLEWARE = "tokenward.django.BearerMiddleware"
SESSION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def found(options: str, more: str = "", **environ: str) -> list[str]:
    program = (PROGRAM + more).replace("{options}", f"dict(INSTALLED_APPS=['tokenward.django'], {options})")
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("JWT", "JWKS", "BETTER"))}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=unset | environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_settings_that_can_be_used_are_silent() -> None:
    assert found(f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD=Tokenward.better_auth('https://app.example')") == []
    assert found(f"MIDDLEWARE=['{SESSION}', '{MIDDLEWARE}'], TOKENWARD={{'better_auth': 'https://app.example'}}") == []
    assert found(f"MIDDLEWARE=['{MIDDLEWARE}']", BETTER_AUTH_URL="https://app.example") == []


def test_a_mapping_takes_every_value_that_a_parameter_takes_and_makes_one_authenticator() -> None:
    mapping = "{'issuer': 'https://a', 'audience': ['a', 'b'], 'jwks_url': 'https://a/k', 'algorithms': {'EdDSA'}}"
    more = """
from tokenward.django import authenticator
print(list(authenticator().trusted[0].audience), authenticator() is authenticator())
from django.test import override_settings
with override_settings(TOKENWARD={'better_auth': 'https://b', 'audience': ['c']}):
    print(list(authenticator().trusted[0].audience), authenticator() is authenticator())
print(list(authenticator().trusted[0].audience))
"""
    lines = found(f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD={mapping}", more)
    assert lines == ["['a', 'b'] True", "['c'] True", "['a', 'b']"]


def test_a_missing_setting_is_named_with_what_to_set() -> None:
    (line,) = found(f"MIDDLEWARE=['{MIDDLEWARE}']")
    assert line.startswith("tokenward.E001")
    assert "TOKENWARD" in line
    assert "BETTER_AUTH_URL" in line


def test_every_parameter_that_cannot_be_used_is_named_at_once() -> None:
    lines = found(f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD={{'issuer': 'https://app.example', 'leeway': 999}}")
    assert [line.split(":")[0] for line in lines] == [
        f"tokenward.E001 {name}" for name in ("audience", "jwks_url", "leeway")
    ]
    (unknown,) = found(f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD={{'better_auth': 'https://app.example', 'isuer': 'x'}}")
    assert "isuer" in unknown
    (wrong,) = found(f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD='https://app.example'")
    assert wrong.startswith("tokenward.E001")
    assert "mapping" in wrong


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("MIDDLEWARE=[]", "tokenward.W001"),
        (f"MIDDLEWARE=['{MIDDLEWARE}', '{SESSION}']", "tokenward.E002"),
        (f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD_USER='nowhere.at_all'", "tokenward.E003"),
        (f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD_PRIVATE='/api'", "tokenward.E004"),
        (f"MIDDLEWARE=['{MIDDLEWARE}'], TOKENWARD_PRIVATE=['api']", "tokenward.E004"),
    ],
)
def test_system_checks_report_faults_before_the_first_request(options: str, says: str) -> None:
    (line,) = found(f"{options}, TOKENWARD=Tokenward.better_auth('https://app.example')")
    assert line.startswith(says)
