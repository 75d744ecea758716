"""How well a gateway keeps its deadlines, and what that costs.

    python benchmarks/edge.py [--seconds 30] [--instruments 50] [--registers 100] [--periods 1.0,0.1]

Instruments (Modbus TCP servers), Mosquitto, and a consumer that verifies frames and gives signed receipts run in
processes of their own; what is measured is the gateway's process alone: the time between two polls of an instrument,
deadlines that passed without a poll, processor time, resident memory.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import multiprocessing
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from steelyard.broker_config.client import BrokerClient, BrokerSettings, Message
from steelyard.contracts.cose import sign1, verify1
from steelyard.contracts.frame import decode_frame
from steelyard.contracts.identifiers import BootId, parse_gateway_id, parse_organization_id
from steelyard.contracts.keys import SigningKey
from steelyard.contracts.receipt import Receipt, encode_receipt
from steelyard.contracts.topics import SUBSCRIBE_FRAMES, receipt_topic

INGEST_SEED = bytes(range(32))
RECEIPT_EVERY_S = 0.05
WARM_UP_S = 3.0


class Instruments(asyncio.Protocol):
    """Many units behind one port each answer any read with 230.5, at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the request in `data`."""
        registers = int.from_bytes(data[10:12], "big")
        values = struct.pack(">f", 230.5) * (registers // 2)
        head = data[:4] + struct.pack(">HBBB", 3 + 2 * registers, data[6], data[7], 2 * registers)
        assert isinstance(self.transport, asyncio.WriteTransport)
        self.transport.write(head + values)


def serve_instruments(ports: list[int]) -> None:
    """Process: one port an instrument."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Instruments, "127.0.0.1", port) for port in ports]
        await asyncio.gather(*(server.serve_forever() for server in servers))

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(serve())


def give_receipts(broker_port: int, gateway_key: bytes, counted: multiprocessing.Queue[dict[str, int]]) -> None:
    """Process: verify every frame, acknowledge what is complete, count the readings."""
    key = SigningKey.from_seed(INGEST_SEED)
    public = SigningKey.from_pem(gateway_key).public
    gateway, organization = parse_gateway_id("gw"), parse_organization_id("bench")
    upto: dict[BootId, int] = {}
    counts = {"frames": 0, "readings": 0, "gaps": 0, "bad": 0}
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def on_message(message: Message) -> None:
        frame = decode_frame(verify1(message.payload, public))
        last = upto.get(frame.boot, 0)
        if frame.seq == last + 1:
            upto[frame.boot] = frame.seq
            counts["frames"] += 1
            counts["readings"] += frame.readings
            counts["bad"] += sum(status != 0 for block in frame.blocks for row in block.status for status in row)
        elif frame.seq > last:
            counts["gaps"] += 1

    def on_connect(_session_present: bool) -> None:
        client.subscribe(SUBSCRIBE_FRAMES)

    client = BrokerClient(
        BrokerSettings(client_id="consumer", port=broker_port), on_message=on_message, on_connect=on_connect
    )
    client.start()
    given: dict[BootId, int] = {}
    while not ended.wait(RECEIPT_EVERY_S):
        for boot, seq in list(upto.items()):
            if given.get(boot) != seq:
                receipt = Receipt(
                    gateway=gateway, boot=boot, contiguous_upto=seq, ledger_size=counts["frames"], root="0" * 64
                )
                client.publish(receipt_topic(organization, gateway), sign1(encode_receipt(receipt), key))
                given[boot] = seq
    client.stop()
    counted.put(counts)


def profile_text(registers: int) -> str:
    """An instrument with `registers` / 2 values of type float32."""
    head = (
        'id = "bench"\nmaker = "none"\nmodel = "bench"\nkind = "electricity_meter"\ndocument = "benchmarks/edge.py"\n'
        "[limits]\nmax_registers = 125\nmax_gap = 16\n"
        '[probe]\nfunction = 4\nregister = 0\ntype = "float32"\nlow = 0.0\nhigh = 500.0\n'
    )
    channels = (
        f'[[channel]]\nid = "c{place}"\nquantity = "voltage"\nunit = "V"\nfunction = 4\nregister = {2 * place}\n'
        'type = "float32"\nlow = 0.0\nhigh = 500.0\nresolution = 0.1\n'
        for place in range(registers // 2)
    )
    return head + "".join(channels)


def config_text(broker_port: int, ports: list[int], period_s: float) -> str:
    """The gateway's configuration."""
    head = (
        '[gateway]\norganization = "bench"\nid = "gw"\nkey = "gateway.pem"\n'
        f'ingest_key = "{SigningKey.from_seed(INGEST_SEED).public.text}"\n'
        f'[broker]\nclient_id = "gw"\nport = {broker_port}\n'
        f'[spool]\npath = "spool.db"\n[poll]\nperiod_s = {period_s}\ntimeout_s = 0.5\n'
    )
    instruments = (
        f'[[instrument]]\nid = "i{place}"\nprofile = "bench.toml"\nhost = "127.0.0.1"\nport = {port}\n'
        for place, port in enumerate(ports)
    )
    return head + "".join(instruments)


def run_gateway(directory: Path, seconds: float, answer: multiprocessing.Queue[dict[str, float]]) -> None:
    """Process: the gateway, measured from inside."""
    from steelyard.edge.agent import run_edge  # noqa: PLC0415 - the other processes' memory is not the gateway's

    stop = threading.Event()
    cpu: list[float] = []

    def end() -> None:
        time.sleep(WARM_UP_S)
        start = time.process_time()
        time.sleep(seconds)
        cpu.append((time.process_time() - start) / seconds)
        stop.set()

    threading.Thread(target=end, daemon=True).start()
    statistics = run_edge(directory / "edge.toml", stop)
    answer.put(
        {
            "period_mean_ms": 1e3 * statistics.period_mean_s,
            "period_sd_ms": 1e3 * statistics.period_sd_s,
            "latest_ms": statistics.latest_ns / 1e6,
            "polls": statistics.polls,
            "missed": statistics.missed,
            "cores": cpu[0],
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_mosquitto(directory: Path, port: int) -> subprocess.Popen[bytes]:
    """A real broker, with nothing kept: what is measured is the gateway."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        sys.exit("mosquitto is not installed: apt-get install mosquitto")
    configuration = directory / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type error\n"
        f"user {getpass.getuser()}\n"
    )
    broker = subprocess.Popen([program, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return broker
        time.sleep(0.05)
    sys.exit("mosquitto did not start")


def measure(period_s: float, instruments: int, registers: int, seconds: float) -> dict[str, float]:
    """One run; everything is started for it and ended after it."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        broker_port, *ports = free_ports(instruments + 1)
        key = SigningKey.generate()
        (directory / "gateway.pem").write_bytes(key.to_pem())
        (directory / "bench.toml").write_text(profile_text(registers))
        (directory / "edge.toml").write_text(config_text(broker_port, ports, period_s))
        broker = start_mosquitto(directory, broker_port)
        counted: multiprocessing.Queue[dict[str, int]] = spawn.Queue()
        answer: multiprocessing.Queue[dict[str, float]] = spawn.Queue()
        servers = spawn.Process(target=serve_instruments, args=(ports,))
        consumer = spawn.Process(target=give_receipts, args=(broker_port, key.to_pem(), counted))
        gateway = spawn.Process(target=run_gateway, args=(directory, seconds, answer))
        try:
            servers.start()
            consumer.start()
            time.sleep(1.0)
            gateway.start()
            result = answer.get(timeout=seconds + 60)
            gateway.join(10)
            consumer.terminate()
            counts = counted.get(timeout=10)
            result |= {name: float(count) for name, count in counts.items()}
        finally:
            for process in (gateway, consumer, servers):
                if process.pid is not None:
                    process.terminate()
                    process.join(10)
            broker.terminate()
            broker.wait(10)
    return result


COLUMNS = (
    ("period_mean_ms", "period mean ms", "{:.3f}"),
    ("period_sd_ms", "sd ms", "{:.3f}"),
    ("latest_ms", "latest ms", "{:.1f}"),
    ("polls", "polls", "{:.0f}"),
    ("missed", "missed", "{:.0f}"),
    ("readings", "readings received", "{:.0f}"),
    ("bad", "not good", "{:.0f}"),
    ("cores", "CPU cores", "{:.3f}"),
    ("rss_mb", "RSS MB", "{:.0f}"),
)


def main() -> None:
    """Measure each period and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="measured seconds of each run")
    parser.add_argument("--instruments", type=int, default=50)
    parser.add_argument("--registers", type=int, default=100, help="of each instrument, at most 125")
    parser.add_argument("--periods", default="1.0,0.1", help="seconds, separated by commas")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {}
    for text in arguments.periods.split(","):
        results[text] = measure(float(text), arguments.instruments, arguments.registers, arguments.seconds)
    if arguments.json:
        print(json.dumps(results))
        return
    print(f"{arguments.instruments} instruments x {arguments.registers} registers, {arguments.seconds:g} s a run\n")
    print("| period | " + " | ".join(title for _, title, _ in COLUMNS) + " |")
    print("|---|" + "---|" * len(COLUMNS))
    for text, result in results.items():
        print(f"| {text} s | " + " | ".join(form.format(result[name]) for name, _, form in COLUMNS) + " |")


if __name__ == "__main__":
    main()
