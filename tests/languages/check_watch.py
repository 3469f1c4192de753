"""Checks a program of clients/examples that watches decisions: the server and the program are killed, the server freezes, and its log is gone.

    check_watch.py GRIDGATE PROTOS PROGRAM...
"""

import contextlib
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import grpc

GRIDGATE, PROTOS, *PROGRAM = sys.argv[1:]
PATIENCE = 30  # seconds
sys.path.append(PROTOS)
messages, services = grpc.protos_and_services("gridgate/v1/customer_service.proto")


def free_ports(number):
    """Ports that nobody else gets while the server is down: below those that systems hand out by themselves."""
    found = set()
    while len(found) < number:
        port = random.randrange(15_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(f"127.0.0.1:{port}")
    return found


class Process:
    """A program, and the lines that it prints."""

    def __init__(self, command, **more):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def line(self, wanted):
        """Waits for the line in which all of this is."""
        while True:
            try:
                self.seen.append(self.lines.get(timeout=PATIENCE))
            except queue.Empty:
                raise AssertionError(f"no line with {wanted}, but: {self.seen}") from None
            if all(part in self.seen[-1] for part in wanted):
                return self.seen[-1]

    def kill(self):
        self.process.kill()
        self.process.wait()


class Stage:
    def __init__(self, folder):
        self.place = os.path.join(folder, "place")
        self.sandbox = Process([GRIDGATE, "sandbox", "--sandbox-addr=127.0.0.1:0"])
        access = json.loads(self.sandbox.line(["base_url"]))
        self.grpc, admin, webhooks = free_ports(3)
        self.server_env = {
            "LIGHTSPARK_GRID_BASE_URL": access["base_url"],
            "GRID_CLIENT_ID": access["client_id"],
            "GRID_CLIENT_SECRET": access["client_secret"],
            "GRIDGATE_GRPC_ADDR": self.grpc,
            "GRIDGATE_ADMIN_ADDR": admin,
            "GRIDGATE_WEBHOOK_ADDR": webhooks,
        }
        self.log = os.path.join(folder, "events.db")
        self.start_server()

    def start_server(self):
        self.server = Process([GRIDGATE, "serve"], env={**self.server_env, "GRIDGATE_EVENT_LOG": f"sqlite:{self.log}"})
        self.server.line(['"grpc"'])

    def watch(self, *customer_ids):
        return Process([*PROGRAM, self.grpc, self.place, *customer_ids], env={**os.environ, "HEARTBEAT": "1"})

    def create(self):
        """A new customer, and so a change to watch."""
        with grpc.insecure_channel(self.grpc) as channel:
            customers = services.CustomerServiceStub(channel)
            request = messages.CreateCustomerRequest(individual={"full_name": "Jane Doe"})
            return customers.CreateCustomer(request, timeout=PATIENCE, wait_for_ready=True).customer.id


def check(stage):
    watcher = stage.watch()
    first = stage.create()
    watcher.line([first, "UNVERIFIED false"])

    stage.server.kill()
    stage.start_server()
    second = stage.create()
    watcher.line([second])

    kept = open(stage.place).read()
    while open(stage.place).read() == kept:
        stage.create()  # The place moves on after the work; then no change comes twice.
    watcher.kill()
    missed = stage.create()
    watcher = stage.watch()
    watcher.line([missed])
    assert not any(first in line or second in line for line in watcher.seen), watcher.seen

    stage.server.process.send_signal(signal.SIGSTOP)
    watcher.line(["no sign of life"])
    stage.server.process.send_signal(signal.SIGCONT)
    watcher.line([stage.create()])

    stage.server.kill()
    stage.log += ".new"
    stage.start_server()
    watcher.line(["RESUME_TOKEN_FOREIGN"])
    watcher.line(["beginning with a snapshot"])
    watcher.line([stage.create()])
    watcher.kill()

    refused = stage.watch("not an id")
    refused.line(["customer_ids[0]: "])
    assert refused.process.wait(PATIENCE) == 1


with tempfile.TemporaryDirectory() as folder:
    stage = Stage(folder)
    try:
        check(stage)
    finally:
        for process in (stage.server, stage.sandbox):
            process.kill()
