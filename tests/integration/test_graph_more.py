# tests/integration/test_graph_more.py -- the other collections of Graph
# SPDX-License-Identifier: ISC
"""Incidents, audit searches and plain lists are pulled through paging, late
records, duplicates, expired tokens, a throttled minute and a restart; what
arrives is what the cloud offered, none missing and none twice."""
import re
from datetime import datetime, timezone

import pytest

from house import Daemon, Sim, ids, wait_for

OUTPUT = 'output "file" { type = "file" path = "events.cef" }'


def ms_of(text):
    """Milliseconds, cut, of a date with any number of digits of fraction."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 1000 + int((fraction + "000")[:3])


def lines(tmp_path):
    file = tmp_path / "events.cef"
    text = file.read_text() if file.exists() else ""
    return text.splitlines()[:None if text.endswith("\n") else -1]


def received(tmp_path):
    return ids(lines(tmp_path))


def offered(sim, kind, current=False):
    return {(i, ms_of(v)) for i, v, c in sim.kind_offered(kind)
            if c or not current}


def assert_all_arrive_once(sim, kind, tmp_path, daemon, seconds=90):
    def all_there():
        return offered(sim, kind, current=True) <= set(received(tmp_path))

    try:
        wait_for("every record", all_there, seconds)
    except AssertionError as e:
        missing = offered(sim, kind, True) - set(received(tmp_path))
        raise AssertionError(f"{e}\n{len(missing)} missing: "
                             f"{sorted(missing)[:5]}\n{daemon.text()}") from e
    got = received(tmp_path)
    assert len(got) == len(set(got)), "something came twice"
    assert set(got) <= offered(sim, kind)


def start_sim(started, tmp_path, scenario, *args):
    file = tmp_path / "scenario"
    file.write_text(scenario)
    return started(Sim, tmp_path, "--alerts", 0, "--seed", 23, "--rate-limit",
                   0, "--scenario", file, *args)


INCIDENTS = '''source "incidents" {
  type = "graph-incidents" tenant = "t" interval = "1s" settle = "0s"
  start = "-30d" requests-per-minute = "6000"
}'''


def test_ten_thousand_incidents(started, tmp_path):
    sim = start_sim(started, tmp_path, """
on incidents from 20 for 1 revoke
on incidents from 50 for 8 status 429 retry-after 1
on incidents from 90 for 1 revoke
on incidents from 110 for 1 cut 3000
on incidents from 120 for 1 status 503 retry-after 1
""", "--incidents", 10000, "--updates", 20, "--late", 5, "--late-max", "20s",
                    "--duplicates", 4, "--ties", 5, "--small")
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=INCIDENTS)
    wait_for("the middle", lambda: len(lines(tmp_path)) > 4000, 60)
    assert daemon.stop() == 0
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=INCIDENTS)
    assert_all_arrive_once(sim, "incidents", tmp_path, daemon)
    assert len({i for i, _ in received(tmp_path)}) == 10000
    sim.post("/sim/kinds/incidents/update?n=40", "")
    wait_for("the updates, some of them late", lambda: len(
        [x for x in lines(tmp_path) if "cn2=1" in x]) >= 40, 60)
    assert_all_arrive_once(sim, "incidents", tmp_path, daemon)


def test_incidents_that_the_service_cannot_put_together(started, tmp_path):
    sim = start_sim(started, tmp_path, "set expand-most 30\n",
                    "--incidents", 120, "--updates", 30)
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=INCIDENTS)
    assert_all_arrive_once(sim, "incidents", tmp_path, daemon)
    daemon.wait_text("without their alerts, and then for each alone")
    daemon.wait_text(r"incident \d+: asking for its alerts page by page")
    most = max(int(n) for line in lines(tmp_path)
               for n in re.findall(r"cn1=(\d+) ", line))
    assert most > 40, "those with many alerts have all of them"
    assert sim.stats()["routes"]["incident-alerts"]["requests"] > 0


def test_an_incident_goes_alone_in_the_end(started, tmp_path):
    sim = start_sim(started, tmp_path, """
set expand-most 30
on incident-alerts status 500
""", "--incidents", 120)
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=INCIDENTS)
    assert_all_arrive_once(sim, "incidents", tmp_path, daemon, 180)
    daemon.wait_text(r"incident \d+ is sent without its alerts: .*500")


