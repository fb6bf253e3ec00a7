# tests/integration/test_config.py -- each mistake is told with file and line
# SPDX-License-Identifier: ISC
import shutil
import subprocess

import pytest

from house import BUILD, SECRET, TOP

GOOD = """\
state-dir = "state"
maps-dir = "MAPS"
tenant "t" {
  tenant-id = "x"
  client-id = "y"
  secret-file = "secret"
}
source "a" {
  type = "graph-alerts"
  tenant = "t"
}
output "o" {
  type = "syslog"
  transport = "tcp"
  host = "localhost"
}
"""

# What to replace, by what, on which line it is told, and in which words.
MISTAKES = [
    ('state-dir = "state"', 'stat-dir = "state"', 1, "stat-dir"),
    ('tenant = "t"', 'tenant = "q"', 10, 'no such tenant section'),
    ('type = "graph-alerts"', 'type = "graph-alarms"', 9,
     "wanted is one of file, graph-alerts"),
    ('type = "syslog"', 'type = "sysloc"', 13, "wanted is one of syslog"),
    ('tenant = "t"', 'tenant = "t" interval = "60"', 10,
     "interval = \"60\": wanted is a time with its unit"),
    ('tenant = "t"', 'tenant = "t" interval = "1ms"', 10, "too small"),
    ('tenant = "t"', 'tenant = "t" filter = "$[?"', 10, "filter: "),
    ('tenant = "t"', 'tenant = "t" start = "yesterday"', 10,
     "wanted is a date"),
    ('tenant = "t"', 'tenant = "t" path = "x"', 10, "path"),
    ('  host = "localhost"\n', '', 15, 'needs a host'),
    ('transport = "tcp"', 'transport = "tpc"', 14,
     "wanted is one of udp, tcp, tls, unix"),
    ('host = "localhost"', 'host = "localhost" port = "70000"', 15,
     "too large"),
    ('host = "localhost"', 'host = "localhost" max-bytes = "8 kb"', 15,
     "wanted is a size"),
    ('host = "localhost"', 'host = "localhost" facility = "local9"', 16,
     "facility"),
    ('host = "localhost"', 'host = "localhost" ca-file = "x.pem"', 16,
     'certificates are for transport = "tls"'),
    ('transport = "tcp"', 'transport = "tls" ca-file = "missing.pem"', 16,
     "missing.pem"),
    ('client-id = "y"', 'client-id = "y" cloud = "mars"', 5,
     "wanted is one of commercial"),
    ('client-id = "y"', 'client-id = "y" cloud = "china"', 9,
     "does not offer"),
    ('client-id = "y"', 'client-id = "y" graph-url = "ftp://x"', 5,
     "graph-url"),
    ('type = "graph-alerts"', 'type = "mdca-alerts"', 9, "needs mdca-url"),
    ('client-id = "y"', 'client-id = "y" mdca-url = "x"', 5, "mdca-url"),
    ('secret-file = "secret"', 'mdca-token-file = "secret"', 9,
     "needs a way to log in"),
    ('secret-file = "secret"', 'mdca-token-file = "none"', 6, "none"),
    ('type = "graph-alerts"',
     'type = "mdca-activities" api-filter = "{" scan = "maybe"', 9, "scan"),
    ('  client-id = "y"\n', '', 6, "needs client-id"),
    ('secret-file = "secret"', 'secret-file = "nothing"', 6, "nothing"),
    ('secret-file = "secret"', '', 7, "there is no way to log in"),
    ('secret-file = "secret"', 'secret-file = ""', 7,
     "there is no way to log in"),
    ('secret-file = "secret"',
     'secret-file = "secret"\n managed-identity = true', 7,
     "managed-identity and secret-file: one of them"),
    ('secret-file = "secret"',
     'managed-identity = true\n\n federated-token-file = "secret"', 6,
     "one of them"),
    ('secret-file = "secret"', 'managed-identity = "yes"', 6,
     "wanted is one of false, true, imds, arc"),
    ('secret-file = "secret"',
     'managed-identity = "imds"\n identity-url = "x:y"', 7, "identity-url: "),
    ('secret-file = "secret"', 'secret-file = "secret" key-file = "k"', 6,
     "key-file: there is no certificate-file"),
    ('secret-file = "secret"', 'certificate-file = "none.pem"', 6,
     "none.pem: No such file"),
    ('secret-file = "secret"', 'certificate-file = "secret"', 6,
     "holds no certificate in PEM"),
    ('secret-file = "secret"',
     'certificate-file = "app.pem"\n key-file = "none.key"', 7,
     "none.key: No such file"),
    ('secret-file = "secret"',
     'certificate-file = "app.pem"\n key-file = "other.key"', 7,
     "other.key: is not the key of the certificate"),
    ('secret-file = "secret"',
     'certificate-file = "app.pem"\n key-file = "open.key"', 7,
     "open.key: others may read"),
    ('secret-file = "secret"',
     'certificate-file = "app.pem"\n key-file = "locked.key"', 7,
     "key-pass-file"),
    ('secret-file = "secret"',
     'certificate-file = "app.pem"\n key-file = "locked.key"\n'
     ' key-pass-file = "secret"', 8, "does not open"),
    ('secret-file = "secret"',
     'certificate-file = "app.pem" assertion-alg = "ES256"', 6,
     "wanted is one of PS256, RS256"),
    ('secret-file = "secret"', 'federated-token-file = "none"', 6,
     "none: No such file"),
    ('secret-file = "secret"', 'federated-token-file = "secret"', 6,
     "holds no token"),
    ('client-id = "y"\n  secret-file = "secret"',
     'federated-token-file = "token"', 6, "needs client-id"),
    ('client-id = "y"', 'client-id = "y" loganalytics-url = "ftp://x"', 5,
     "loganalytics-url"),
    ('source "a" {', 'source "a" {\n}\nsource "a" {', None, "a"),
    ('}\noutput "o" {', 'output "o" {', None, "output"),
]


# Other ways to log in, instead of the secret's file.
WAYS = [
    'secret-file = "secret"',
    'certificate-file = "app.pem" key-file = "app.key"',
    'certificate-file = "app.pem" key-file = "app.key" assertion-alg = RS256',
    'certificate-file = "both.pem"',
    'certificate-file = "app.pem" key-file = "locked.key" '
    'key-pass-file = "pass"',
    'federated-token-file = "token"',
    'managed-identity = true',
    'managed-identity = "imds" managed-identity-client-id = "z"',
    'managed-identity = "arc" identity-url = "http://127.0.0.1:40342"',
]

# Types and the clouds that do not have them.
GAPS = [
    ("graph-alerts", "china"),
    ("graph-incidents", "china"),
    ("mdca-alerts", "china"),
    ("mdca-activities", "china"),
    ("o365-activity", "china"),
]


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Keys and certificates, and files that will not do as such."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, cwd=folder,
                       capture_output=True)

    for name in ("app", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.pem", "-days", "90", "-subj",
                f"/CN={name}")
    openssl("pkey", "-in", "app.key", "-aes256", "-passout", "pass:pass word",
            "-out", "locked.key")
    (folder / "both.pem").write_text((folder / "app.pem").read_text() +
                                     (folder / "app.key").read_text())
    (folder / "open.key").write_text((folder / "app.key").read_text())
    (folder / "pass").write_text("pass word\n")
    (folder / "token").write_text("e30.e30.c2ln\n")
    for file in folder.iterdir():
        file.chmod(0o600)
    (folder / "open.key").chmod(0o644)
    return folder


@pytest.fixture(autouse=True)
def at_hand(keys, tmp_path):
    for file in keys.iterdir():
        shutil.copy(file, tmp_path)


def check(folder, text):
    (folder / "c.conf").write_text(text.replace("MAPS", str(TOP / "maps")))
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    return subprocess.run([BUILD / "cloudcefd", "-t", "-c",
                           folder / "c.conf"],
                          capture_output=True, text=True, timeout=30,
                          check=False)


def test_a_good_file_passes_in_silence(tmp_path):
    done = check(tmp_path, GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("old,new,line,words", MISTAKES,
                         ids=[m[1][:40] for m in MISTAKES])
def test_a_mistake_is_told_with_its_place(tmp_path, old, new, line, words):
    assert old in GOOD
    done = check(tmp_path, GOOD.replace(old, new, 1))
    assert done.returncode == 1, done.stderr
    assert words in done.stderr
    where = str(tmp_path / "c.conf") + (f":{line}: " if line else ":")
    assert where in done.stderr, done.stderr
    assert SECRET not in done.stderr


def test_an_api_token_is_enough_for_who_reads_nothing_else(tmp_path):
    text = GOOD.replace('secret-file = "secret"',
                        'mdca-token-file = "secret" mdca-url = "https://m"')
    for option in ('  tenant-id = "x"\n', '  client-id = "y"\n'):
        text = text.replace(option, "")
    done = check(tmp_path, text.replace("graph-alerts", "mdca-alerts"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_log_in_is_enough(tmp_path, way):
    text = GOOD.replace('secret-file = "secret"', way)
    if "managed" in way:
        text = text.replace('  client-id = "y"\n', "")
    done = check(tmp_path, text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("cloud", ["commercial", "gcc", "gcc-high", "dod",
                                   "china"])
@pytest.mark.parametrize("type_", sorted({g[0] for g in GAPS}))
def test_what_a_cloud_does_not_offer_is_refused(tmp_path, type_, cloud):
    text = GOOD.replace('client-id = "y"',
                        f'client-id = "y" cloud = "{cloud}" '
                        'mdca-url = "https://m"')
    text = text.replace("graph-alerts", type_)
    if type_ == "o365-activity":
        text = text.replace('tenant-id = "x"', 'tenant-id = '
                            '"00000000-0000-0000-0000-000000000000"')
    done = check(tmp_path, text)
    if (type_, cloud) not in GAPS:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return
    assert done.returncode == 1
    assert (f'c.conf:9: type = "{type_}": the cloud "{cloud}" does not '
            "offer this") in done.stderr


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    check(tmp_path, GOOD)
    (tmp_path / "secret").chmod(0o644)
    done = subprocess.run([BUILD / "cloudcefd", "-t", "-c",
                           tmp_path / "c.conf"], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "others may read" in done.stderr
    assert SECRET not in done.stderr


def test_a_missing_file_is_named(tmp_path):
    done = subprocess.run([BUILD / "cloudcefd", "-t", "-c",
                           tmp_path / "none.conf"], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert str(tmp_path / "none.conf") in done.stderr


@pytest.mark.parametrize("args", [["-x"], ["-c"], ["stray"]])
def test_wrong_arguments_give_usage_and_status_2(args):
    done = subprocess.run([BUILD / "cloudcefd", *args], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "usage: cloudcefd" in done.stderr


def test_the_sample_files_are_understood(tmp_path):
    for name in ("cloudcefd.conf", "cloudcefd-minimal.conf"):
        text = (TOP / "etc" / name).read_text()
        (tmp_path / "contoso.secret").write_text(SECRET)
        (tmp_path / "contoso.secret").chmod(0o600)
        done = check(tmp_path, 'maps-dir = "MAPS"\n' + text)
        assert done.returncode == 0, done.stderr
