# tests/integration/house.py -- the programs under test and their surroundings
# SPDX-License-Identifier: ISC
"""Start the shipped binaries, the simulator and real collectors, wait for what
they say or write, and end just what was started."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CLOUDCEFD_BUILD", TOP / "build" / "test"))
COLLECTORS = Path(os.environ.get("CLOUDCEFD_COLLECTORS",
                                 TOP / "build" / "collectors"))
SECRET = "s3cret~with+odd/signs="


def wait_for(what, condition, seconds=30.0):
    """Wait until condition() is true; fail with words when it never is."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def whole_lines(file):
    """The lines of a file that somebody may be writing at the moment."""
    text = file.read_text(errors="strict") if file.exists() else ""
    return text[:text.rfind("\n") + 1].splitlines()


class Program:
    """A child of ours, with its output in a file."""

    def __init__(self, args, log, env=None, cwd=None):
        self.log = Path(log)
        self.out = open(log, "ab")
        self.process = subprocess.Popen(
            [str(a) for a in args], stdin=subprocess.DEVNULL, stdout=self.out,
            stderr=subprocess.STDOUT, cwd=cwd,
            env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait_text(self, pattern, seconds=30.0):
        def found():
            hit = re.search(pattern, self.text())
            if hit is None and not self.is_running():
                raise AssertionError(
                    f"ended with {self.process.returncode}:\n{self.text()}")
            return hit
        try:
            return wait_for(f"/{pattern}/", found, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}; the log says:\n{self.text()}") from e

    def kill(self):
        """As by a power cut."""
        if self.is_running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self, seconds=30.0):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=60.0):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as e:
            raise AssertionError(f"does not end; its log:\n{self.text()}") \
                from e

    def close(self):
        self.kill()
        self.out.close()


class Sim(Program):
    """The simulated cloud."""

    def __init__(self, folder, *args, secret=SECRET):
        folder = Path(folder)
        if secret is not None:
            secret_file = folder / "sim.secret"
            secret_file.write_text(secret + "\n")
            secret_file.chmod(0o600)
            args = ("--secret-file", secret_file, *args)
        super().__init__(
            [BUILD / "cloudcef-sim", "--listen", "127.0.0.1:0", "--tenant",
             "test-tenant", "--client-id", "test-client", *args],
            folder / "sim.log")
        self.url = self.wait_text(r"listening on (\S+)").group(1)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as r:
            return r.read().decode()

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, data=body.encode(),
                                         method="POST")
        with urllib.request.urlopen(request, timeout=30) as r:
            return r.read().decode()

    def offered(self):
        """(id, version) of every record that was visible until now."""
        return [(r["id"], r["version"]) for r in
                map(json.loads, self.get("/sim/offered").splitlines())]

    def kind_offered(self, kind):
        """The same for another kind: (id, version, whether it is current)."""
        return [(r["id"], r["version"], r["current"]) for r in
                map(json.loads,
                    self.get(f"/sim/kinds/{kind}/offered").splitlines())]

    def stats(self):
        return json.loads(self.get("/sim/stats"))


LOGIN = 'client-id = "test-client" secret-file = "daemon.secret"'


class Daemon(Program):
    """cloudcefd in the foreground; `outputs` is the text of its outputs, and
    `sources`, if there is one, that of its sources."""

    def __init__(self, folder, url, outputs, source="", top="", args=(),
                 secret=SECRET, tenant="", env=None, login=LOGIN, sources=None,
                 tenant_id="test-tenant"):
        folder = Path(folder)
        secret_file = folder / "daemon.secret"
        if not secret_file.exists():
            secret_file.write_text(secret + "\n")
            secret_file.chmod(0o600)
        if sources is None:
            sources = f"""source "alerts" {{
  type = "graph-alerts" tenant = "t" interval = "1s" settle = "0s"
  start = "-30d"
  {source}
}}"""
        self.config = folder / "cloudcefd.conf"
        self.config.write_text(f"""
state-dir = "state"
maps-dir = "{TOP}/maps"
profile = "native"
{top}
tenant "t" {{
  tenant-id = "{tenant_id}" login-url = "{url}" graph-url = "{url}"
  {login}
  {tenant}
}}
{sources}
{outputs}
""")
        super().__init__([BUILD / "cloudcefd", "-f", *args, "-c", self.config],
                         folder / "daemon.log", env=env)


class Rsyslog(Program):
    """A real rsyslogd, writing each message as a line."""

    def __init__(self, folder, inputs, name="rsyslog"):
        self.folder = Path(folder) / name
        self.folder.mkdir(exist_ok=True)
        self.file = self.folder / "received"
        conf = self.folder / "rsyslog.conf"
        modules = next(COLLECTORS.glob("usr/lib/*/rsyslog"), None)
        binary = COLLECTORS / "usr/sbin/rsyslogd"
        if not binary.exists():
            binary, modules = shutil.which("rsyslogd"), None
        conf.write_text(f"""
global(workDirectory="{self.folder}" maxMessageSize="64k"
       parser.escapeControlCharactersOnReceive="off")
{inputs}
template(name="line" type="string" string="%rawmsg-after-pri%\\n")
ruleset(name="cef" queue.type="direct") {{
  action(type="omfile" file="{self.file}" template="line"
         flushOnTXEnd="on" asyncWriting="off")
}}
""")
        args = [binary, "-n", "-f", conf, "-i", self.folder / "pid"]
        if modules:
            args += ["-M", modules]
        super().__init__(args, self.folder / "log")

    def lines(self):
        return whole_lines(self.file)


class SyslogNg(Program):
    """A real syslog-ng, writing each message as a line."""

    def __init__(self, folder, source, name="syslog-ng"):
        self.folder = Path(folder) / name
        self.folder.mkdir(exist_ok=True)
        self.file = self.folder / "received"
        conf = self.folder / "syslog-ng.conf"
        binary = COLLECTORS / "usr/sbin/syslog-ng"
        args, env = [], {}
        if binary.exists():
            lib = COLLECTORS / "usr/lib/syslog-ng"
            modules = next(lib.glob("[0-9]*"))
            args = ["--module-path", modules]
            env = {"LD_LIBRARY_PATH": str(lib)}
        else:
            binary = shutil.which("syslog-ng")
        version = subprocess.run(
            [binary, "--version"], capture_output=True, text=True,
            env={**os.environ, **env}, check=False).stdout
        version = re.search(r"Config version: (\S+)", version).group(1)
        conf.write_text(f"""@version: {version}
options {{ keep-hostname(yes); chain-hostnames(no); log-msg-size(65536);
  stats-freq(0); flush-lines(1); }};
source s {{ {source} }};
destination d {{ file("{self.file}"
  template("${{ISODATE}} ${{HOST}} ${{PROGRAM}} ${{MSG}}\\n")); }};
log {{ source(s); destination(d); flags(flow-control); }};
""")
        super().__init__(
            [binary, "-F", "-f", conf, "-R", self.folder / "persist", "-p",
             self.folder / "pid", "-c", self.folder / "ctl", *args],
            self.folder / "log", env=env)

    lines = Rsyslog.lines


class Ca:
    """A test authority made on the fly with openssl."""

    def __init__(self, folder):
        self.folder = Path(folder) / "ca"
        self.folder.mkdir()
        self.cert = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                 "-out", self.cert, "-days", "2", "-subj", "/CN=Test CA")
        self.server = self.issue("server", "DNS:localhost,IP:127.0.0.1")
        self.client = self.issue("client", "DNS:cloudcefd.test")

    def run(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True,
                       capture_output=True)

    def issue(self, name, san, days="2", key=None):
        """(certificate, key) for the alternative names, signed by us."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, ext = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        ext.write_text(f"subjectAltName={san}\n")
        self.run("req", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                 request, "-subj", f"/CN={name}")
        self.run("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey",
                 self.key, "-CAcreateserial", "-days", days, "-extfile", ext,
                 "-out", cert)
        key.chmod(0o600)
        return cert, key


def port_is_open(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


EXTERNAL_ID = re.compile(r"(?:\||\s)externalId=(\S+)")
VERSION_TIME = re.compile(r"\srt=(\d+)|\|rt=(\d+)")


def ids(lines):
    """(externalId, rt) of each CEF line."""
    out = []
    for line in lines:
        hit, time_ = EXTERNAL_ID.search(line), VERSION_TIME.search(line)
        assert hit, f"no externalId in: {line}"
        out.append((hit.group(1).replace("\\=", "="),
                    int(time_.group(1) or time_.group(2)) if time_ else None))
    return out
