#!/bin/sh
# test.sh -- install what tests need, build, run all tests
# SPDX-License-Identifier: ISC
# usage: ./test.sh [configure options...]
# Builds out of tree in build/test (or $BUILD) and ends with
# "N passed, N failed".
set -eu
cd "$(dirname "$0")"
top=$PWD
build=${BUILD:-$top/build/test}
jobs=$(nproc 2>/dev/null || echo 2)

.ci/deps build test
collectors=$top/build/collectors
if command -v apt-get >/dev/null 2>&1; then
	tests/integration/get-collectors "$collectors"
fi

[ configure -nt configure.ac ] && [ Makefile.in -nt Makefile.am ] ||
    autoreconf -fi >/dev/null
mkdir -p "$build"
cd "$build"
[ -f Makefile ] && [ $# -eq 0 ] && [ Makefile -nt "$top/configure" ] ||
    "$top/configure" -q "$@"
make -s -j"$jobs"

passed=0 failed=0
count() { # result lines of make check and pytest
	sum=$(sed -n "s/^# $1: *//p" "$2" | awk '{ n += $1 } END { print n + 0 }')
	echo "$sum"
}

make -s -j"$jobs" -k check >check.log 2>&1 || true
passed=$(count PASS check.log)
failed=$(($(count FAIL check.log) + $(count ERROR check.log)))
if [ "$passed" -eq 0 ]; then
	failed=$((failed + 1)) # nothing could be built
fi
grep -E '^(FAIL|ERROR)' check.log || true
if [ "$failed" -gt 0 ]; then
	cat test-suite.log check.log 2>/dev/null | tail -n 200
fi

python=/usr/bin/python3
[ -x "$python" ] || python=python3
CLOUDCEFD_BUILD=$build CLOUDCEFD_COLLECTORS=$collectors \
    "$python" -m pytest -q -p no:cacheprovider --junitxml="$build/pytest.xml" \
    "$top/tests/integration" >pytest.log 2>&1 || true
tail -n 60 pytest.log
set -- $("$python" - "$build/pytest.xml" <<'EOF'
import sys, xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
    n = sum(int(s.get("tests")) for s in suites)
    bad = sum(int(s.get(k)) for s in suites
              for k in ("failures", "errors", "skipped"))
except (OSError, tree.ParseError):
    n, bad = 1, 1
print(n - bad, bad if n else 1)
EOF
)
passed=$((passed + $1)) failed=$((failed + $2))

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
