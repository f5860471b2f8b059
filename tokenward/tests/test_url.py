"""Which URLs of key sets are accepted."""

from __future__ import annotations

import pytest

from tokenward.url import check_key_set_url


def test_ports_go_up_to_65535_and_plain_http_needs_permission() -> None:
    check_key_set_url("https://keys.example:65535/jwks")
    check_key_set_url("http://keys.example/jwks", allow_http=True)
    for url in ("https://keys.example:65536/jwks", "https://keys.\ud800.example/hunter2", "https://a/\ud800hunter2"):
        with pytest.raises(ValueError, match="must be an http or https URL") as refusal:
            check_key_set_url(url)
        assert "hunter2" not in str(refusal.value)
    with pytest.raises(ValueError, match="plain http to another machine"):
        check_key_set_url("http://keys.example/jwks")
