# tests/integration/test_login.py -- every way to log in, and what goes wrong
# SPDX-License-Identifier: ISC
"""The daemon pulls alerts from the simulated cloud, which checks assertions,
foreign tokens and machine identities as the real one does."""
import re
import subprocess

import pytest

from house import SECRET, Daemon, Sim, ids, wait_for, whole_lines

ALERTS = 600
OUTPUT = 'output "file" { type = "file" path = "events.cef" }'
FOREIGN = "e30.e30.Zm9yZWlnbg"
PASS = "pass word"
CLIENT = 'client-id = "test-client"'
CERT = CLIENT + ' certificate-file = "app.pem"'


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """app, its key with a pass phrase, old, and one that ends soon."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, cwd=folder,
                       capture_output=True)

    for name, days in ("app", 90), ("old", 60), ("soon", 10):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.pem", "-days", days, "-subj",
                f"/CN={name}")
    openssl("pkey", "-in", "app.key", "-aes256", "-passout", f"pass:{PASS}",
            "-out", "locked.key")
    return folder


def put(pki, folder, to, *names):
    """Join files of the pki to one of the daemon's, for its eyes only."""
    file = folder / to
    file.write_text("".join((pki / n).read_text() for n in names))
    file.chmod(0o600)


@pytest.fixture
def files(pki, tmp_path):
    put(pki, tmp_path, "app.pem", "app.pem")
    put(pki, tmp_path, "app.key", "app.key")
    put(pki, tmp_path, "locked.key", "locked.key")
    put(pki, tmp_path, "both.pem", "app.pem", "app.key")
    put(pki, tmp_path, "two.pem", "app.pem", "app.key", "old.pem", "old.key")
    put(pki, tmp_path, "soon.pem", "soon.pem", "soon.key")
    put(pki, tmp_path, "old.pem", "old.pem")
    (tmp_path / "foreign").write_text(FOREIGN + "\n")
    (tmp_path / "foreign").chmod(0o644)
    (tmp_path / "pass").write_text(PASS + "\n")
    (tmp_path / "pass").chmod(0o600)
    (tmp_path / "arc").mkdir()
    return tmp_path


def start(started, files, sim_args, login, scenario="", args=()):
    file = files / "scenario"
    file.write_text(scenario)
    sim = started(Sim, files, "--alerts", ALERTS, "--scenario", file,
                  *(str(a).replace("HERE", str(files)) for a in sim_args),
                  secret=SECRET if "secret-file" in login else None)
    daemon = started(Daemon, files, sim.url, OUTPUT, args=args,
                     source='page-size = "30"',
                     login=login.replace("URL", sim.url))
    return sim, daemon


def assert_all_arrive_once(sim, files, daemon, seconds=60):
    wanted = {i for i, _ in sim.offered()}
    file = files / "events.cef"

    def received():
        return [i for i, _ in ids(whole_lines(file))]

    assert len(wanted) == ALERTS
    try:
        wait_for("every id", lambda: wanted <= set(received()), seconds)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{daemon.text()}") from e
    assert len(received()) == ALERTS


def assert_nothing_leaks(files, daemon):
    text = daemon.text()
    for secret in (SECRET, FOREIGN, PASS, "eyJ"):
        assert secret not in text
    for line in (files / "app.key").read_text().splitlines()[1:-1]:
        assert line not in text


# The way's name in the log, what the cloud accepts, and the tenant's lines.
WAYS = {
    "secret": ("client-secret", (),
               CLIENT + ' secret-file = "daemon.secret"'),
    "PS256": ("certificate", ("--client-cert", "HERE/app.pem"),
              CERT + ' key-file = "app.key"'),
    "RS256": ("certificate", ("--client-cert", "HERE/app.pem"),
              CERT + ' key-file = "app.key" assertion-alg = "RS256"'),
    "one file": ("certificate", ("--client-cert", "HERE/app.pem"),
                 CLIENT + ' certificate-file = "both.pem"'),
    "pass phrase": ("certificate", ("--client-cert", "HERE/app.pem"),
                    CERT + ' key-file = "locked.key" key-pass-file = "pass"'),
    "federated": ("federated token", ("--federated-token", FOREIGN),
                  CLIENT + ' federated-token-file = "foreign"'),
    "IMDS": ("managed identity", (),
             'managed-identity = imds identity-url = "URL"'),
    "IMDS by id": ("managed identity", (),
                   'managed-identity = true identity-url = "URL" '
                   'managed-identity-client-id = "test-client"'),
    "Arc": (r"managed identity \(Azure Arc\)",
            ("--identity-keys", "HERE/arc"),
            'managed-identity = arc identity-url = "URL" '
            'identity-key-dir = "arc"'),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_lives_through_two_ends_of_its_token(started, files, way):
    """A token lives for two seconds, the pull takes five: it is renewed on the
    way, and once it is taken away before its end."""
    name, sim_args, login = WAYS[way]
    sim, daemon = start(started, files, sim_args, login,
                        "set token-life 2\nset latency 250\n"
                        "on alerts from 6 for 1 revoke\n")
    assert_all_arrive_once(sim, files, daemon)
    daemon.wait_text(rf"logged in for \S+ by {name};")
    routes = sim.stats()["routes"]
    route = routes["token" if "URL" not in login else "identity"]
    assert route["status"].get("200", 0) >= 3
    other = routes["identity" if "URL" not in login else "token"]
    assert other["requests"] == 0
    assert_nothing_leaks(files, daemon)
    assert list((files / "arc").iterdir()) == []
    assert daemon.stop() == 0


def test_the_old_certificate_serves_until_the_new_one_is_known(started,
                                                               files):
    """Both are in the file, but only the old one was uploaded so far."""
    sim, daemon = start(started, files, ("--client-cert", "HERE/old.pem"),
                        CLIENT + ' certificate-file = "two.pem"',
                        "set token-life 2\nset latency 150\n")
    assert_all_arrive_once(sim, files, daemon)
    statuses = sim.stats()["routes"]["token"]["status"]
    assert statuses["401"] == 1 and statuses["200"] >= 2
    assert "700027" not in daemon.text()


def test_an_unknown_certificate_is_explained(started, files):
    sim, daemon = start(started, files, ("--client-cert", "HERE/old.pem"),
                        CERT + ' key-file = "app.key"')
    daemon.wait_text(r"error: auth t: login refused: the certificate is not "
                     r"registered .*upload the certificate.*AADSTS700027")
    assert sim.stats()["routes"]["token"]["requests"] == 1
    assert_nothing_leaks(files, daemon)


def test_a_key_is_replaced_without_a_restart(started, pki, files):
    sim, daemon = start(started, files, ("--client-cert", "HERE/old.pem"),
                        CERT + ' key-file = "app.key"',
                        "on token from 1 for 1 status 503 body html\n")
    daemon.wait_text("503")
    put(pki, files, "app.pem", "old.pem")
    put(pki, files, "app.key", "old.key")
    assert_all_arrive_once(sim, files, daemon)


def test_a_certificate_that_ends_soon_is_told(started, files):
    sim, daemon = start(started, files, ("--client-cert", "HERE/soon.pem"),
                        CLIENT + ' certificate-file = "soon.pem"')
    daemon.wait_text(r"warning: auth t: the certificate used to log in ends "
                     r"in 9 days, on 20\d\d-\d\d-\d\d; register a new one")
    assert_all_arrive_once(sim, files, daemon)


@pytest.mark.parametrize("roles,missing", [
    (None, None),
    ("SecurityAlert.Read.All", None),
    ("SecurityIncident.Read.All, SecurityAlert.ReadWrite.All", None),
    ("SecurityEvents.Read.All", "SecurityAlert.Read.All"),
    ("", "SecurityAlert.Read.All"),
])
def test_a_missing_permission_is_named(started, files, roles, missing):
    sim, daemon = start(started, files,
                        () if roles is None else ("--roles", roles),
                        CLIENT + ' secret-file = "daemon.secret"',
                        args=("-1",))
    assert_all_arrive_once(sim, files, daemon)
    assert daemon.wait() == 0
    told = re.findall(r"warning: auth t: source alerts: the token does not "
                      r"carry the permission (.*); add it", daemon.text())
    assert told == ([missing] if missing else [])


def test_a_machine_without_an_identity_is_told_so(started, files):
    _, daemon = start(started, files, (),
                      'managed-identity = imds identity-url = "URL" '
                      'managed-identity-client-id = "stranger"')
    daemon.wait_text(r"error: auth t: managed-identity: is one assigned to "
                     r"this machine\? .*Identity not found")


def test_the_agent_may_not_send_us_to_other_files(started, files):
    """The key's path comes from outside: it is not read elsewhere."""
    (files / "elsewhere").mkdir()
    _, daemon = start(started, files, ("--identity-keys", "HERE/elsewhere"),
                      'managed-identity = arc identity-url = "URL" '
                      'identity-key-dir = "arc"')
    daemon.wait_text(r"managed-identity: the agent of Azure Arc names no key "
                     r"file in \S+/arc")


def test_the_identity_service_is_not_asked_through_the_proxy(started, files):
    """Nobody listens where the proxy should be; logging in works all the
    same."""
    sim, daemon = start(started, files, (),
                        'managed-identity = imds identity-url = "URL" '
                        'proxy = "http://127.0.0.1:9"')
    daemon.wait_text("logged in for")
    assert sim.stats()["routes"]["identity"]["status"]["200"] >= 1
