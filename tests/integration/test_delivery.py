# tests/integration/test_delivery.py -- every alert arrives once, whatever the way
# SPDX-License-Identifier: ISC
"""The daemon between the simulated cloud and real collectors: what the cloud
offered is what the collector wrote, none missing and none twice."""
import pytest

from house import (Daemon, Rsyslog, Sim, SyslogNg, free_port, ids,
                   port_is_open, wait_for)
import socket

ALERTS = 2000


def rsyslog_tls(port, ca, auth="anon", extra=""):
    cert, key = ca.server
    return f"""
global(defaultNetstreamDriverCAFile="{ca.cert}"
       defaultNetstreamDriverCertFile="{cert}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
       streamDriver.authMode="{auth}" {extra})
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="cef")
"""


def rsyslog_inputs(way, port, ca):
    if way == "udp":
        return f"""module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="cef"
      rcvbufSize="8m")"""
    if way == "tcp":
        return f"""module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="cef")"""
    return rsyslog_tls(port, ca)


def syslog_ng_source(way, port, ca):
    common = f'ip("127.0.0.1") port({port}) '
    if way == "udp":
        return f'syslog({common} transport("udp") so-rcvbuf(8388608));'
    if way == "tcp":
        return f'syslog({common} transport("tcp") max-connections(50));'
    cert, key = ca.server
    return f"""syslog({common} transport("tls") max-connections(50)
      tls(key-file("{key}") cert-file("{cert}")
          peer-verify(optional-untrusted)));"""


def output(way, port, ca, **more):
    options = {"max-bytes": "32KiB", "confirm-interval": "1s", **more}
    if way == "tls":
        options["ca-file"] = str(ca.cert)
    text = " ".join(f'{k} = "{v}"' for k, v in options.items())
    return (f'output "siem" {{ type = "syslog" transport = "{way}" '
            f'host = "127.0.0.1" port = "{port}" {text} }}')


def start_collector(started, kind, folder, way, port, ca):
    if kind is Rsyslog:
        collector = started(kind, folder, rsyslog_inputs(way, port, ca))
    else:
        collector = started(kind, folder, syslog_ng_source(way, port, ca))
    if way == "udp":
        wait_for("the UDP socket", lambda: udp_is_bound(port))
    else:
        wait_for("the collector's port", lambda: port_is_open(port))
    return collector


def udp_is_bound(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("127.0.0.1", port))
            return False
        except OSError:
            return True


def assert_all_arrived_once(sim, lines):
    offered = sorted({i for i, _ in sim.offered()})
    got = [i for i, _ in ids(lines)]
    assert sorted(set(got)) == offered
    return got


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg])
def test_every_alert_arrives_once(started, tmp_path, ca, kind, way):
    port = free_port(socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM)
    collector = start_collector(started, kind, tmp_path, way, port, ca)
    sim = started(Sim, tmp_path, "--alerts", ALERTS, "--seed", 11)
    daemon = started(Daemon, tmp_path, sim.url, output(way, port, ca),
                     args=["-1"])
    assert daemon.wait(120) == 0, daemon.text()
    wait_for("all lines", lambda: len(collector.lines()) >= ALERTS)
    got = assert_all_arrived_once(sim, collector.lines())
    assert len(got) == ALERTS


def test_a_second_run_sends_nothing_again(started, tmp_path, ca):
    port = free_port()
    collector = start_collector(started, Rsyslog, tmp_path, "tcp", port, ca)
    sim = started(Sim, tmp_path, "--alerts", 300, "--seed", 3)
    for _ in range(3):
        daemon = started(Daemon, tmp_path, sim.url, output("tcp", port, ca),
                         args=["-1"])
        assert daemon.wait() == 0, daemon.text()
    assert len(assert_all_arrived_once(sim, collector.lines())) == 300


def test_newline_framing_and_rfc3164_header(started, tmp_path, ca):
    port = free_port()
    source = (f'network(ip("127.0.0.1") port({port}) transport("tcp") '
              'flags(no-multi-line));')
    collector = started(SyslogNg, tmp_path, source)
    wait_for("the collector's port", lambda: port_is_open(port))
    sim = started(Sim, tmp_path, "--alerts", 200, "--seed", 5)
    daemon = started(Daemon, tmp_path, sim.url,
                     output("tcp", port, ca, framing="newline",
                            header="rfc3164", hostname="collector1"),
                     args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    wait_for("all lines", lambda: len(collector.lines()) >= 200)
    assert len(assert_all_arrived_once(sim, collector.lines())) == 200
    assert all(" collector1 CEF 0|" in line for line in collector.lines())


def test_client_certificate(started, tmp_path, ca):
    port = free_port()
    collector = started(Rsyslog, tmp_path, rsyslog_tls(
        port, ca, "x509/name", 'permittedPeer=["cloudcefd.test"]'))
    wait_for("the collector's port", lambda: port_is_open(port))
    sim = started(Sim, tmp_path, "--alerts", 200, "--seed", 6)
    cert, key = ca.client
    daemon = started(Daemon, tmp_path, sim.url,
                     output("tls", port, ca, **{"cert-file": cert,
                                                "key-file": key}),
                     args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    assert len(assert_all_arrived_once(sim, collector.lines())) == 200


def test_live_alerts_updates_and_repeats_while_it_runs(started, tmp_path, ca):
    port = free_port()
    collector = start_collector(started, Rsyslog, tmp_path, "tls", port, ca)
    sim = started(Sim, tmp_path, "--alerts", 200, "--rate", 50, "--seed", 9,
                  "--updates", 20, "--update-after", "2s", "--late", 10,
                  "--late-max", "2s", "--duplicates", 10, "--ties", 10)
    daemon = started(Daemon, tmp_path, sim.url, output("tls", port, ca))
    wait_for("some live alerts", lambda: len(sim.offered()) > 500, 60)
    offered = set(sim.offered())
    wanted = {i for i, _ in offered}
    wait_for("all of them", lambda:
             wanted <= {i for i, _ in ids(collector.lines())}, 60)
    assert daemon.stop() == 0, daemon.text()
    got = ids(collector.lines())
    assert len(got) == len(set(got)), "an (id, version) came twice"


def test_kernel_confirmation(started, tmp_path, ca):
    port = free_port()
    collector = start_collector(started, Rsyslog, tmp_path, "tls", port, ca)
    sim = started(Sim, tmp_path, "--alerts", 500, "--seed", 4)
    daemon = started(Daemon, tmp_path, sim.url,
                     output("tls", port, ca, confirm="kernel"), args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    wait_for("all lines", lambda: len(collector.lines()) >= 500)
    assert len(assert_all_arrived_once(sim, collector.lines())) == 500


def test_two_outputs_each_get_everything(started, tmp_path, ca):
    port = free_port()
    collector = start_collector(started, Rsyslog, tmp_path, "tcp", port, ca)
    sim = started(Sim, tmp_path, "--alerts", 300, "--seed", 8)
    both = (output("tcp", port, ca) +
            '\noutput "archive" { type = "file" path = "events.cef" }')
    daemon = started(Daemon, tmp_path, sim.url, both, args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    assert len(assert_all_arrived_once(sim, collector.lines())) == 300
    archive = (tmp_path / "events.cef").read_text().splitlines()
    assert len(assert_all_arrived_once(sim, archive)) == 300
