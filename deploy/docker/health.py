"""Ask a server whether it serves: ``health.py HOST:PORT [--ca FILE] [--cert FILE --key FILE]``.

Exits with 0 if it does, else 1. With a CA the connection is TLS; the certificate must hold the
name ``localhost`` or the address.
"""

import argparse
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def serving(channel: grpc.Channel, *, timeout_s: float) -> bool:
    """Whether the whole server says that it serves, by ``grpc.health.v1``."""
    try:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=timeout_s
        )
    except grpc.RpcError as error:
        print(error, file=sys.stderr)
        return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--ca", type=Path, help="authorities that signed the server's certificate")
    parser.add_argument("--cert", type=Path, help="certificate to show, for mTLS")
    parser.add_argument("--key", type=Path, help="key of that certificate")
    parser.add_argument("--timeout", type=float, default=4.0, help="seconds")
    options = parser.parse_args()
    if options.ca is None:
        channel = grpc.insecure_channel(options.address)
    else:
        mine = [None if path is None else path.read_bytes() for path in (options.key, options.cert)]
        credentials = grpc.ssl_channel_credentials(options.ca.read_bytes(), *mine)
        channel = grpc.secure_channel(options.address, credentials)
    with channel:
        return 0 if serving(channel, timeout_s=options.timeout) else 1


if __name__ == "__main__":
    raise SystemExit(main())
