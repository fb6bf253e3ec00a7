# tests/integration/test_crash.py -- killed in the middle, and nothing is missing
# SPDX-License-Identifier: ISC
"""100,000 alerts go to rsyslog over TLS while the daemon, and then the
collector, is killed without warning.  Repetitions are allowed, gaps are not."""
import os

from house import Daemon, Rsyslog, Sim, free_port, ids, port_is_open, wait_for
from test_delivery import output, rsyslog_tls

ALERTS = int(os.environ.get("CLOUDCEFD_CRASH_ALERTS", 100000))


def received(collector):
    return {i for i, _ in ids(collector.lines())}


def start(started, tmp_path, ca):
    port = free_port()
    collector = started(Rsyslog, tmp_path, rsyslog_tls(port, ca))
    wait_for("the collector's port", lambda: port_is_open(port))
    sim = started(Sim, tmp_path, "--alerts", ALERTS, "--seed", 21, "--small",
                  "--rate-limit", 0)
    where = output("tls", port, ca, **{"confirm-bytes": "1MiB"})
    daemon = started(Daemon, tmp_path, sim.url, where,
                     source='page-size = "1000"')
    wait_for("a fifth to arrive",
             lambda: collector.file.exists() and
             collector.file.stat().st_size > ALERTS * 100, 120)
    return port, collector, sim, where, daemon


def assert_nothing_is_missing(sim, collector, daemon, seconds=240):
    wanted = {i for i, _ in sim.offered()}
    assert len(wanted) == ALERTS
    wait_for("every id", lambda:
             len(collector.lines()) >= ALERTS and
             wanted <= received(collector), seconds)
    assert daemon.stop() == 0, daemon.text()
    assert received(collector) == wanted


def test_the_daemon_is_killed(started, tmp_path, ca):
    port, collector, sim, where, daemon = start(started, tmp_path, ca)
    daemon.kill()
    assert len(collector.lines()) < ALERTS, "it was killed too late"
    again = started(Daemon, tmp_path, sim.url, where,
                    source='page-size = "1000"')
    assert_nothing_is_missing(sim, collector, again)


def test_the_collector_is_killed(started, tmp_path, ca):
    port, collector, sim, where, daemon = start(started, tmp_path, ca)
    collector.kill()
    assert len(collector.lines()) < ALERTS, "it was killed too late"
    # The pid file of the killed one would keep the next from starting.
    (collector.folder / "pid").unlink(missing_ok=True)
    again = started(Rsyslog, tmp_path, rsyslog_tls(port, ca))
    assert_nothing_is_missing(sim, again, daemon)
