#!/bin/sh
# demo.sh -- build cloudcefd, and watch a simulated cloud's alerts as CEF
# SPDX-License-Identifier: ISC
# usage: ./demo.sh [--seconds N]
# Needs nothing but a shell and apt or dnf.  Nothing leaves this machine: the
# cloud is cloudcef-sim on the loopback address.  Ctrl-C ends it.
set -eu
cd "$(dirname "$0")"
top=$PWD
build=$top/build/demo
seconds=0

usage() {
	echo "usage: ./demo.sh [--seconds N]" >&2
	exit 2
}
while [ $# -gt 0 ]; do
	case $1 in
	--seconds)
		[ $# -ge 2 ] || usage
		seconds=$2
		case $seconds in
		'' | *[!0-9]*) usage ;;
		esac
		shift 2
		;;
	-h | --help)
		sed -n '4,6s/^# //p' "$0"
		exit 0
		;;
	*) usage ;;
	esac
done

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m')
	red=$(printf '\033[31m') yellow=$(printf '\033[33m')
	cyan=$(printf '\033[36m') off=$(printf '\033[0m')
else
	bold='' dim='' red='' yellow='' cyan='' off=''
fi
say() { printf '%s%s%s\n' "$bold" "$*" "$off"; }

say "1. Installing what is missing, and building in build/demo"
.ci/deps build
[ configure -nt configure.ac ] && [ Makefile.in -nt Makefile.am ] ||
    autoreconf -fi >/dev/null 2>&1
mkdir -p "$build"
(
	cd "$build"
	{
		[ -f Makefile ] && [ Makefile -nt "$top/configure" ] ||
		    "$top/configure" -q
		make -s -j"$(nproc 2>/dev/null || echo 2)" cloudcefd cloudcef-sim
	} >build.log 2>&1 || {
		cat build.log >&2
		exit 1
	}
)

# mktemp keeps the state apart from any other run's.
work=$(mktemp -d)
sim_pid='' daemon_pid='' tail_pid=''
finish() {
	trap - EXIT INT TERM
	for pid in $daemon_pid $tail_pid $sim_pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap 'finish' EXIT
trap 'echo; stopped=yes' INT TERM
stopped=''

say "2. Starting the simulated cloud"
(umask 077 && echo "demo-secret" >"$work/secret")
"$build/cloudcef-sim" --listen 127.0.0.1:0 --tenant demo-tenant \
    --client-id demo-client --secret-file "$work/secret" \
    --alerts 40 --rate 2 --seed 7 >"$work/sim.out" 2>"$work/sim.err" &
sim_pid=$!
tries=0
until url=$(sed -n 's/^listening on //p' "$work/sim.out") && [ -n "$url" ]; do
	kill -0 "$sim_pid" 2>/dev/null || {
		cat "$work/sim.err" >&2
		exit 1
	}
	tries=$((tries + 1))
	[ $tries -le 100 ] || {
		echo "the simulator does not answer" >&2
		exit 1
	}
	sleep 0.1
done
echo "   $url"

cat >"$work/cloudcefd.conf" <<EOF
state-dir = "state"
maps-dir  = "$top/maps"
profile   = "native"
tenant "demo" {
  tenant-id = "demo-tenant"   client-id = "demo-client"   secret-file = "secret"
  login-url = "$url"          graph-url = "$url"
}
source "alerts" {
  type = "graph-alerts"   tenant = "demo"   interval = "2s"   settle = "0s"
}
output "screen" {
  type = "file"   path = "events.cef"
}
EOF

say "3. Starting cloudcefd; every line is one event"
: >"$work/events.cef"
"$build/cloudcefd" -f -c "$work/cloudcefd.conf" 2>"$work/daemon.log" &
daemon_pid=$!

# The header's fields dim, the name in the colour of the severity.
paint() {
	awk -v bold="$bold" -v dim="$dim" -v red="$red" -v yellow="$yellow" \
	    -v cyan="$cyan" -v off="$off" '
	function field(  at, start) { # takes the next one off the line
		start = 1
		while ((at = index(substr(rest, start), "|")) > 0) {
			at += start - 1
			if (substr(rest, at - 1, 1) != "\\") break
			start = at + 1
		}
		taken = substr(rest, 1, at)
		rest = substr(rest, at + 1)
		return taken
	}
	{
		rest = $0
		before = field() field() field() field() field()
		name = field()
		severity = field() + 0
		colour = severity >= 8 ? red : severity >= 6 ? yellow : cyan
		print dim before off bold colour name severity "|" off rest
		fflush()
	}'
}
tail -n +1 -f --pid="$daemon_pid" "$work/events.cef" | paint &
tail_pid=$!

elapsed=0
while [ -z "$stopped" ]; do
	kill -0 "$daemon_pid" 2>/dev/null || break
	[ "$seconds" -eq 0 ] || [ "$elapsed" -lt "$seconds" ] || break
	sleep 1 &
	wait $! || true
	elapsed=$((elapsed + 1))
done

status=0
if kill -TERM "$daemon_pid" 2>/dev/null; then
	wait "$daemon_pid" || status=$?
else
	wait "$daemon_pid" || status=$?
	[ "$status" -ne 0 ] || status=1
fi
daemon_pid=''
wait "$tail_pid" || true
count=$(wc -l <"$work/events.cef")
say "4. Done: $count events in $elapsed s. What the daemon said:"
cat "$work/daemon.log"
[ "$count" -gt 0 ] || status=1
exit "$status"
