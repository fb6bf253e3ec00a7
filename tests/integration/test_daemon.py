# tests/integration/test_daemon.py -- a daemon's manners: signals, files, locks
# SPDX-License-Identifier: ISC
import os
import re
import resource
import signal
import subprocess
from pathlib import Path

from house import BUILD, Daemon, Sim, ids, wait_for, whole_lines

FILE = 'output "file" { type = "file" path = "events.cef" }'


def received(file):
    return {i for i, _ in ids(whole_lines(file))}


def wanted(sim):
    return {i for i, _ in sim.offered()}


def test_a_bad_reload_changes_nothing(started, tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 50)
    daemon = started(Daemon, tmp_path, sim.url, FILE)
    file = tmp_path / "events.cef"
    wait_for("all", lambda: received(file) == wanted(sim))
    good = daemon.config.read_text()
    daemon.config.write_text(good + "\nnonsense = 1\n")
    daemon.process.send_signal(signal.SIGHUP)
    line = good.count("\n") + 2
    daemon.wait_text(rf"cloudcefd\.conf:{line}: .*nonsense.*going on with the "
                     "configuration as it was")
    sim.post("/sim/add?alerts=10", "")
    wait_for("the new ones", lambda: len(received(file)) == 60)
    assert daemon.stop() == 0


def test_a_good_reload_takes_the_new_settings_and_loses_nothing(started,
                                                                tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 50)
    daemon = started(Daemon, tmp_path, sim.url, FILE)
    file, second = tmp_path / "events.cef", tmp_path / "second.cef"
    wait_for("all", lambda: received(file) == wanted(sim))
    daemon.config.write_text(
        daemon.config.read_text() +
        '\noutput "second" { type = "file" path = "second.cef" }\n')
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_text("running: 1 source, 2 outputs")
    sim.post("/sim/add?alerts=10", "")
    wait_for("the new ones", lambda: len(received(file)) == 60 and
             len(received(second) & wanted(sim)) >= 10)
    lines = file.read_text().splitlines()
    assert len(lines) == len(set(ids(lines))) == 60
    assert daemon.stop() == 0


SLOW_SYNC = r"""
#include <unistd.h>
#include <sys/syscall.h>
int fdatasync(int fd)
{
	usleep(700000);
	return (int)syscall(SYS_fdatasync, fd);
}
"""


def test_a_reload_while_the_disk_is_slow_waits_for_its_pages(started,
                                                             tmp_path):
    code, library = tmp_path / "slow.c", tmp_path / "slow.so"
    code.write_text(SLOW_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, code], check=True)
    sim = started(Sim, tmp_path, "--alerts", 3000, "--rate-limit", 0)
    daemon = started(Daemon, tmp_path, sim.url, FILE,
                     env={"LD_PRELOAD": str(library),
                          # A sanitizer wants to stand before it.
                          "ASAN_OPTIONS": "verify_asan_link_order=0"})
    file = tmp_path / "events.cef"
    for _ in range(3):
        lines = len(received(file))
        wait_for("more", lambda n=lines: len(received(file)) > n)
        starts = daemon.text().count("running: 1 source")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for("the new house", lambda n=starts: not daemon.is_running() or
                 daemon.text().count("running: 1 source") > n)
        assert daemon.is_running(), daemon.text()
        sim.post("/sim/add?alerts=1000", "")
    wait_for("all", lambda: received(file) == wanted(sim), 60)
    assert daemon.stop() == 0


def test_an_output_that_a_reload_removes_is_not_waited_for(started, tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 50)
    dead = 'output "dead" { type = "syslog" transport = "tcp" ' \
           'host = "127.0.0.1" port = 1 }\n'
    daemon = started(Daemon, tmp_path, sim.url, FILE + "\n" + dead,
                     top='stop-timeout = "1s"')
    file = tmp_path / "events.cef"
    wait_for("all", lambda: received(file) == wanted(sim))
    daemon.config.write_text(daemon.config.read_text().replace(dead, ""))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_text("output dead is not configured any more")
    daemon.wait_text("running: 1 source, 1 output\n")
    assert daemon.stop() == 0


def test_a_single_pass_that_is_stopped_has_failed(started, tmp_path):
    daemon = started(Daemon, tmp_path, "http://127.0.0.1:1", FILE,
                     args=("-1",))
    daemon.wait_text("trying again in")
    assert daemon.stop() == 1


def test_a_limit_of_file_sizes_is_a_full_disk_and_not_the_end(started,
                                                              tmp_path):
    file = tmp_path / "events.cef"
    # Above the journal's segments, so that only this file reaches it.
    size = 20 << 20
    file.write_bytes(b"old line".rjust(size - 1) + b"\n")
    sim = started(Sim, tmp_path, "--alerts", 50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        daemon = started(Daemon, tmp_path, sim.url, FILE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    daemon.wait_text("File too large.*events wait in the journal")
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, before)
    wait_for("all", lambda: wanted(sim) == {
        i for i, _ in ids(whole_lines(file)[1:])})
    assert daemon.stop() == 0


def test_files_are_opened_anew(started, tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 20)
    daemon = started(Daemon, tmp_path, sim.url, FILE)
    file, moved = tmp_path / "events.cef", tmp_path / "events.cef.1"
    wait_for("all", lambda: len(received(file)) == 20)
    file.rename(moved)
    daemon.process.send_signal(signal.SIGUSR1)
    sim.post("/sim/add?alerts=5", "")
    wait_for("the new file", lambda: len(received(file)) == 5)
    assert len(received(moved)) == 20


def test_a_second_daemon_on_one_state_is_refused(started, tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 5)
    daemon = started(Daemon, tmp_path, sim.url, FILE)
    daemon.wait_text("running: ")
    done = subprocess.run([BUILD / "cloudcefd", "-f", "-c", daemon.config],
                          capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode == 2
    assert str(tmp_path / "state") in done.stderr
    assert str(daemon.pid) in done.stderr
    assert daemon.is_running()


def test_it_detaches_when_it_runs_and_tells_when_it_cannot(started, tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 30)
    daemon = started(Daemon, tmp_path, sim.url, FILE, args=["-t"],
                     top='pid-file = "pid" log = "stderr"')
    assert daemon.wait() == 0
    run = [BUILD / "cloudcefd", "-c", daemon.config]
    done = subprocess.run(run, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, timeout=30, check=False)
    assert done.returncode == 0
    pid = int((tmp_path / "pid").read_text())
    try:
        file = tmp_path / "events.cef"
        wait_for("all", lambda: received(file) == wanted(sim))
        # The second finds the state taken, and its caller learns of it.
        again = subprocess.run(run, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, timeout=30, text=True,
                               check=False)
        assert again.returncode == 2 and str(pid) in again.stderr
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for("its end", lambda: not Path(f"/proc/{pid}").exists())
    assert not (tmp_path / "pid").exists()


def test_the_cloud_over_tls(started, tmp_path, ca):
    cert, key = ca.server
    sim = started(Sim, tmp_path, "--alerts", 50, "--tls-cert", cert,
                  "--tls-key", key)
    url = sim.url
    assert url.startswith("https://")
    daemon = started(Daemon, tmp_path, url, FILE, args=["-1"],
                     tenant=f'ca-file = "{ca.cert}"')
    assert daemon.wait() == 0, daemon.text()
    assert len(received(tmp_path / "events.cef")) == 50


def test_the_cloud_with_an_unknown_certificate(started, tmp_path, ca):
    cert, key = ca.server
    sim = started(Sim, tmp_path, "--alerts", 50, "--tls-cert", cert,
                  "--tls-key", key)
    daemon = started(Daemon, tmp_path, sim.url, FILE, args=["-1"])
    assert daemon.wait() == 1
    assert "certificate" in daemon.text()


def test_standard_output_and_the_filter(started, tmp_path):
    sim = started(Sim, tmp_path, "--alerts", 200, "--seed", 2)
    daemon = started(Daemon, tmp_path, sim.url,
                     'output "out" { type = "stdout" }', args=["-1"],
                     source="filter = \"$[?@.severity == 'high']\"")
    assert daemon.wait() == 0
    lines = [line for line in daemon.text().splitlines()
             if line.startswith("CEF:0|")]
    assert 0 < len(lines) < 200
    severity = re.compile(r"CEF:0(?:\|(?:\\.|[^|\\])*){5}\|(\d+)\|")
    assert all(severity.match(line).group(1) == "8" for line in lines)
