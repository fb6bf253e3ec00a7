# tests/integration/test_o365.py -- audit records of Microsoft 365
# SPDX-License-Identifier: ISC
"""Feeds are subscribed to, listed and fetched many contents at a time, from a
cloud that is late, repeats itself, throttles and fails.  In the end each
record is there once, and what is lost is counted."""
import re
from collections import Counter

import pytest

from house import Daemon, Sim, wait_for, whole_lines

TENANT = "0e1dddce-163e-4b0b-9e33-87ba56ac4655"
FEEDS = ["DLP.All", "Audit.General", "Audit.Exchange", "Audit.SharePoint",
         "Audit.AzureActiveDirectory"]
OUTPUT = 'output "file" { type = "file" path = "events.cef" }'
EVENT = re.compile(r"^CEF:0\|Microsoft\|[^|]*\|[^|]*\|((?:[^|\\]|\\.)*)\|.*?"
                   r" ?externalId=(\S+)")


def start_sim(started, tmp_path, records, *args, scenario=""):
    file = tmp_path / "scenario"
    file.write_text(scenario)
    return started(Sim, tmp_path, "--tenant", TENANT, "--audits", records,
                   "--rate-limit", 0, "--seed", 5, "--scenario", file, *args)


def start_daemon(started, tmp_path, sim, source="", args=()):
    return started(Daemon, tmp_path, sim.url, OUTPUT, args=args,
                   tenant_id=TENANT, tenant=f'o365-url = "{sim.url}"',
                   sources=f"""source "audit" {{
  type = "o365-activity" tenant = "t" interval = "1s" settle = "0s"
  start = "-3d" requests-per-minute = "1000000"
  {source}
}}""")


def wanted_ids(sim, feeds=None):
    return {i for feed in feeds or FEEDS for i, _, _ in sim.kind_offered(feed)}


def received(tmp_path):
    """(signature, id) of each event."""
    lines = whole_lines(tmp_path / "events.cef")
    assert not [line for line in lines if "SECRET" in line]
    return [EVENT.match(line).groups() for line in lines]


def records_of(tmp_path):
    """The ids that tell records apart: alerts carry another one."""
    return [i for _, i in received(tmp_path)]


def is_undo(event):
    return event[0] == "DlpRuleUndo"


def missing(sim, tmp_path):
    """Ids offered and not received; alerts of Defender for Cloud Apps go by
    the alert's id, with the record's own beside it."""
    text = (tmp_path / "events.cef").read_text() \
        if (tmp_path / "events.cef").exists() else ""
    have = set(re.findall(r"(?:externalId|msftRecordId)=(\S+)", text))
    return wanted_ids(sim) - have


def without_resent(events):
    """What was sent and not confirmed when the daemon was killed comes again,
    as one piece; it is taken out."""
    first, again = {}, []
    for at, event in enumerate(events):
        if first.setdefault(event, at) != at:
            again.append((first[event], at))
    for (a, b), (c, d) in zip(again, again[1:]):
        assert (c, d) == (a + 1, b + 1)
    return [e for at, e in enumerate(events) if first[e] == at]


def assert_each_once(sim, tmp_path, was_killed=False):
    assert not missing(sim, tmp_path)
    events = received(tmp_path)
    if was_killed:
        events = without_resent(events)
    # A match that was undone gives two events with one id.
    again = [e for e, n in Counter(events).items() if n > 1]
    assert not again
    assert len([e for e in events if not is_undo(e)]) == len(wanted_ids(sim))
    matches = {i for s, i in events if s == "DlpRuleMatch"}
    assert {i for s, i in events if s == "DlpRuleUndo"} <= matches


def test_ten_thousand_records_through_all_trouble(started, tmp_path):
    """Late and repeated contents, two tokens that end early, a storm of
    refusals, and a daemon that is killed in the middle."""
    sim = start_sim(
        started, tmp_path, 10000, "--late", 5, "--late-max", "3s",
        "--duplicates", 5, "--span", "2d", "--latency", 5, scenario="""
on o365-contents from 30 for 1 revoke
on o365-content from 250 for 1 revoke
on o365-content from 100 for 40 status 429 retry-after 1
on o365-content from 400 for 5 status 500
on o365-content from 500 for 2 cut 100
on o365-contents from 60 for 2 status 503 retry-after 1
on o365-contents from 90 for 1 status 200 body html
""")
    daemon = start_daemon(started, tmp_path, sim)
    wait_for("some events", lambda: len(received(tmp_path)) > 3000, 60)
    daemon.kill()
    assert missing(sim, tmp_path)
    daemon = start_daemon(started, tmp_path, sim)
    wait_for("every id", lambda: not missing(sim, tmp_path), 90)
    assert daemon.stop() == 0
    assert_each_once(sim, tmp_path, was_killed=True)
    assert " 0 set aside" in daemon.text()
    assert not re.search("[1-9] set aside", daemon.text())


def test_each_record_comes_once(started, tmp_path):
    sim = start_sim(started, tmp_path, 3000, "--duplicates", 20)
    daemon = start_daemon(started, tmp_path, sim, args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    assert_each_once(sim, tmp_path)
    assert daemon.text().count("subscribed to ") == 5


def test_records_that_come_later_are_fetched(started, tmp_path):
    sim = start_sim(started, tmp_path, 100, "--subscribed")
    start_daemon(started, tmp_path, sim)
    wait_for("the first", lambda: not missing(sim, tmp_path), 30)
    for _ in range(3):
        for feed in FEEDS:
            sim.post(f"/sim/kinds/{feed}/add?n=7", "")
        wait_for("those born", lambda: not missing(sim, tmp_path), 30)
    assert_each_once(sim, tmp_path)


def test_subscriptions_are_started_one_by_one_and_again(started, tmp_path):
    """The service allows one start in a while; the other feeds are read."""
    sim = start_sim(started, tmp_path, 200, scenario="set start-pause 3s\n")
    daemon = start_daemon(started, tmp_path, sim,
                          'subscription-check = "1m"')
    daemon.wait_text("subscribed to DLP.All")
    daemon.wait_text("the subscription to Audit.General is started in")
    wait_for("DLP's records", lambda: wanted_ids(sim, ["DLP.All"]) <=
             set(records_of(tmp_path)), 30)
    wait_for("every id", lambda: not missing(sim, tmp_path), 60)
    sim.post("/sim/o365/Audit.Exchange/stop", "")
    sim.post("/sim/kinds/Audit.Exchange/add?n=5", "")
    daemon.wait_text("Audit.Exchange: there is no subscription")
    wait_for("every id", lambda: not missing(sim, tmp_path), 60)
    assert_each_once(sim, tmp_path)


def test_expired_contents_are_counted(started, tmp_path):
    sim = start_sim(started, tmp_path, 1000, "--subscribed",
                    scenario="on o365-content from 5 for 3 status 410\n")
    daemon = start_daemon(started, tmp_path, sim, args=["-1"])
    assert daemon.wait() == 0, daemon.text()
    text = daemon.text()
    assert len(re.findall(r"content \S+: the content has expired", text)) == 3
    assert re.search(r" 3 set aside,", text)
    assert 0 < len(missing(sim, tmp_path)) < 100


# What goes wrong for a while, and words that tell of it.
FAULTS = [
    ("throttled", "on o365-content from 3 for 20 status 429 retry-after 1",
     "too many requests"),
    ("throttled lists", "on o365-contents from 3 for 3 status 429"
     " retry-after 1", "too many requests"),
    ("500", "on o365-content from 3 for 4 status 500", "AF50000"),
    ("503", "on o365-contents from 2 for 1 status 503", "AF50005"),
    ("a gateway's page", "on o365-content from 3 for 1 status 502 body html",
     "502"),
    ("a body that ends early", "on o365-content from 3 for 1 cut 300", "."),
    ("broken JSON once", "on o365-content from 3 for 1 broken-json", "."),
    ("broken list once", "on o365-contents from 3 for 1 broken-json", "."),
    ("null for the records", "on o365-content from 3 for 1 null-value",
     "no list of records"),
    ("an empty page", "on o365-contents from 2 for 2 empty-page", ""),
    ("tokens that end", "on o365-content from 9 for 1 revoke",
     "logging in again"),
    ("a failing list of subscriptions", "on o365-list from 1 for 1 status 500",
     "listing the subscriptions"),
    ("a failing start", "on o365-start from 2 for 2 status 500",
     "subscribing to"),
]


@pytest.mark.parametrize("fault,words", [f[1:] for f in FAULTS],
                         ids=[f[0] for f in FAULTS])
def test_a_passing_fault(started, tmp_path, fault, words):
    sim = start_sim(started, tmp_path, 1200, scenario=fault + "\n")
    daemon = start_daemon(started, tmp_path, sim)
    try:
        wait_for("every id", lambda: not missing(sim, tmp_path), 90)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{daemon.text()}") from e
    assert daemon.stop() == 0
    assert_each_once(sim, tmp_path)
    assert re.search(words, daemon.text()), daemon.text()
    assert "Bearer" not in daemon.text()


@pytest.mark.parametrize("fault", ["deep-json 5000", "oversized 5000000",
                                   "bad-utf8"])
def test_a_bad_record_costs_itself(started, tmp_path, fault):
    sim = start_sim(started, tmp_path, 1000, "--subscribed",
                    scenario=f"on o365-content from 3 for 1 {fault}\n")
    daemon = start_daemon(started, tmp_path, sim, args=["-1"])
    assert daemon.wait() == 0
    assert re.search("set a record of .* aside", daemon.text())
    assert len(missing(sim, tmp_path)) == 1


def test_no_token_goes_elsewhere(started, tmp_path):
    sim = start_sim(started, tmp_path, 500, "--subscribed",
                    scenario="on o365-contents from 4 for 1 link"
                             " evil.example\n")
    daemon = start_daemon(started, tmp_path, sim, args=["-1"])
    assert daemon.wait() == 0
    assert "is at https://evil.example:443" in daemon.text()


def test_a_missing_permission_is_named(started, tmp_path):
    sim = start_sim(started, tmp_path, 10, "--subscribed",
                    scenario="on o365-contents status 403\n")
    daemon = start_daemon(started, tmp_path, sim, args=["-1"])
    assert daemon.wait() == 1
    assert "ActivityFeed.Read" in daemon.text()


def test_a_tenant_by_name_is_refused_before_anything_starts(started, tmp_path):
    daemon = started(Daemon, tmp_path, "http://127.0.0.1:9", OUTPUT,
                     args=["-t"], tenant='o365-url = "http://127.0.0.1:9"',
                     sources='source "audit" { type = "o365-activity"'
                             ' tenant = "t" }')
    assert daemon.wait() == 1
    assert re.search(r"cloudcefd.conf:\d+: .*needs the tenant's id",
                     daemon.text()), daemon.text()
