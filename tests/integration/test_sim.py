# tests/integration/test_sim.py -- does the simulator behave as the cloud does?
# SPDX-License-Identifier: ISC
"""The daemon's tests believe what the simulator says, so it is tested itself.

Each test starts its own simulator on a port of the system's choice and ends
it by its process id.  CLOUDCEFD_BUILD names the folder of the program; else
it is looked for where make puts it."""
import base64
import gzip
import hashlib
import http.client
import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import time
import urllib.parse
import uuid

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SIM = next(
    (p for p in (os.path.join(d, "cloudcef-sim") for d in
                 (os.environ.get("CLOUDCEFD_BUILD", os.getcwd()),
                  os.path.join(TOP, "build", "test"),
                  os.path.join(TOP, "build"), TOP))
     if os.path.exists(p)), "cloudcef-sim")
DEADLINE = 30
ALERTS = "/v1.0/security/alerts_v2"
NEWER = {"Prefer": "include-unknown-enum-members"}


class Sim:
    def __init__(self, *args):
        self.proc = subprocess.Popen(
            [SIM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        ready, _, _ = select.select([self.proc.stdout], [], [], DEADLINE)
        line = self.proc.stdout.readline() if ready else ""
        assert line.startswith("listening on "), self.proc.stderr.read()
        self.url = line.split()[-1]
        self.tls = None
        if self.url.startswith("https"):
            self.tls = ssl.create_default_context()
            self.tls.check_hostname = False
            self.tls.verify_mode = ssl.CERT_NONE
        self.host = self.url.split("//")[1]
        self.con = None
        self.bearer = None

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection(
                self.host, timeout=DEADLINE, context=self.tls)
        return http.client.HTTPConnection(self.host, timeout=DEADLINE)

    def ask(self, method, path, body=None, **headers):
        """One request over the kept connection: status, headers, bytes."""
        self.con = self.con or self.connect()
        try:
            self.con.request(method, path, body, headers)
            answer = self.con.getresponse()
            return answer.status, answer.headers, answer.read()
        except Exception:
            self.con.close()
            self.con = None
            raise

    def token(self, tenant="contoso", **fields):
        form = dict(client_id="app", client_secret="s3cret",
                    grant_type="client_credentials",
                    scope="https://graph.microsoft.com/.default")
        form.update(fields)
        form = {k: v for k, v in form.items() if v is not None}
        status, _, body = self.ask("POST", f"/{tenant}/oauth2/v2.0/token",
                                   urllib.parse.urlencode(form))
        return status, json.loads(body)

    def log_in(self):
        status, answer = self.token()
        assert status == 200, answer
        self.bearer = "Bearer " + answer["access_token"]

    def get(self, path, **headers):
        if self.bearer is None:
            self.log_in()
        return self.ask("GET", path, Authorization=self.bearer, **headers)

    def page(self, query="", **headers):
        """A page of alerts by its query, unencoded, or by a whole link."""
        if not query.startswith(("/", "http")):
            query = ALERTS + "?" + urllib.parse.quote(query, safe="$=&',:()")
        if query.startswith(self.url):
            query = query[len(self.url):]
        status, head, body = self.get(query, **headers)
        if head.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return status, head, json.loads(body)

    def alerts(self, query="", **headers):
        status, _, page = self.page(query, **headers)
        assert status == 200, page
        return page["value"]

    def offered(self):
        status, _, body = self.ask("GET", "/sim/offered")
        assert status == 200
        return [json.loads(line) for line in body.splitlines()]

    def stats(self, route="alerts"):
        return json.loads(self.ask("GET", "/sim/stats")[2])["routes"][route]

    def scenario(self, text):
        status, _, body = self.ask("POST", "/sim/scenario", text)
        assert status == 200, body

    def stop(self, sig=signal.SIGTERM):
        if self.con:
            self.con.close()
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            return self.proc.wait(DEADLINE)
        finally:
            if self.proc.poll() is None:
                self.proc.kill()
                self.proc.wait()
            self.proc.stdout.close()
            self.proc.stderr.close()


@pytest.fixture
def start():
    sims = []

    def start_one(*args):
        sims.append(Sim(*args))
        return sims[-1]

    yield start_one
    codes = [sim.stop() for sim in sims]
    assert codes == [0] * len(sims)


def versions(alerts):
    return sorted((a["id"], a["lastUpdateDateTime"]) for a in alerts)


def offers(sim):
    return sorted((o["id"], o["version"]) for o in sim.offered()
                  if o["current"])


def ticks(text):
    """A date as a number that sorts, whatever its digits of fraction."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return whole, rest.ljust(7, "0")


def as_filter(t):
    return f"{t[0]}.{t[1]}Z"


# --- paging ----------------------------------------------------------------

def test_links_lead_through_all_alerts(start):
    sim = start("--alerts", "2500")
    got, link = [], "$top=400&$orderby=lastUpdateDateTime asc"
    while link:
        _, _, page = sim.page(link)
        got += page["value"]
        link = page.get("@odata.nextLink")
    assert len(got) == 2500
    assert versions(got) == offers(sim)
    times = [ticks(a["lastUpdateDateTime"]) for a in got]
    assert times == sorted(times)


def crawl_by_time(sim, top, skip_most=500):
    """As a careful client does when no link can be trusted."""
    got, low, skip = {}, ("2000-01-01T00:00:00", "0000000"), 0
    for _ in range(10000):
        query = (f"$filter=lastUpdateDateTime ge {as_filter(low)}"
                 f"&$orderby=lastUpdateDateTime asc&$top={top}&$skip={skip}")
        alerts = sim.alerts(query)
        for a in alerts:
            got[a["id"], a["lastUpdateDateTime"]] = a
        if len(alerts) < top:
            return got
        last = ticks(alerts[-1]["lastUpdateDateTime"])
        low, skip = (low, skip + top) if last == low else (last, 0)
        assert skip <= skip_most
    raise AssertionError("no end")


def test_without_links_the_time_leads_through_all_alerts(start):
    sim = start("--alerts", "2000", "--nextlink", "never", "--ties", "60",
                "--rate-limit", "0")
    _, _, page = sim.page("$top=100")
    assert "@odata.nextLink" not in page and len(page["value"]) == 100
    assert sorted(crawl_by_time(sim, 20)) == offers(sim)


def test_links_are_there_sometimes(start):
    sim = start("--alerts", "300", "--nextlink", "sometimes")
    seen = {"@odata.nextLink" in sim.page(f"$top={n}")[2]
            for n in range(1, 40)}
    assert seen == {True, False}


def test_links_go_on_from_newest_to_oldest_by_default(start):
    sim = start("--alerts", "700", "--ties", "30")
    _, _, first = sim.page("$top=350&$count=true")
    _, _, second = sim.page(first["@odata.nextLink"])
    assert first["@odata.count"] == 700
    assert "@odata.nextLink" not in second
    got = first["value"] + second["value"]
    times = [ticks(a["lastUpdateDateTime"]) for a in got]
    assert times == sorted(times, reverse=True)
    assert versions(got) == offers(sim)


def test_top_is_cut_and_skip_is_refused_beyond_its_limit(start):
    sim = start("--alerts", "1200")
    assert len(sim.alerts("$top=5000")) == 1000
    assert len(sim.alerts("$skip=500&$top=1000")) == 700
    status, _, page = sim.page("$skip=501")
    assert status == 400 and page["error"]["code"] == "BadRequest"


@pytest.mark.parametrize("query", [
    "$top=x", "$top=0", "$orderby=title", "$expand=alerts", "$skiptoken=12",
    "$filter=", "$filter=title eq 'x'", "$filter=severity ne 'high'",
    "$filter=severity eq 'huge'", "$filter=severity eq high",
    "$filter=(severity eq 'high'", "$filter=severity eq 'high')",
    "$filter=lastUpdateDateTime ge yesterday",
    "$filter=lastUpdateDateTime ge '2026-01-01T00:00:00Z'",
    "$filter=lastUpdateDateTime eq 2026-01-01T00:00:00Z",
    "$filter=not (severity eq 'high')",
    "$filter=severity eq 'high' and", "$filter=" + "(" * 40,
])
def test_queries_that_the_service_refuses(start, query):
    sim = start("--alerts", "3")
    status, _, page = sim.page(query)
    assert status == 400, query
    assert page["error"]["code"] == "BadRequest" and page["error"]["message"]
    assert set(page["error"]["innerError"]) == {
        "date", "request-id", "client-request-id"}


def test_filters_select_what_they_say(start):
    sim = start("--alerts", "900", "--updates", "50", "--update-after", "1s")
    everything = sim.alerts("$top=1000", **NEWER)
    middle = sorted(ticks(a["lastUpdateDateTime"]) for a in everything)[450]
    birth = sorted(ticks(a["createdDateTime"]) for a in everything)[450]
    rows = [
        ("severity eq 'high'", lambda a: a["severity"] == "high"),
        ("status eq 'inProgress'", lambda a: a["status"] == "inProgress"),
        ("serviceSource eq 'microsoftSentinel'",
         lambda a: a["serviceSource"] == "microsoftSentinel"),
        (f"lastUpdateDateTime ge {as_filter(middle)}",
         lambda a: ticks(a["lastUpdateDateTime"]) >= middle),
        (f"lastUpdateDateTime gt {as_filter(middle)}",
         lambda a: ticks(a["lastUpdateDateTime"]) > middle),
        (f"lastUpdateDateTime lt {as_filter(middle)}",
         lambda a: ticks(a["lastUpdateDateTime"]) < middle),
        (f"createdDateTime le {as_filter(birth)} and severity eq 'low'",
         lambda a: ticks(a["createdDateTime"]) <= birth
         and a["severity"] == "low"),
        ("severity eq 'low' or severity eq 'high' and status eq 'new'",
         lambda a: a["severity"] == "low"
         or a["severity"] == "high" and a["status"] == "new"),
        ("(severity eq 'low' or severity eq 'high') and status eq 'new'",
         lambda a: a["severity"] in ("low", "high")
         and a["status"] == "new"),
    ]
    for text, wanted in rows:
        got = sim.alerts(f"$filter={text}&$top=1000", **NEWER)
        assert got, text
        assert versions(got) == versions(filter(wanted, everything)), text


# --- records ---------------------------------------------------------------

def test_records_are_whole_and_of_many_shapes(start):
    sim = start("--alerts", "1000")
    status, head, body = sim.get(ALERTS + "?$top=1000", **NEWER)
    assert status == 200
    alerts = json.loads(body)["value"]
    assert 4300 < len(body) / 1000 < 5300
    assert len({a["serviceSource"] for a in alerts}) >= 9
    assert len({tuple(sorted(a)) for a in alerts}) >= 3
    assert max(len(a["id"]) for a in alerts) >= 66
    titles = "".join(a["title"] for a in alerts)
    for c in "|=\n\r\u200b\U0001f4e6ü短":
        assert c in titles, repr(c)
    assert len(sim.get(ALERTS + "?$top=1")[2]) < len(body)


def test_small_records_are_small(start):
    sim = start("--alerts", "1000", "--small")
    assert 700 < len(sim.get(ALERTS + "?$top=1000")[2]) / 1000 < 1500


def test_the_seed_makes_the_records(start):
    args = ("--alerts", "200", "--seed")
    ids = [[o["id"] for o in start(*args, seed).offered()]
           for seed in ("7", "7", "8")]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


def test_newer_members_of_enumerations_are_hidden_unless_asked_for(start):
    sim = start("--alerts", "500")
    for name, wanted in (("unknownFutureValue", {}),
                         ("microsoftInsiderRiskManagement", NEWER)):
        got = {a["serviceSource"] for a in sim.alerts("$top=500", **wanted)}
        assert name in got
    assert "unknownFutureValue" not in got


def test_zipped_pages_say_the_same(start):
    sim = start("--alerts", "300")
    plain = sim.page("$top=100")[2]
    for _ in range(2):
        _, head, zipped = sim.page("$top=100", **{"Accept-Encoding": "gzip"})
        assert head["Content-Encoding"] == "gzip"
        assert zipped == plain


def test_duplicates_have_their_members_in_another_order(start):
    sim = start("--alerts", "50", "--duplicates", "100")
    alerts = sim.alerts("$top=1000")
    assert len(alerts) == 100 and len(sim.offered()) == 50
    by_id = {}
    for a in alerts:
        by_id.setdefault(a["id"], []).append(a)
    for a, b in by_id.values():
        assert a == b and list(a) != list(b)


def test_an_update_replaces_the_version_before_it(start):
    sim = start("--alerts", "20")
    before = {a["id"]: a for a in sim.alerts()}
    sim.ask("POST", "/sim/update?alerts=5")
    deadline = time.monotonic() + DEADLINE
    while versions(before.values()) == offers(sim):
        assert time.monotonic() < deadline
    # A version may be dated up to a second ahead; it shows when that is over.
    while sum(o["number"] == 1 for o in sim.offered()) < 5:
        assert time.monotonic() < deadline
    after = {a["id"]: a for a in sim.alerts()}
    changed = [i for i in before if before[i] != after[i]]
    assert set(before) == set(after) and len(changed) == 5
    for i in changed:
        assert ticks(after[i]["lastUpdateDateTime"]) > ticks(
            before[i]["lastUpdateDateTime"])
        assert after[i]["status"] == "inProgress"
    assert versions(after.values()) == offers(sim)


def test_late_records_are_not_offered_yet(start):
    sim = start("--alerts", "0", "--late", "100", "--late-max", "7d")
    sim.ask("POST", "/sim/add?alerts=40")
    assert len(sim.offered()) < 5
    assert versions(sim.alerts()) == offers(sim)


def test_new_alerts_come_in_while_it_runs(start):
    sim = start("--alerts", "10", "--rate", "200")
    deadline = time.monotonic() + DEADLINE
    while len(sim.offered()) < 50:
        assert time.monotonic() < deadline
    sim.ask("POST", "/sim/add?alerts=3")
    assert len(sim.offered()) >= 53


def test_one_alert_is_found_by_its_id(start):
    sim = start("--alerts", "30")
    wanted = sim.alerts()[17]
    status, _, body = sim.get(ALERTS + "/" + wanted["id"])
    assert status == 200 and json.loads(body) == wanted
    assert sim.get(ALERTS + "/ca-nothing")[0] == 404


# --- logging in ------------------------------------------------------------

@pytest.mark.parametrize("fields, status, error, code", [
    (dict(client_secret="wrong"), 401, "invalid_client", 7000215),
    (dict(client_secret=None), 401, "invalid_client", 7000218),
    (dict(client_id="other"), 400, "unauthorized_client", 700016),
    (dict(tenant="fabrikam"), 400, "invalid_request", 90002),
    (dict(scope="https://graph.microsoft.com/Mail.Read"), 400,
     "invalid_scope", 70011),
    (dict(scope="/.default"), 400, "invalid_scope", 70011),
    (dict(scope=None), 400, "invalid_request", 900144),
    (dict(grant_type=None), 400, "invalid_request", 900144),
    (dict(grant_type="password"), 400, "unsupported_grant_type", 70003),
])
def test_token_requests_that_are_refused(start, tmp_path, fields, status,
                                         error, code):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    sim = start("--alerts", "1", "--tenant", "contoso", "--client-id", "app",
                "--secret-file", str(secret))
    assert sim.token()[0] == 200
    got, answer = sim.token(**fields)
    assert got == status
    assert answer["error"] == error and answer["error_codes"] == [code]
    assert f"AADSTS{code}: " in answer["error_description"]
    assert set(answer) == {"error", "error_description", "error_codes",
                           "timestamp", "trace_id", "correlation_id",
                           "error_uri"}


@pytest.fixture(scope="session")
def rsa(tmp_path_factory):
    """Certificates "a" and "b" with their keys, by openssl alone."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to sign with")
    folder = tmp_path_factory.mktemp("rsa")
    for name in "ab":
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                        "-nodes", "-subj", f"/CN={name}", "-days", "2",
                        "-keyout", folder / f"{name}.key", "-out",
                        folder / f"{name}.pem"], check=True,
                       stderr=subprocess.DEVNULL)
    return folder


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def assertion(sim, rsa, name="a", alg="PS256", header=(), **claims):
    """Signed as it should be, but for what is said."""
    der = ssl.PEM_cert_to_DER_cert((rsa / f"{name}.pem").read_text())
    now = int(time.time())
    head = {"alg": alg, "typ": "JWT",
            "x5t#S256": b64url(hashlib.sha256(der).digest())}
    body = {"aud": f"{sim.url}/contoso/oauth2/v2.0/token", "iss": "app",
            "sub": "app", "jti": str(uuid.uuid4()), "nbf": now - 60,
            "exp": now + 540}
    head.update(header)
    body.update(claims)
    text = ".".join(b64url(json.dumps({k: v for k, v in part.items()
                                       if v is not None}).encode())
                    for part in (head, body))
    pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt",
           "rsa_pss_saltlen:32"] if alg == "PS256" else []
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", rsa / f"{name}.key", *pss],
        input=text.encode(), capture_output=True, check=True)
    return text + "." + b64url(done.stdout)


JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def log_in_by(sim, jwt, kind=JWT_BEARER):
    status, answer = sim.token(client_secret=None, client_assertion=jwt,
                               client_assertion_type=kind)
    return status, (answer.get("error_codes") or [0])[0]


def test_assertions_are_checked(start, rsa):
    sim = start("--alerts", "1", "--client-id", "app", "--client-cert",
                str(rsa / "a.pem"))
    now = int(time.time())
    sha1 = b64url(hashlib.sha1(ssl.PEM_cert_to_DER_cert(
        (rsa / "a.pem").read_text())).digest())

    def signed(*args, **claims):
        return assertion(sim, rsa, *args, **claims)

    good = signed()
    rows = [
        (good, 0),
        (good, 50012),  # once only
        (signed(alg="RS256"), 0),
        (signed(alg="RS256", header={"x5t#S256": None, "x5t": sha1}), 0),
        (signed(header={"x5t#S256": None, "x5t": sha1}), 700027),
        (signed("b"), 700027),
        (signed("b", header={"x5t#S256": b64url(hashlib.sha256(
            ssl.PEM_cert_to_DER_cert((rsa / "a.pem").read_text())
        ).digest())}), 700027),
        (signed(header={"alg": "RS256"}), 700027),
        (signed(header={"alg": "none"}), 50012),
        (signed(aud="https://login.example/t/oauth2/v2.0/token"), 50012),
        (signed(iss="other"), 700021),
        (signed(sub=None), 700021),
        (signed(jti=None), 50012),
        (signed(nbf=now + 600, exp=now + 900), 700024),
        (signed(nbf=now - 900, exp=now - 300), 700024),
        (signed(exp=now + 2 * 86400), 700024),
        (signed(exp=None), 50012),
        (signed()[:-4] + "AAAA", 700027),
        ("e30.e30.", 50012),
        ("nonsense", 50012),
    ]
    for i, (jwt, code) in enumerate(rows):
        assert log_in_by(sim, jwt) == (401 if code else 200, code), i
    assert log_in_by(sim, signed(), "another")[1] == 50012
    assert sim.token()[1]["error_codes"] == [7000215]


def test_a_foreign_token_is_compared(start):
    sim = start("--alerts", "1", "--federated-token", "e30.e30.c2ln")
    assert log_in_by(sim, "e30.e30.c2ln") == (200, 0)
    assert log_in_by(sim, "e30.e30.bm8") == (401, 700213)
    assert sim.token()[0] == 401
    sim = start("--alerts", "1")
    assert log_in_by(sim, "anything")[0] == 200


def test_tokens_tell_their_roles(start):
    sim = start("--alerts", "1", "--roles", "A.Read.All, B.Read")
    text = sim.token()[1]["access_token"]
    _, payload, _ = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["roles"] == ["A.Read.All", "B.Read"]
    assert claims["aud"] == "https://graph.microsoft.com"
    sim.bearer = "Bearer " + text
    assert len(sim.alerts()) == 1
    _, payload, _ = start("--alerts", "1", "--roles", "").token()[1][
        "access_token"].split(".")
    assert "roles" not in json.loads(
        base64.urlsafe_b64decode(payload + "=="))


IDENTITY = "/metadata/identity/oauth2/token?"


def test_machines_get_tokens(start):
    sim = start("--alerts", "1", "--client-id", "app")
    good = dict(resource="https://graph.microsoft.com")
    good["api-version"] = "2018-02-01"
    rows = [
        ({}, True, 200), (dict(client_id="APP"), True, 200),
        (dict(client_id="other"), True, 400), ({}, False, 400),
        (dict(resource=""), True, 400),
        (dict(resource="https://graph.microsoft.com/.default"), True, 400),
        ({"api-version": "2020-06-01"}, True, 400),
        ({"api-version": "1"}, True, 400),
    ]
    for fields, metadata, wanted in rows:
        status, _, body = sim.ask(
            "GET", IDENTITY + urllib.parse.urlencode({**good, **fields}),
            **({"Metadata": "true"} if metadata else {}))
        answer = json.loads(body)
        assert status == wanted, fields
        assert ("error" in answer) == (status != 200)
    _, _, body = sim.ask("GET", IDENTITY + urllib.parse.urlencode(good),
                         Metadata="true")
    answer = json.loads(body)
    assert answer["expires_in"] == "3599" and answer["token_type"] == "Bearer"
    assert int(answer["expires_on"]) - time.time() > 3500
    sim.bearer = "Bearer " + answer["access_token"]
    assert len(sim.alerts()) == 1


def test_azure_arc_wants_the_key_that_it_wrote(start, tmp_path):
    sim = start("--alerts", "1", "--identity-keys", str(tmp_path))
    path = IDENTITY + "api-version=2020-06-01&resource=x"
    keys = []
    for _ in range(2):
        status, head, _ = sim.ask("GET", path, Metadata="true")
        scheme, _, file = head["WWW-Authenticate"].partition(" realm=")
        assert (status, scheme) == (401, "Basic")
        assert os.path.dirname(file) == str(tmp_path)
        assert file.endswith(".key")
        with open(file) as f:
            keys.append("Basic " + f.read())
    for key, wanted in ((keys[1], 200), (keys[1], 401), (keys[0], 200),
                        ("Basic x", 401)):
        assert sim.ask("GET", path, Metadata="true",
                       Authorization=key)[0] == wanted
    assert sim.stop() == 0
    assert os.listdir(tmp_path) == []


def test_a_token_ends(start):
    sim = start("--alerts", "1", "--token-life", "0")
    status, answer = sim.token()
    assert answer["expires_in"] == 0
    rows = [None, "Basic eA==", "Bearer nothing", "Bearer ",
            "Bearer " + answer["access_token"]]
    for bearer in rows:
        headers = {"client-request-id": "my-id"}
        if bearer is not None:
            headers["Authorization"] = bearer
        status, head, body = sim.ask("GET", ALERTS, **headers)
        error = json.loads(body)["error"]
        assert status == 401, bearer
        assert error["code"] == "InvalidAuthenticationToken"
        assert error["innerError"]["client-request-id"] == "my-id"
        assert head["WWW-Authenticate"].startswith("Bearer ")


def test_all_tokens_may_be_revoked(start):
    sim = start("--alerts", "3")
    sim.scenario("on alerts from 2 for 1 revoke")
    assert len(sim.alerts()) == 3
    assert sim.page()[0] == 401
    sim.log_in()
    assert len(sim.alerts()) == 3


# --- throttling and faults -------------------------------------------------

def test_more_requests_than_allowed_are_told_to_wait(start):
    sim = start("--alerts", "3", "--rate-limit", "3")
    for _ in range(3):
        assert sim.page()[0] == 200
    status, head, page = sim.page()
    assert status == 429 and page["error"]["code"] == "TooManyRequests"
    assert 1 <= int(head["Retry-After"]) <= 60
    assert sim.stats() == {**sim.stats(), "requests": 4, "throttled": 1,
                           "status": {"200": 3, "429": 1}}
    for form, looks in (("fraction", lambda h: "." in h and float(h) <= 60),
                        ("date", lambda h: h.endswith(" GMT")),
                        ("absent", lambda h: h is None)):
        sim.scenario(f"set retry-after {form}\n")
        assert looks(sim.page()[1]["Retry-After"]), form
    sim.scenario("set rate-limit 0")
    assert all(sim.page()[0] == 200 for _ in range(20))


def test_a_status_comes_when_the_scenario_says(start):
    sim = start("--alerts", "3")
    sim.scenario("# every third of six, from the second on\n"
                 "on alerts from 2 for 6 every 3 status 503"
                 " retry-after 2.128 # and no more\n"
                 "on alerts from 9 status 502 body html\n"
                 "on token from 1 for 1 aadsts 7000222\n"
                 "on token from 2 status 503 body empty\n")
    assert sim.token()[1]["error_codes"] == [7000222]
    assert sim.ask("POST", "/t/oauth2/v2.0/token", "")[::2] == (503, b"")
    sim.bearer = "Bearer none"
    got = [sim.get(ALERTS) for _ in range(9)]
    assert [g[0] for g in got] == [401, 503, 401, 401, 503, 401, 401, 401,
                                   502]
    assert got[1][1]["Retry-After"] == "2.128"
    assert json.loads(got[1][2])["error"]["code"] == "serviceNotAvailable"
    assert got[8][2].startswith(b"<html>")
    sim.ask("POST", "/sim/reset")
    assert sim.token()[0] == 200


def bad(sim, line):
    sim.scenario("on alerts " + line)
    return sim.get(ALERTS + "?$top=2")


def test_bodies_that_are_not_what_they_should_be(start):
    sim = start("--alerts", "5")
    good = sim.get(ALERTS + "?$top=2")[2]
    assert json.loads(bad(sim, "null-value")[2])["value"] is None
    page = json.loads(bad(sim, "link evil.example")[2])
    assert page["@odata.nextLink"].startswith("https://evil.example/v1.0/")
    assert "@odata.nextLink" not in json.loads(bad(sim, "no-link")[2])
    page = json.loads(bad(sim, "empty-page")[2])
    sim.scenario("")
    assert page["value"] == []
    assert sim.page(page["@odata.nextLink"])[2] == json.loads(good)
    with pytest.raises(ValueError):
        json.loads(bad(sim, "broken-json")[2])
    with pytest.raises(UnicodeDecodeError):
        bad(sim, "bad-utf8")[2].decode()
    big = json.loads(bad(sim, "oversized 3000000")[2])["value"]
    assert [len(a.get("extra", "")) for a in big] == [3000000, 0]
    assert b"[" * 5000 in bad(sim, "deep-json 5000")[2]
    for text in ("html", "empty"):
        status, _, body = bad(sim, f"status 200 body {text}")
        assert status == 200 and not body.startswith(b"{")
    for text in ("not-provisioned", "json", "html"):
        status, _, body = bad(sim, f"status 403 body {text}")
        assert status == 403 and body
    assert b"provisioned" in bad(sim, "status 403 body not-provisioned")[2]


def test_connections_that_end_too_early(start):
    sim = start("--alerts", "50")
    whole = sim.get(ALERTS)[2]
    with pytest.raises(http.client.IncompleteRead) as cut:
        bad(sim, "cut 1000")
    assert len(cut.value.partial) == 1000
    with pytest.raises(ConnectionResetError):
        bad(sim, "reset")
    sim.scenario("on alerts for 1 stall 700")
    con = sim.connect()
    con.request("GET", ALERTS, headers={"Authorization": sim.bearer})
    answer = con.getresponse()
    assert len(answer.read(700)) == 700
    con.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        answer.read(1)
    con.close()
    assert len(sim.get(ALERTS)[2]) == len(whole)


def test_answers_may_be_slow(start):
    sim = start("--alerts", "1", "--latency", "80")
    began = time.monotonic()
    sim.alerts()
    assert time.monotonic() - began >= 0.16
    sim.scenario("set latency 0\non alerts delay 120")
    began = time.monotonic()
    sim.alerts()
    assert 0.12 <= time.monotonic() - began
    # One that hangs up while it waits does no harm.
    con = sim.connect()
    con.request("GET", ALERTS, headers={"Authorization": sim.bearer})
    con.close()
    assert len(sim.alerts()) == 1


@pytest.mark.parametrize("text, line, word", [
    ("on nowhere status 500", 1, "nowhere"),
    ("\n\non alerts explode", 3, "explode"),
    ("on alerts status", 1, "status"),
    ("on alerts status 42", 1, "status"),
    ("set seed 5", 1, "seed"),
    ("set latency 5 6", 1, "more"),
    ("when it rains", 1, "when"),
])
def test_a_wrong_scenario_is_refused_with_its_line(start, text, line, word):
    sim = start("--alerts", "1")
    status, _, body = sim.ask("POST", "/sim/scenario", text)
    assert status == 400
    assert f"line {line}:".encode() in body and word.encode() in body


# --- the program -----------------------------------------------------------

def test_it_answers_over_tls(start, tmp_path):
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-keyout", key, "-out", cert], check=True,
                   stderr=subprocess.DEVNULL)
    sim = start("--alerts", "1500", "--tls-cert", cert, "--tls-key", key)
    assert sim.url.startswith("https://")
    _, _, page = sim.page("$top=1000")
    assert page["@odata.nextLink"].startswith(sim.url)
    rest = sim.page(page["@odata.nextLink"])[2]["value"]
    assert versions(page["value"] + rest) == offers(sim)


def test_it_stops_on_signals_and_in_time():
    for sig in (signal.SIGINT, signal.SIGTERM):
        assert Sim("--alerts", "1").stop(sig) == 0
    sim = Sim("--alerts", "1", "--seconds", "1")
    assert sim.proc.wait(DEADLINE) == 0
    sim.stop()


def test_it_stops_while_answers_are_held_back(start):
    sim = start("--alerts", "5", "--latency", "60000")
    left = sim.connect(), sim.connect()
    for con in left:
        con.request("POST", "/t/oauth2/v2.0/token", "x=y")
    left[0].close()
    assert sim.stats("token")["requests"] == 2
    assert sim.stop() == 0
    left[1].close()


@pytest.mark.parametrize("args, word", [
    (("--alerts", "many"), "alerts"),
    (("--no-such",), "help"),
    (("--listen", "nonsense"), "listen"),
    (("--rate", "-1"), "rate"),
    (("--scenario", "/nonexistent"), "/nonexistent"),
    (("--secret-file", "/nonexistent"), "/nonexistent"),
    (("--client-cert", "/nonexistent"), "/nonexistent"),
    (("--tls-cert", "/nonexistent"), "tls-key"),
    (("extra",), "extra"),
])
def test_wrong_options_are_refused(args, word):
    done = subprocess.run([SIM, *args], capture_output=True, text=True,
                          timeout=DEADLINE)
    assert done.returncode == 2
    assert word in done.stderr and done.stdout == ""
