# tests/integration/test_collector_faults.py -- collectors that misbehave
# SPDX-License-Identifier: ISC
"""A collector of our own on the loopback address does what bad collectors do,
then behaves: one clear line in the log, and every event arrives in the end."""
import re
import socket
import ssl
import struct
import threading

import pytest

from house import Daemon, Sim, free_port, ids, wait_for
from test_delivery import output

ALERTS = 400


class Collector:
    """Accepts connections, one thread each; `behave` reads (or does not)."""

    def __init__(self, behave, context=None, port=0):
        self.behave = behave
        self.context = context
        self.messages = []
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                number = self.connections
                self.connections += 1
                self.sockets.append(peer)
            threading.Thread(target=self.serve, args=(peer, number),
                             daemon=True).start()

    def serve(self, peer, number):
        try:
            if self.context:
                peer = self.context.wrap_socket(peer, server_side=True)
            self.behave(self, peer, number)
        except (OSError, ssl.SSLError):
            pass

    def read_frames(self, peer, stop_after=None):
        """Octet-counted frames; stop (leaving the socket) after so many
        bytes."""
        data, taken = b"", 0
        while True:
            chunk = peer.recv(65536)
            if not chunk:
                break
            data += chunk
            taken += len(chunk)
            while True:
                head = re.match(rb"(\d+) ", data)
                if not head or len(data) < head.end() + int(head.group(1)):
                    break
                end = head.end() + int(head.group(1))
                with self.lock:
                    self.messages.append(data[head.end():end].decode())
                data = data[end:]
            if stop_after is not None and taken >= stop_after:
                return
        peer.close()

    def ids(self):
        with self.lock:
            return {i for i, _ in ids(self.messages)}

    def close(self):
        self.listener.close()
        for s in self.sockets:
            s.close()


@pytest.fixture
def collector():
    made = []

    def make(behave, context=None, port=0):
        made.append(Collector(behave, context, port))
        return made[-1]

    yield make
    for c in made:
        c.close()


def well(c, peer, number):
    c.read_frames(peer)


def assert_all_arrive(sim, c, daemon, seconds=90):
    wanted = {i for i, _ in sim.offered()}
    assert len(wanted) == ALERTS
    try:
        wait_for("every id", lambda: wanted <= c.ids(), seconds)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{daemon.text()}") from e
    assert c.ids() == wanted


def start(started, tmp_path, c, ca, way="tcp", **more):
    sim = started(Sim, tmp_path, "--alerts", ALERTS, "--seed", 31)
    daemon = started(Daemon, tmp_path, sim.url,
                     output(way, c.port if c else 0, ca, **more))
    return sim, daemon


def test_refuses_and_then_comes(started, tmp_path, ca, collector):
    port = free_port()

    class Later:
        pass

    Later.port = port
    sim, daemon = start(started, tmp_path, Later, ca)
    daemon.wait_text(r"not connected: 127\.0\.0\.1:\d+: .*refused.*trying "
                     r"again in \d+ s")
    c = collector(well, port=port)
    assert_all_arrive(sim, c, daemon)


def test_resets_in_the_middle_of_a_frame(started, tmp_path, ca, collector):
    def behave(c, peer, number):
        if number < 3:
            c.read_frames(peer, stop_after=20001)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            peer.close()
        else:
            c.read_frames(peer)

    c = collector(behave)
    sim, daemon = start(started, tmp_path, c, ca)
    assert_all_arrive(sim, c, daemon)
    assert len(re.findall(r"connection lost|sending again", daemon.text())) >= 1


def test_accepts_and_never_reads(started, tmp_path, ca, collector):
    hold = threading.Event()

    def behave(c, peer, number):
        if number == 0:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            hold.wait(60)
        else:
            c.read_frames(peer)

    c = collector(behave)
    sim, daemon = start(started, tmp_path, c, ca, **{"stall-timeout": "2s"})
    assert_all_arrive(sim, c, daemon)
    hold.set()
    assert re.search(r"connection lost|did not answer the end",
                     daemon.text()), daemon.text()


def test_never_answers_the_end(started, tmp_path, ca, collector):
    """Reads all, but never closes: after two such ends its kernel counts."""
    def behave(c, peer, number):
        try:
            c.read_frames(KeepOpen(peer))
        finally:
            threading.Event().wait(60)

    class KeepOpen:
        def __init__(self, peer):
            self.peer = peer

        def recv(self, n):
            data = self.peer.recv(n)
            if not data:
                threading.Event().wait(60)
            return data

        def close(self):
            pass

    c = collector(behave)
    sim, daemon = start(started, tmp_path, c, ca,
                        **{"confirm-bytes": "64KiB", "finish-timeout": "1s",
                           "confirm-interval": "500ms"})
    assert_all_arrive(sim, c, daemon)
    daemon.wait_text("does not answer the end of a connection")


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_speaks_plain_text_on_the_tls_port(started, tmp_path, ca, collector):
    def behave(c, peer, number):
        peer.sendall(b"220 hello, this is plain text\r\n" * 10)
        c.read_frames(peer)

    c = collector(behave)
    sim, daemon = start(started, tmp_path, c, ca, way="tls")
    daemon.wait_text(r"error: output siem: not connected: .*not speak TLS")
    assert c.messages == []


@pytest.mark.parametrize("kind,words", [
    ("expired", "expired"),
    ("wrong-name", "other.example"),
    ("self-signed", "signed by itself"),
])
def test_a_bad_certificate_is_refused(started, tmp_path, ca, collector, kind,
                                      words):
    cert, key = tmp_path / "bad.pem", tmp_path / "bad.key"
    if kind == "self-signed":
        ca.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
               "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1")
    elif kind == "expired":
        cert, key = ca.issue("expired", "IP:127.0.0.1", days="-1")
    else:
        cert, key = ca.issue("wrong", "DNS:other.example")
    c = collector(well, server_context(cert, key))
    sim, daemon = start(started, tmp_path, c, ca, way="tls")
    daemon.wait_text(rf"error: output siem: not connected: .*({words}).*trying")
    assert c.messages == []


def test_refuses_our_certificate_after_the_handshake(started, tmp_path, ca,
                                                     collector):
    """TLS 1.3: the client is done before the server has looked at its
    certificate.  No event may count as delivered on such a connection."""
    context = server_context(*ca.server)
    context.verify_mode = ssl.CERT_REQUIRED
    other = tmp_path / "other-ca.pem"
    ca.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
           tmp_path / "other.key", "-out", other, "-days", "2", "-subj",
           "/CN=Another CA")
    context.load_verify_locations(other)
    c = collector(well, context)
    cert, key = ca.client
    sim, daemon = start(started, tmp_path, c, ca, way="tls",
                        **{"cert-file": cert, "key-file": key})
    daemon.wait_text(r"(not connected|lost): .*(certificate|unknown ca)")
    assert c.messages == []
    # The operator repairs it: now everything goes.
    context.load_verify_locations(ca.cert)
    assert_all_arrive(sim, c, daemon)


def test_a_dead_collector_does_not_hold_a_stop(started, tmp_path, ca,
                                               collector):
    def behave(c, peer, number):
        threading.Event().wait(60)

    c = collector(behave)
    sim, daemon = start(started, tmp_path, c, ca)
    daemon.wait_text("new")
    assert daemon.stop(20) == 0
    # Nothing was lost: the next daemon brings it.
    good = collector(well)
    again = started(Daemon, tmp_path, sim.url,
                    output("tcp", good.port, ca))
    assert_all_arrive(sim, good, again)
