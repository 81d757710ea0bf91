#!/bin/sh
# Start a Docker engine on a bare Debian or Ubuntu machine without systemd, for CI; do nothing where one answers.
#
#   sh deploy/docker-engine.sh          install docker.io if it is missing, start dockerd, wait until it answers
#   sh deploy/docker-engine.sh stop     end the engine that this script started
#
# Needs root. Use a machine or network namespace of its own: two engines in one namespace delete each other's bridge.
set -eu

run_dir=${ATLAS_DOCKER_RUN_DIR:-/var/run/atlas-docker}
pid_file=$run_dir/dockerd.pid
log_file=$run_dir/dockerd.log

say() { printf 'docker-engine: %s\n' "$1"; }

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

started_here() { [ -s "$pid_file" ] && [ "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" = dockerd ]; }

stop_engine() {
    if ! started_here; then
        say "no engine of this script is running"
        return 0
    fi
    pid=$(cat "$pid_file")
    kill "$pid"
    for _ in $(seq 150); do
        [ -d "/proc/$pid" ] || { say "stopped (pid $pid)"; return 0; }
        sleep 0.2
    done
    say "pid $pid did not end within 30 s"
    return 1
}

install_engine() {
    if [ "$(id -u)" != 0 ]; then
        say "not root: run 'sudo sh deploy/docker-engine.sh'"
        exit 1
    fi
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -q && apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends docker.io iptables; } >"$run_dir/apt.log" 2>&1 ||
            { say "apt-get could not install docker.io, see $run_dir/apt.log"; exit 1; }
    fi
}

# /proc/PID/cgroup alone does not tell: an engine needs the hierarchies mounted.
mount_cgroups() {
    [ -n "$(ls -A /sys/fs/cgroup 2>/dev/null)" ] || mount -t cgroup2 none /sys/fs/cgroup
}

start_engine() {
    if version=$(answers) && [ -n "$version" ]; then
        say "engine $version answers already"
        return 0
    fi
    mkdir -p "$run_dir"
    install_engine
    mount_cgroups
    setsid dockerd --pidfile "$pid_file" >"$log_file" 2>&1 </dev/null &
    for _ in $(seq 150); do
        if version=$(answers) && [ -n "$version" ]; then
            say "engine $version answers (pid $(cat "$pid_file"), log $log_file)"
            return 0
        fi
        sleep 0.2
    done
    say "dockerd does not answer after 30 s, last words: $(tail -n 1 "$log_file")"
    return 1
}

case "${1:-start}" in
start) start_engine ;;
stop) stop_engine ;;
*)
    say "unknown command '$1': use start or stop"
    exit 2
    ;;
esac
