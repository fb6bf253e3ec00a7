# tests/integration/test_cloud_faults.py -- a cloud that misbehaves
# SPDX-License-Identifier: ISC
"""The simulated cloud throttles, fails, cuts and lies by scenario.  Each fault
gives one clear line, and in the end every alert is there, once."""
import re

import pytest

from house import Daemon, Sim, ids, wait_for, whole_lines

ALERTS = 1200
OUTPUT = 'output "file" { type = "file" path = "events.cef" }'


def start(started, tmp_path, scenario="", args=(), secret=None, sim_args=()):
    file = tmp_path / "scenario"
    file.write_text(scenario)
    sim = started(Sim, tmp_path, "--alerts", ALERTS, "--seed", 41,
                  "--scenario", file, *sim_args)
    options = {"secret": secret} if secret else {}
    daemon = started(Daemon, tmp_path, sim.url, OUTPUT, args=args,
                     source='page-size = "100"', **options)
    return sim, daemon


def received(tmp_path):
    return [i for i, _ in ids(whole_lines(tmp_path / "events.cef"))]


def assert_all_arrive_once(sim, tmp_path, daemon, seconds=90):
    wanted = {i for i, _ in sim.offered()}
    assert len(wanted) == ALERTS
    try:
        wait_for("every id",
                 lambda: wanted <= set(received(tmp_path)), seconds)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{daemon.text()}") from e
    got = received(tmp_path)
    assert len(got) == len(set(got)) == ALERTS


# A fault on the third request for alerts, and the words that the log must say.
FAULTS = [
    ("429 with seconds", "status 429 retry-after 1", "429"),
    ("429 with a fraction", "status 429 retry-after 1.2", "429"),
    ("429 with a date", "status 429 retry-after date+2", "429"),
    ("429 without the header", "status 429", "429"),
    ("500", "status 500", "500"),
    ("502 as HTML", "status 502 body html", "502"),
    ("503", "status 503 retry-after 1", "503"),
    ("504 empty", "status 504 body empty", "504"),
    ("an empty body", "status 200 body empty", "(empty|ended)"),
    ("a body that ends early", "cut 2000", "(ended|closed|transfer|early)"),
    # On a connection that was used before, curl asks again by itself.
    ("a reset", "reset", None),
    ("HTML in place of JSON", "status 200 body html", "HTML"),
    ("broken JSON", "broken-json", "."),
    ("null for the records", "null-value", None),
    ("an empty page with a link", "empty-page", None),
    ("no link behind a full page", "no-link", None),
]


@pytest.mark.parametrize("name,fault,words", FAULTS,
                         ids=[f[0] for f in FAULTS])
def test_a_passing_fault(started, tmp_path, name, fault, words):
    sim, daemon = start(started, tmp_path, f"on alerts from 3 for 1 {fault}\n")
    assert_all_arrive_once(sim, tmp_path, daemon)
    assert words is None or re.search(
        rf"source alerts: .*{words}", daemon.text(), re.I), daemon.text()


def test_expired_tokens_are_renewed(started, tmp_path):
    sim, daemon = start(started, tmp_path,
                        "on alerts from 4 for 1 revoke\n")
    assert_all_arrive_once(sim, tmp_path, daemon)
    assert daemon.text().count("logging in again") == 1


def test_a_next_link_to_another_host_is_not_followed(started, tmp_path):
    sim, daemon = start(started, tmp_path,
                        "on alerts from 2 for 1 link evil.example\n")
    assert_all_arrive_once(sim, tmp_path, daemon)
    assert "evil" in daemon.text() or "another" in daemon.text()


@pytest.mark.parametrize("mode", ["never", "always", "sometimes"])
def test_next_links_or_not(started, tmp_path, mode):
    sim, daemon = start(started, tmp_path,
                        sim_args=["--nextlink", mode])
    assert_all_arrive_once(sim, tmp_path, daemon)


def test_a_wrong_secret_is_told_by_its_code(started, tmp_path):
    sim, daemon = start(started, tmp_path, args=["-1"], secret="wrong-one")
    assert daemon.wait() == 1
    assert "7000215" in daemon.text()
    assert "wrong-one" not in daemon.text()


def test_a_missing_permission_is_named(started, tmp_path):
    sim, daemon = start(started, tmp_path, "on alerts status 403\n",
                        args=["-1"])
    assert daemon.wait() == 1
    assert "SecurityAlert.Read.All" in daemon.text()


def test_secrets_and_tokens_are_in_no_log(started, tmp_path):
    sim, daemon = start(started, tmp_path, "on alerts from 2 for 1 status 401\n",
                        args=["-d", "all"])
    assert_all_arrive_once(sim, tmp_path, daemon)
    text = daemon.text()
    assert "s3cret" not in text and "Bearer" not in text


# What a record can be that cannot be read: it is set aside, the others pass.
@pytest.mark.parametrize("fault", ["deep-json 5000", "oversized 5000000",
                                   "bad-utf8"])
def test_a_bad_record_holds_nobody(started, tmp_path, fault):
    sim, daemon = start(started, tmp_path, f"on alerts from 3 for 1 {fault}\n")
    wanted = {i for i, _ in sim.offered()}
    wait_for("all but one", lambda:
             len(set(received(tmp_path))) >= ALERTS - 1, 60)
    daemon.wait_text("set a record of .* aside")
    daemon.wait_text(r"1 set aside, 1199 new")
    assert len(wanted - set(received(tmp_path))) == 1
