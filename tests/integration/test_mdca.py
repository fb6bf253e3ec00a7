# tests/integration/test_mdca.py -- alerts and activities of Defender for Cloud Apps
# SPDX-License-Identifier: ISC
"""Alerts and activities are pulled through paging, scans, late records,
duplicates, closed alerts, expired tokens, a throttled minute and a restart;
what arrives is what the cloud offered, none missing and none twice."""
import json
import re
from datetime import datetime, timezone

import pytest

from house import Daemon, Sim, ids, wait_for, whole_lines

OUTPUT = 'output "file" { type = "file" path = "events.cef" }'
FAST = 'interval = "1s" settle = "0s" start = "-25h" ' \
    'requests-per-minute = "60000"'


def source(what, more="", common=FAST):
    return f'''source "{what}" {{
  type = "mdca-{what}" tenant = "t" {common} {more}
}}
'''


def ms_of(text):
    """Milliseconds, cut, of a date with any number of digits of fraction."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 1000 + int((fraction + "000")[:3])


def lines(tmp_path):
    return whole_lines(tmp_path / "events.cef")


def received(tmp_path):
    return ids(lines(tmp_path))


def offered(sim, what):
    """(id, version, whether it is current) of every version shown so far."""
    return sim.kind_offered(f"mdca-{what}")


def start_sim(started, tmp_path, scenario="", alerts=0, activities=0,
              args=("--mdca-rate-limit", 0)):
    file = tmp_path / "scenario"
    file.write_text(scenario)
    return started(Sim, tmp_path, "--alerts", 0, "--incidents", 0,
                   "--mdca-alerts", alerts, "--mdca-activities", activities,
                   "--seed", 7, "--scenario", file, *args)


def start_daemon(started, tmp_path, sim, sources, tenant="", **options):
    return started(Daemon, tmp_path, sim.url, OUTPUT, sources=sources,
                   tenant=f'mdca-url = "{sim.url}/api" {tenant}', **options)


def wait_for_all(sim, what, tmp_path, daemon, seconds=90):
    def missing():
        return {i for i, _, _ in offered(sim, what)} - \
            {i for i, _ in received(tmp_path)}

    try:
        wait_for("every record", lambda: not missing(), seconds)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{len(missing())} missing: "
                             f"{sorted(missing())[:5]}\n{daemon.text()}") \
            from e


TROUBLE = """
on mdca-{0} from 5 for 8 status 429 retry-after 1
on mdca-{0} from 14 for 1 revoke
on mdca-{0} from 16 for 1 cut 3000
on mdca-{0} from 18 for 1 status 503 retry-after 1
"""
# Tokens end by themselves as well.
LATE = ("--mdca-rate-limit", 0, "--token-life", 4, "--late", 5, "--late-max", "15s",
        "--duplicates", 4, "--ties", 5)


def test_ten_thousand_activities(started, tmp_path):
    sim = start_sim(started, tmp_path, TROUBLE.format("activities"),
                    activities=10000, args=LATE)
    sources = source("activities", 'page-size = "500"')
    daemon = start_daemon(started, tmp_path, sim, sources)
    wait_for("the middle", lambda: len(lines(tmp_path)) > 3000, 60)
    assert daemon.stop() == 0
    daemon = start_daemon(started, tmp_path, sim, sources)
    wait_for_all(sim, "activities", tmp_path, daemon)
    got = [i for i, _ in received(tmp_path)]
    assert len(got) == len(set(got)) == 10000
    assert sim.stats()["routes"]["mdca-activities"]["faults"] >= 11


def test_ten_thousand_alerts_some_of_which_are_closed(started, tmp_path):
    sim = start_sim(started, tmp_path, TROUBLE.format("alerts"), alerts=10000,
                    args=(*LATE, "--updates", 10, "--update-after", "20s"))
    daemon = start_daemon(started, tmp_path, sim, source("alerts"))
    wait_for("the middle", lambda: len(lines(tmp_path)) > 3000, 60)
    daemon.kill()
    daemon = start_daemon(started, tmp_path, sim, source("alerts"))
    wait_for_all(sim, "alerts", tmp_path, daemon)
    assert len({i for i, _ in received(tmp_path)}) == 10000
    sim.post("/sim/kinds/mdca-alerts/update?n=200", "")

    def closed():
        rows = map(json.loads, sim.get(
            "/sim/kinds/mdca-alerts/offered").splitlines())
        return {(r["id"], ms_of(r["version"])) for r in rows
                if r["current"] and r["number"] > 0}

    wait_for("what was closed",
             lambda: len(closed()) > 300 and
             closed() <= set(received(tmp_path)), 60)
    # What was not confirmed when the daemon was killed may have come twice.
    known = {}
    for line in set(lines(tmp_path)):
        known.setdefault(ids([line])[0][0], []).append(line)
    # At most one event for each version.
    versions = {}
    for i, _, _ in offered(sim, "alerts"):
        versions[i] = versions.get(i, 0) + 1
    assert all(len(v) <= versions[i] for i, v in known.items())
    updates = [line for line in lines(tmp_path) if " cn2=1" in line]
    assert len(updates) >= 150
    assert all("flexString1=closed" in line for line in updates)


def test_without_updates_each_alert_comes_once(started, tmp_path):
    sim = start_sim(started, tmp_path, alerts=300,
                    args=("--mdca-rate-limit", 0, "--updates", 50,
                          "--update-after", "2s"))
    daemon = start_daemon(started, tmp_path, sim,
                          source("alerts", 'updates = "false"'))
    wait_for_all(sim, "alerts", tmp_path, daemon)
    sim.post("/sim/kinds/mdca-alerts/update?n=50", "")
    sim.post("/sim/kinds/mdca-alerts/add?n=5", "")
    wait_for_all(sim, "alerts", tmp_path, daemon)
    assert len(received(tmp_path)) == 305


def test_the_agents_lines(started, tmp_path):
    sim = start_sim(started, tmp_path, alerts=100, activities=300)
    daemon = start_daemon(started, tmp_path, sim,
                          source("alerts") + source("activities"),
                          top='profile = "mcas"')
    for what in ("alerts", "activities"):
        wait_for_all(sim, what, tmp_path, daemon)
    alert = re.compile(
        r"CEF:0\|MCAS\|SIEM_Agent\|0\.172\.123\|ALERT_[A-Z0-9_]+\|.+\|[1368]\|"
        r"externalId=[0-9a-f]{24} rt=(\d{13}) start=\1 end=\1 msg=.* suser=.*"
        r" destinationServiceName=.* cn1Label=riskScore cn1=\d* "
        r"cs1Label=portalURL cs1=http\S+/#/alerts/[0-9a-f]{24} "
        r"cs2Label=uniqueServiceAppIds cs2=\S* cs3Label=relatedAudits cs3=\S* "
        r"cs4Label=policyIDs cs4=\S* src=\S* "
        r'c6a1Label="Device IPv6 Address" c6a1=\S*')
    activity = re.compile(
        r"CEF:0\|MCAS\|SIEM_Agent\|0\.172\.123\|EVENT_[A-Z0-9_]+\|.+\|0\|"
        r"externalId=\S+ rt=(\d{13}) start=\1 end=\1 msg=.* suser=.* "
        r"destinationServiceName=.* dvc=\S* requestClientApplication=.* "
        r"cs1Label=portalURL cs1=http\S+/#/audits\?activity\.id\\=eq\(\S+,\) "
        r"cs2Label=uniqueServiceAppIds cs2=\S* cs3Label=targetObjects cs3=.* "
        r'cs4Label=policyIDs cs4= c6a1Label="Device IPv6 Address" c6a1=\S*')
    for line in lines(tmp_path):
        assert alert.fullmatch(line) or activity.fullmatch(line), line
        assert "<" not in line.split(" cs1Label", maxsplit=1)[0], line


def token_file(tmp_path, text):
    file = tmp_path / "mdca.token"
    file.write_text(text + "\n")
    file.chmod(0o600)
    return f'mdca-token-file = "{file}"'


def test_an_api_token_instead_of_an_application(started, tmp_path):
    tenant = token_file(tmp_path, "QUJDREVGR0hJSktMTU5PUA==")
    sim = start_sim(started, tmp_path, alerts=50, activities=50,
                    args=("--mdca-token-file", tmp_path / "mdca.token"))
    daemon = start_daemon(started, tmp_path, sim,
                          source("alerts") + source("activities"),
                          tenant=tenant)
    for what in ("alerts", "activities"):
        wait_for_all(sim, what, tmp_path, daemon)
    assert sim.stats()["routes"]["token"]["requests"] == 0
    assert "QUJDREVG" not in daemon.text()


def test_a_wrong_api_token_is_told(started, tmp_path):
    token_file(tmp_path, "right")
    sim = start_sim(started, tmp_path, alerts=5,
                    args=("--mdca-token-file", tmp_path / "mdca.token"))
    file = tmp_path / "wrong.token"
    file.write_text("wrong\n")
    file.chmod(0o600)
    daemon = start_daemon(started, tmp_path, sim, source("alerts"),
                          tenant=f'mdca-token-file = "{file}"', args=["-1"])
    assert daemon.wait() == 1
    assert "Invalid token" in daemon.text()


def test_a_missing_permission_is_named(started, tmp_path):
    sim = start_sim(started, tmp_path, "on mdca-alerts status 403\n", alerts=5)
    daemon = start_daemon(started, tmp_path, sim, source("alerts"),
                          args=["-1"])
    assert daemon.wait() == 1
    assert "Investigation.read" in daemon.text()


def test_a_filter_that_the_service_does_not_know_is_told(started, tmp_path):
    sim = start_sim(started, tmp_path, alerts=5)
    daemon = start_daemon(
        started, tmp_path, sim,
        source("alerts", """api-filter = '{"colour":{"eq":[1]}}'"""),
        args=["-1"])
    assert daemon.wait() == 1
    assert "Invalid filter field" in daemon.text()


def test_only_what_the_filter_names_is_listed(started, tmp_path):
    sim = start_sim(started, tmp_path, alerts=400)
    daemon = start_daemon(
        started, tmp_path, sim,
        source("alerts", """api-filter = '{"severity":{"eq":[2]}}'"""),
        args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    got = lines(tmp_path)
    assert 50 < len(got) < 200
    assert all("|8|externalId=" in line for line in got)


FAULTS = [
    ("429 without the header", "status 429", "available in"),
    ("502 as HTML", "status 502 body html", "502"),
    ("504 empty", "status 504 body empty", "504"),
    ("a body that ends early", "cut 2000", "(ended|closed|transfer|early)"),
    ("HTML in place of JSON", "status 200 body html", "HTML"),
    ("broken JSON", "broken-json", "."),
    ("null for the records", "null-value", None),
    ("an empty page", "empty-page", None),
    ("no filters for the next page", "no-link", None),
    ("a scan that cannot go on", "status 400", "cannot be continued"),
]


@pytest.mark.parametrize("name,fault,words", FAULTS,
                         ids=[f[0] for f in FAULTS])
def test_a_passing_fault(started, tmp_path, name, fault, words):
    sim = start_sim(started, tmp_path,
                    f"on mdca-activities from 2 for 1 {fault}\n",
                    activities=1700)
    daemon = start_daemon(started, tmp_path, sim,
                          source("activities", 'page-size = "500"'))
    wait_for_all(sim, "activities", tmp_path, daemon)
    got = [i for i, _ in received(tmp_path)]
    assert len(got) == len(set(got)) == 1700
    assert words is None or re.search(
        rf"source activities: .*{words}", daemon.text(), re.I), daemon.text()


@pytest.mark.parametrize("fault", ["deep-json 2000", "oversized 5000000",
                                   "bad-utf8"])
def test_a_bad_record_holds_nobody(started, tmp_path, fault):
    sim = start_sim(started, tmp_path,
                    f"on mdca-alerts from 2 for 1 {fault}\n", alerts=350)
    daemon = start_daemon(started, tmp_path, sim, source("alerts"))
    daemon.wait_text("set a record of .* aside")
    wait_for_all(sim, "alerts", tmp_path, daemon)


def test_a_refused_scan_is_read_page_by_page(started, tmp_path):
    sim = start_sim(started, tmp_path,
                    "on mdca-activities from 1 for 1 status 400\n",
                    activities=700)
    daemon = start_daemon(started, tmp_path, sim, source("activities"))
    wait_for_all(sim, "activities", tmp_path, daemon)
    assert "without scan mode" in daemon.text()


def test_without_scan_mode(started, tmp_path):
    sim = start_sim(started, tmp_path, activities=1500,
                    args=("--mdca-rate-limit", 0, "--ties", 40))
    daemon = start_daemon(started, tmp_path, sim,
                          source("activities", 'scan = "false"'))
    wait_for_all(sim, "activities", tmp_path, daemon)
    got = [i for i, _ in received(tmp_path)]
    assert len(got) == len(set(got)) == 1500


def test_the_tenants_limit_is_kept_and_alerts_go_first(started, tmp_path):
    """30 requests in a minute for both; activities alone want 40 of them."""
    sim = start_sim(started, tmp_path, alerts=350, activities=20000,
                    args=("--mdca-rate-limit", 30))
    common = 'interval = "600s" settle = "0s"'
    daemon = start_daemon(
        started, tmp_path, sim, source("activities", 'page-size = "500"',
                                       common) +
        source("alerts", common=common))
    wait_for_all(sim, "alerts", tmp_path, daemon, 60)
    routes = sim.stats()["routes"]
    assert routes["mdca-alerts"]["throttled"] == 0
    assert routes["mdca-activities"]["throttled"] == 0
    # The burst may be spent already when the alerts begin; after it, all goes
    # to them.
    assert routes["mdca-activities"]["requests"] <= 5
