# tests/integration/test_config.py -- each mistake is told with file and line
# SPDX-License-Identifier: ISC
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
     "wanted is one of graph-alerts"),
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
     "needs tenant-id, client-id and secret-file"),
    ('secret-file = "secret"', 'mdca-token-file = "none"', 6, "none"),
    ('type = "graph-alerts"',
     'type = "mdca-activities" api-filter = "{" scan = "maybe"', 9, "scan"),
    ('  client-id = "y"\n', '', 6, "needs client-id"),
    ('secret-file = "secret"', 'secret-file = "nothing"', 6, "nothing"),
    ('source "a" {', 'source "a" {\n}\nsource "a" {', None, "a"),
    ('}\noutput "o" {', 'output "o" {', None, "output"),
]


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
