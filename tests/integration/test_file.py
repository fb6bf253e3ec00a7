# tests/integration/test_file.py -- records from files and standard input
# SPDX-License-Identifier: ISC
"""Lines become events, once each, while the file grows, is moved away and
replaced, and the daemon is killed."""
import json
import subprocess

from house import BUILD, Daemon, ids, wait_for, whole_lines

OUTPUT = 'output "file" { type = "file" path = "events.cef" }'


def alert(number):
    return json.dumps({
        "id": f"al{number}", "serviceSource": "microsoftDefenderForEndpoint",
        "title": f"Alert {number} äöü", "severity": "high",
        "createdDateTime": "2026-01-02T03:04:05Z",
        "lastUpdateDateTime": "2026-01-02T03:04:05.5Z",
        "description": "x" * 900}) + "\n"


def write(path, numbers):
    with open(path, "a", encoding="utf-8") as f:
        for number in numbers:
            f.write(alert(number))


def start(started, tmp_path, path, extra="", args=(), kind="graph-alerts"):
    return started(Daemon, tmp_path, "http://localhost", OUTPUT, args=args,
                   sources=f"""source "lines" {{
  type = "file" path = "{path}" record-type = "{kind}" {extra}
}}""")


def received(tmp_path):
    return [i for i, _ in ids(whole_lines(tmp_path / "events.cef"))]


def wanted(numbers):
    return sorted(f"al{number}" for number in numbers)


def test_a_file_is_read_once_whatever_its_size(started, tmp_path):
    write(tmp_path / "lines", range(20000))
    for _ in range(2):
        daemon = start(started, tmp_path, "lines", args=["-1"])
        assert daemon.wait(60) == 0, daemon.text()
    assert sorted(received(tmp_path)) == wanted(range(20000))
    write(tmp_path / "lines", range(20000, 20010))
    daemon = start(started, tmp_path, "lines", args=["-1"])
    assert daemon.wait(60) == 0, daemon.text()
    assert sorted(received(tmp_path)) == wanted(range(20010))
    assert "10 records" in daemon.text()


def test_a_growing_file_is_followed_through_its_changes(started, tmp_path):
    """Long intervals: it is the system that tells of each change."""
    lines = tmp_path / "lines"
    follow = 'follow = "true" interval = "1h"'
    daemon = start(started, tmp_path, lines, follow)
    daemon.wait_text("No such file")
    write(lines, range(100))
    wait_for("the first lines", lambda: len(received(tmp_path)) == 100)
    write(lines, range(100, 200))
    wait_for("more lines", lambda: len(received(tmp_path)) == 200)
    lines.rename(tmp_path / "lines.1")
    write(tmp_path / "lines.1", range(200, 250))
    write(lines, range(250, 300))
    wait_for("both files", lambda: len(received(tmp_path)) == 300)
    daemon.kill()
    write(lines, range(300, 350))
    lines.rename(tmp_path / "lines.1")
    write(lines, range(350, 400))
    daemon = start(started, tmp_path, lines, follow)
    wait_for("what came meanwhile",
             lambda: set(received(tmp_path)) == set(wanted(range(400))))
    assert daemon.stop() == 0, daemon.text()
    # The output may repeat what it had not noted as written.
    assert "100 records, 0 known already" in daemon.text()


def test_a_kill_in_the_middle_loses_nothing(started, tmp_path):
    write(tmp_path / "lines", range(60000))
    daemon = start(started, tmp_path, "lines")
    wait_for("some events", lambda: len(received(tmp_path)) > 5000)
    daemon.kill()
    daemon = start(started, tmp_path, "lines", args=["-1"])
    assert daemon.wait(60) == 0, daemon.text()
    assert sorted(set(received(tmp_path))) == wanted(range(60000))


def test_standard_input(started, tmp_path):
    daemon = start(started, tmp_path, "-", args=["-t"])
    assert daemon.wait() == 0, daemon.text()
    text = "".join(alert(n) for n in range(5000))
    command = [BUILD / "cloudcefd", "-f", "-1", "-c", daemon.config]
    done = subprocess.run(command, input=text.rstrip("\n"), text=True,
                          capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sorted(received(tmp_path)) == wanted(range(5000))
    # A file in its place is gone on with.
    write(tmp_path / "lines", range(4990, 5010))
    for _ in range(2):
        with open(tmp_path / "lines", encoding="utf-8") as stdin:
            done = subprocess.run(command, stdin=stdin, capture_output=True,
                                  check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    assert sorted(received(tmp_path)) == wanted(range(5010))


def test_every_type_of_record_can_come_from_a_file(started, tmp_path):
    row = {"Type": "SecurityAlert", "SystemAlertId": "row-1",
           "TimeGenerated": "2026-01-02T03:04:05Z", "AlertSeverity": "Low"}
    (tmp_path / "rows").write_text(json.dumps(row) + "\n")
    daemon = start(started, tmp_path, "rows", args=["-1"],
                   kind="log-analytics")
    assert daemon.wait() == 0, daemon.text()
    assert received(tmp_path) == ["row-1"]
    for kind in ("graph-incidents", "mdca-alerts", "mdca-activities",
                 "o365-activity"):
        daemon = start(started, tmp_path, "rows", args=["-t"], kind=kind)
        assert daemon.wait() == 0, daemon.text()
    daemon = start(started, tmp_path, "rows", args=["-t"], kind="nothing")
    assert daemon.wait() == 1
    assert "no such source type" in daemon.text()
