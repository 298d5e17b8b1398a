"""How the platform's HTTP server is set up."""

from urllib.parse import urlsplit

import msgspec

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the platform API and UI."""

    host: str = "127.0.0.1"
    port: int = 4100
    public_url: str = ""
    """Where people reach the platform, such as `https://ops.example.com/pilothouse`; empty means `http://host:port`.
    Its host is allowed in the Host header, its scheme decides whether cookies are `Secure`, its path is the prefix that
    the UI is served under."""
    secure_cookies: bool | None = None
    """Whether cookies are sent over TLS only; None means when `public_url` is https."""
    session_hours: float = 24 * 14
    """The end of a browser's session however busy it is."""
    max_body_bytes: int = 4 * 1024 * 1024
    metrics_public: bool = False
    """Whether `/metrics` answers without a key."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose `X-Forwarded-For` and `-Proto` are believed; without them everybody behind a
    proxy shares one sign-in throttle."""
    extra_hosts: tuple[str, ...] = ()
    """More names that the Host header may carry."""

    @property
    def cookies_secure(self) -> bool:
        """Whether cookies carry `Secure`."""
        if self.secure_cookies is not None:
            return self.secure_cookies
        return urlsplit(self.public_url).scheme == "https"

    @property
    def prefix(self) -> str:
        """The path that the UI lives under: empty, or with a leading and without a trailing slash."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def checks_host(self) -> bool:
        """Whether the Host header is checked: on loopback, where a page could rebind its name to this machine."""
        return self.host.lower() in _LOOPBACK

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names that the Host header may carry, lower-case and without port."""
        public = urlsplit(self.public_url).hostname or ""
        names = {*_LOOPBACK, public, self.host.lower(), *(name.lower() for name in self.extra_hosts)}
        return frozenset(names - {"", "0.0.0.0", "::"})
