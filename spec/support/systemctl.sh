#!/bin/sh
# systemctl.sh systemctl | journalctl ARGS...: as much of systemd as docs/services.md needs, in the folder $ROOT.

units=$ROOT/etc/systemd/system
journal=$ROOT/run/journal

setting() { sed -n "s/^$2=//p" "$units/$1.service"; }

pid_of() { cat "$ROOT/run/$1.pid"; }

start() {
  mkdir -p "$ROOT/run/$(setting "$1" RuntimeDirectory)" "$ROOT/var/$(setting "$1" StateDirectory)"
  command=$(setting "$1" ExecStart | sed "s,%S,$ROOT/var,g; s,%t,$ROOT/run,g; s,/etc/,$ROOT/etc/,g; s,.*/saros ,saros ,")
  # shellcheck disable=SC2086 # A command is words.
  $command >>"$journal" 2>&1 </dev/null &
  echo $! >"$ROOT/run/$1.pid"
}

stop() {
  [ -e "$ROOT/run/$1.pid" ] || return 0
  kill "$(pid_of "$1")"
  while kill -0 "$(pid_of "$1")" 2>/dev/null; do sleep 0.05; done
  rm "$ROOT/run/$1.pid"
}

case "$*" in
  "systemctl daemon-reload") ;;
  "systemctl enable --now "*) start "$4" ;;
  "systemctl reload "*) MAINPID=$(pid_of "$3") sh -c "$(setting "$3" ExecReload)" ;;
  "systemctl stop all") for pid in "$ROOT"/run/*.pid; do stop "$(basename "$pid" .pid)"; done ;;
  "systemctl stop "*) stop "$3" ;;
  "journalctl --unit "*" --lines "*) tail -n "$5" "$journal" ;;
  *) echo "$*: not here" >&2; exit 1 ;;
esac
