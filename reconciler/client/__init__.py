"""The API's client: token, retries, error bodies, secrets dropped at the edge; nothing above it speaks HTTP.

Law: a reader cannot write, a writer sends no mask and nothing twice, and no answer is believed beyond what it says.
"""

from reconciler.client.guard import UnsendableBodyError
from reconciler.client.reading import ReadClient
from reconciler.client.runs import PipelineReport, Run
from reconciler.client.session import TRUSTED_HOSTS, Session, reader, writer
from reconciler.client.shapes import ProtocolError
from reconciler.client.tokens import CredentialsError, Tokens
from reconciler.client.writing import Answered, Triggered, Verdict, WriteClient

__all__ = [
    "TRUSTED_HOSTS",
    "Answered",
    "CredentialsError",
    "PipelineReport",
    "ProtocolError",
    "ReadClient",
    "Run",
    "Session",
    "Tokens",
    "Triggered",
    "UnsendableBodyError",
    "Verdict",
    "WriteClient",
    "reader",
    "writer",
]
