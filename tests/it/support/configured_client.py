"""A client of grpc-core's with a service config: makes a call for each line it reads, and says how it ended.

    configured_client.py ADDRESS SERVICE_CONFIG
"""

import sys

import grpc

address, config = sys.argv[1:]
with open(config, encoding="utf-8") as file:
    channel = grpc.insecure_channel(address, options=[("grpc.service_config", file.read())])
call = channel.unary_unary("/gridgate.v1.PlatformService/GetPlatformConfig")
for _ in sys.stdin:
    try:
        call(b"", timeout=8)
        print("OK", flush=True)
    except grpc.RpcError as error:
        print(error.code().name, error.details(), flush=True)
