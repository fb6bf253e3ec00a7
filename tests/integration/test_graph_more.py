# tests/integration/test_graph_more.py -- the other collections of Graph
# SPDX-License-Identifier: ISC
"""Incidents, audit searches and plain lists are pulled through paging, late
records, duplicates, expired tokens, a throttled minute and a restart; what
arrives is what the cloud offered, none missing and none twice."""
import re
from datetime import datetime, timezone

import pytest

from house import Daemon, Sim, ids, wait_for, whole_lines

OUTPUT = 'output "file" { type = "file" path = "events.cef" }'


def ms_of(text):
    """Milliseconds, cut, of a date with any number of digits of fraction."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 1000 + int((fraction + "000")[:3])


def lines(tmp_path):
    return whole_lines(tmp_path / "events.cef")


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




def listed(path, more=""):
    return f'''source "list" {{
  type = "graph" tenant = "t" interval = "1s" start = "-30d" settle = "0s"
  path = "{path}" {more}
}}'''


def versions(tmp_path):
    """The events of things that carry a time."""
    return {(i, t) for i, t in received(tmp_path) if t is not None}


def test_ten_thousand_requests_of_a_plain_list(started, tmp_path):
    sim = start_sim(started, tmp_path, """
on requests from 3 for 4 status 429 retry-after 1
on requests from 8 for 1 revoke
on requests from 12 for 1 cut 9000
on requests from 30 for 1 revoke
""", "--list-size", 10000, "--updates", 20, "--duplicates", 4, "--ties", 5)
    sources = listed("/v1.0/security/subjectRightsRequests",
                     'time = "$.lastModifiedDateTime" query = "$top=200"'
                     ' requests-per-minute = "6000"')
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=sources)
    wait_for("the middle", lambda: len(lines(tmp_path)) > 3000, 60)
    assert daemon.stop() == 0
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=sources)
    assert_all_arrive_once(sim, "requests", tmp_path, daemon)
    sim.post("/sim/kinds/requests/update?n=25", "")
    sim.post("/sim/kinds/requests/add?n=25", "")
    wait_for("what is new", lambda: len({i for i, _ in received(tmp_path)})
             >= 10025, 60)
    assert_all_arrive_once(sim, "requests", tmp_path, daemon)
    assert "Person" not in (tmp_path / "events.cef").read_text()


def test_lists_of_other_things(started, tmp_path):
    sim = start_sim(started, tmp_path, "", "--list-size", 30)
    sources = listed("/v1.0/security/cases/ediscoveryCases",
                     'time = "$.lastModifiedDateTime"')
    sources += listed("/v1.0/subscribedSkus",
                      'version = "$.consumedUnits"').replace('"list"',
                                                             '"skus"')
    sources += listed(
        "/beta/security/dlpAlertEvent",
        'time = "$.createdDateTime" eventual = "true" query = "$filter='
        'startDateTime ge {from} and endDateTime le {until}"').replace(
            '"list"', '"dlp"')
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=sources)

    def names(kind):
        return {i for i, _, _ in sim.kind_offered(kind)}

    wanted = names("cases") | names("skus") | names("dlp")
    assert len(wanted) == 90
    wait_for("all things", lambda: wanted <=
             {i for i, _ in received(tmp_path)})
    sim.post("/sim/kinds/dlp/add?n=10", "")
    wait_for("new DLP events", lambda: names("dlp") <=
             {i for i, _ in received(tmp_path)})
    got = received(tmp_path)
    assert len(got) == len(set(got)) == 100
    assert "MATCHED-VALUE" not in (tmp_path / "events.cef").read_text()
    # Cases are asked for at most five times a minute.
    assert sim.stats()["routes"]["cases"]["throttled"] == 0
    daemon.stop()


def test_what_a_cloud_does_not_have_is_told(started, tmp_path):
    for cloud, path, words in [
            ("gcc-high", "/v1.0/security/subjectRightsRequests",
             "does not offer"),
            ("commercial", "/v1.0/x?$top=1", "belong into query")]:
        daemon = started(Daemon, tmp_path, "http://127.0.0.1:1", OUTPUT,
                         tenant=f'cloud = "{cloud}"', args=["-t"],
                         sources=listed(path))
        assert daemon.wait() != 0
        assert words in daemon.text()


def test_searches_in_the_audit_log(started, tmp_path):
    sim = start_sim(started, tmp_path, """
on audit-records from 5 for 3 status 429 retry-after 1
on audit-records from 20 for 1 revoke
on audit-status from 1 for 1 status 503 retry-after 1
""", "--audit-log", 10000, "--duplicates", 4, "--ties", 5, "--span", "5h")
    # One search for all of it, so that the test need not wait for several.
    sources = '''source "audit" {
  type = "graph-audit" tenant = "t" interval = "1s" start = "-6h"
  window = "6h" settle = "0s" requests-per-minute = "6000"
}'''
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=sources)
    wait_for("the search", lambda: sim.stats()["routes"]["audit-create"][
        "requests"] == 1)
    assert daemon.stop() == 0
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, sources=sources)
    assert_all_arrive_once(sim, "audit-log", tmp_path, daemon)
    assert len(received(tmp_path)) == 10000
    # The restart went on with the search that was there.
    assert sim.stats()["routes"]["audit-create"]["requests"] == 1
