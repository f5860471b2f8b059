"""What libraries read of the environment besides our settings, looked at before they do: nothing of it may crash."""

import os
import ssl
from urllib.request import getproxies

import httpx

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def problems(*, proxied: bool) -> list[str]:
    """A line for each variable that would stop the HTTP client; those of proxies only where it is ``proxied``."""
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
                raise ValueError("no host, or a port that there is not")
            httpx.AsyncClient(proxy=proxy, trust_env=False, verify=context)
        except ImportError:
            found.append(f"{name}: is a SOCKS proxy. Run pip install 'httpx[socks]', or unset it")
        except Exception:  # httpx raises what its parts do, perhaps with the proxy's password in it
            found.append(f"{name}: is not the URL of a proxy, such as http://proxy.example:3128. Mend it, or unset it")
    if proxies and not found:
        try:
            httpx.AsyncClient(verify=context)
        except Exception:  # the proxies are well, so it is the exceptions from them
            found.append(
                "NO_PROXY: has an entry that cannot be read, such as a network in IPv6. "
                "List hosts, domains and addresses, separated by commas"
            )
    return found


def certificates() -> ssl.SSLContext:
    """Who is trusted to name a server: SSL_CERT_FILE or SSL_CERT_DIR, or else certifi's list."""
    return httpx.create_ssl_context()


def proxies_set() -> dict[str, str]:
    """The proxies httpx would use, by scheme."""
    return {scheme: url for scheme, url in getproxies().items() if scheme in ("http", "https", "all") and url}


def workers_folder_given() -> bool:
    """Whether PROMETHEUS_MULTIPROC_DIR is set already, which is Taskward's to set for its own workers."""
    return any(os.environ.get(name) for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"))
