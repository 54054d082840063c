"""Sockets to the Collector: through the proxy of the environment, with TLS as configured."""

import base64
import socket
import ssl
import urllib.request
from urllib.parse import SplitResult, unquote, urlsplit

from otel_lineage.settings import Settings

MAX_HEAD = 8192


def proxy_for(url: SplitResult) -> SplitResult | None:
    """The proxy for this URL: `http_proxy`, `https_proxy` and `no_proxy`, as urllib reads them."""
    found = urllib.request.getproxies().get(url.scheme)
    if not found or urllib.request.proxy_bypass(url.netloc.rpartition("@")[2]):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


def proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    """The header that the proxy's user and password make."""
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Trust and client certificate, as configured."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.client_cert_file:
        context.load_cert_chain(settings.client_cert_file, settings.client_key_file)
    return context


def dial(url: SplitResult, tls: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    """A connected socket to the URL's server; OSError if there is no way."""
    host, port = url.hostname or "", url.port or (80 if tls is None else 443)
    proxy = proxy_for(url)
    via = (host, port) if proxy is None else (proxy.hostname or "", proxy.port or 80)
    sock = socket.create_connection(via, timeout_s)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            _tunnel(sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", proxy)
        return sock if tls is None else tls.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def dial_unix(path: str, timeout_s: float) -> socket.socket:
    """A connected socket to a server on this machine."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _tunnel(sock: socket.socket, target: str, proxy: SplitResult) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in proxy_authorization(proxy).items()]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)  # not beyond the head: what follows is the server's
        if not byte or len(head) > MAX_HEAD:
            raise ConnectionError(f"the proxy {proxy.hostname} closed the connection")
        head += byte
    status = head.partition(b"\r\n")[0].decode("latin-1")
    if status.split(" ")[1:2] != ["200"]:
        raise ConnectionError(f"the proxy {proxy.hostname} answered {status}")
