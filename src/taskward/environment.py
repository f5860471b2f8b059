"""Checks of the environment variables that libraries read by themselves, made before those libraries read them."""

import os
import ssl
from urllib.request import getproxies

import httpx

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def problems(*, proxied: bool) -> list[str]:
    """One line for each variable that would make the HTTP client fail.

    Variables for proxies count only when the client is ``proxied``.
    """
    found = []
    context: ssl.SSLContext | bool = False
    try:
        context = certificates()
    except (OSError, ValueError) as error:
        names = " or ".join(name for name in _CERTIFICATES if os.environ.get(name)) or "the CA certificates"
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        found.append(f"{names}: cannot be used ({why}). Set it to a file of CA certificates in PEM form, or unset it")
    proxies = proxies_set() if proxied else {}
    for scheme, url in proxies.items():
        name = f"{scheme.upper()}_PROXY"
        try:
            proxy = httpx.URL(url if "://" in url else f"http://{url}")
            if not proxy.host or not 0 < (proxy.port or 1) < 65536:
                raise ValueError("no host, or a port out of range")
            httpx.AsyncClient(proxy=proxy, trust_env=False, verify=context)
        except ImportError:
            found.append(f"{name}: is a SOCKS proxy. Run pip install 'httpx[socks]', or unset it")
        except Exception:  # any error, whose text may hold the proxy's password
            found.append(
                f"{name}: is not the URL of a proxy, such as http://proxy.example:3128. Correct it, or unset it"
            )
    if proxies and not found:
        try:
            httpx.AsyncClient(verify=context)
        except Exception:  # the proxies are good, so the fault is in NO_PROXY
            found.append(
                "NO_PROXY: has an entry that cannot be read, such as a network in IPv6. "
                "List hosts, domains and IPs, separated by commas"
            )
    return found


def certificates() -> ssl.SSLContext:
    """The trusted certificate authorities: SSL_CERT_FILE or SSL_CERT_DIR, or else certifi's list."""
    return httpx.create_ssl_context()


def proxies_set() -> dict[str, str]:
    """The URLs of the proxies that httpx would use, by scheme."""
    return {scheme: url for scheme, url in getproxies().items() if scheme in ("http", "https", "all") and url}


def workers_folder_given() -> bool:
    """Whether PROMETHEUS_MULTIPROC_DIR is set. Only Taskward may set it, for its own workers."""
    return any(os.environ.get(name) for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"))
