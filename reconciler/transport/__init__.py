"""One HTTP request, one whole answer or one clear error: deadlines, caps, TLS, proxies, allowed hosts.

Law: the only package that imports an HTTP library, and it knows nothing of any API. Nothing is sent twice, no
redirect is followed, no credential goes to a host that the environment does not vouch for.
"""

from reconciler.transport.address import check_url
from reconciler.transport.answer import Answer
from reconciler.transport.exchange import Transport
from reconciler.transport.failures import MalformedAnswer, TransportError

__all__ = ["Answer", "MalformedAnswer", "Transport", "TransportError", "check_url"]
