# tests/integration/test_logs.py -- tables of Log Analytics, row by row
# SPDX-License-Identifier: ISC
"""What a workspace's tables hold is what arrives: through pages, rows that
share a moment, rows that say the same, answers that are a part, and a service
that fails."""
import re

import pytest

from house import Daemon, Sim, ids, wait_for, whole_lines

OUTPUT = 'output "file" { type = "file" path = "events.cef" }'
WORKSPACE = "0f1e2d3c-1111-2222-3333-444455556666"

# Where an event shows the id that the simulator knows the row by.
SHOWN_BY = {
    "McasShadowItReporting": r"msftDeviceId=(\S+)",
    "PurviewDataSensitivityLogs": r"msftScanId=(\S+)",
    "SecurityAlert": r"externalId=(\S+)",
    "SecurityIncident": r"externalId=(\S+)",
    "OfficeActivity": r"externalId=(\S+)",
}


def start(started, tmp_path, source, args=(), sim=None, sim_args=()):
    if sim is None:
        sim = started(Sim, tmp_path, "--alerts", 0, "--incidents", 0,
                      "--rate-limit", 390, *sim_args)
    daemon = started(
        Daemon, tmp_path, sim.url, OUTPUT, args=args,
        tenant=f'workspace-id = "{WORKSPACE}" loganalytics-url = "{sim.url}"',
        sources=f"""source "logs" {{
  type = "log-analytics" tenant = "t" interval = "1s" settle = "0s"
  start = "-2d" {source}
}}""")
    return sim, daemon


def lines(tmp_path):
    return whole_lines(tmp_path / "events.cef")


def offered(sim, table):
    return re.findall(r'"id":"([^"]+)"',
                      sim.get(f"/sim/kinds/{table}/offered"))


def versions(sim, table):
    return re.findall(r'"id":"([^"]+)","version":"([^"]+)"',
                      sim.get(f"/sim/kinds/{table}/offered"))


@pytest.mark.parametrize("table", SHOWN_BY)
def test_every_row_of_a_table_arrives_once(started, tmp_path, table):
    sim, daemon = start(started, tmp_path,
                        f'table = "{table}" page-size = "300"', ["-1"],
                        sim_args=["--rows", 2000, "--seed", 21])
    assert daemon.wait(120) == 0, daemon.text()
    got = [re.search(SHOWN_BY[table], line).group(1)
           for line in lines(tmp_path)]
    assert sorted(got) == sorted(offered(sim, table))
    assert len(got) == 2000
    assert "set a record" not in daemon.text()


def test_a_query_by_a_column_of_its_own(started, tmp_path):
    source = 'query = "SecurityAlert | where Status != \'x\';"'
    sim, daemon = start(started, tmp_path, source, ["-1"],
                        sim_args=["--rows", 500, "--seed", 22])
    assert daemon.wait() == 0, daemon.text()
    assert sorted(i for i, _ in ids(lines(tmp_path))) == \
        sorted(offered(sim, "SecurityAlert"))


def test_rows_that_say_the_same_at_one_moment_are_all_there(started, tmp_path):
    """A table without ids: what comes twice in one batch was there twice."""
    sim, daemon = start(
        started, tmp_path,
        'table = "McasShadowItReporting" page-size = "50"', ["-1"],
        sim_args=["--rows", 1000, "--ties", 70, "--duplicates", 20,
                  "--seed", 23])
    assert daemon.wait() == 0, daemon.text()
    got = [re.search(SHOWN_BY["McasShadowItReporting"], line).group(1)
           for line in lines(tmp_path)]
    assert set(got) == set(offered(sim, "McasShadowItReporting"))
    assert 1150 < len(got) < 1250
    names = [i for i, _ in ids(lines(tmp_path))]
    assert len(names) == len(set(names))


def test_a_long_bad_day(started, tmp_path):
    """10,000 alerts and their changes, late, twice, by a service that
    throttles, forgets tokens, answers in part and not in time, and a daemon
    that is killed in the middle: each version is there, once."""
    scenario = tmp_path / "scenario"
    scenario.write_text(
        "on logs-query from 3 for 1 status 504\n"
        "on logs-query from 6 for 1 revoke\n"
        "on logs-query from 9 for 2 partial\n"
        "on logs-query from 14 for 1 cut 40000\n"
        "on logs-query from 17 for 3 status 429 retry-after 1\n"
        "on logs-query from 22 for 1 revoke\n"
        "on logs-query from 24 for 1 broken-json\n"
        "on logs-query from 27 for 1 reset\n")
    source = 'table = "SecurityAlert" page-size = "500" overlap = "5m"'
    sim, daemon = start(
        started, tmp_path, source,
        sim_args=["--rows", 10000, "--seed", 24, "--updates", 20, "--late",
                  10, "--late-max", "20s", "--duplicates", 5, "--ties", 10,
                  "--span", "40h", "--update-after", "1h",
                  "--scenario", scenario])
    wait_for("some events", lambda: len(lines(tmp_path)) > 3000, 60)
    daemon.kill()
    sim, daemon = start(started, tmp_path, source, sim=sim)
    sim.post("/sim/kinds/SecurityAlert/add?n=100", "")
    sim.post("/sim/kinds/SecurityAlert/update?n=50", "")

    def complete():
        return {i for i, _ in ids(lines(tmp_path))} >= \
            set(offered(sim, "SecurityAlert"))
    wait_for("every alert", complete, 90)
    wait_for("every version", lambda: len(set(ids(lines(tmp_path)))) >=
             len(set(versions(sim, "SecurityAlert"))), 60)
    assert daemon.stop() == 0, daemon.text()
    got, want = ids(lines(tmp_path)), versions(sim, "SecurityAlert")
    assert {i for i, _ in got} == {i for i, _ in want}
    # What was written when the daemon was killed may be there twice.
    assert len(set(got)) == len(set(want)) > 10000
    assert "set a record" not in daemon.text()


def test_what_a_person_must_mend_is_told(started, tmp_path):
    sim, daemon = start(started, tmp_path, 'table = "NoSuch"', ["-1"],
                        sim_args=["--rows", 1])
    assert daemon.wait() == 1
    assert "no such table or column" in daemon.text()
    sim.post("/sim/scenario", "on logs-query status 403\n")
    _, daemon = start(started, tmp_path, 'table = "SecurityAlert"', ["-1"],
                      sim=sim)
    assert daemon.wait() == 1
    assert "Log Analytics Reader" in daemon.text()
