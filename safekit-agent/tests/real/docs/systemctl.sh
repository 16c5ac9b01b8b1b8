#!/bin/sh
# Plays systemd: for the unit of the agent, starts what its ExecStart says and sends the signals that it would send; for
# HAProxy, starts it with the configuration that its package names.
unit=/etc/systemd/system/safekit-agent.service
guardian() { cat /var/safekit/safekit.lock; }
start() {
  setsid $(sed -n 's/^ExecStart=//p' "$unit") </dev/null >>/var/log/safekit-agent.out 2>&1 &
  until /opt/safekit/safekit state >/dev/null 2>&1; do sleep 0.05; done
}
stop() {
  pid=$(guardian)
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
case "$*" in
  daemon-reload) ;;
  "enable --now safekit-agent" | "start safekit-agent") start ;;
  "stop safekit-agent") stop ;;
  "restart safekit-agent") stop && start ;;
  "reload safekit-agent") kill -HUP "$(guardian)" ;;
  "is-active safekit-agent") kill -0 "$(guardian)" && echo active ;;
  "restart haproxy")
    old=$(cat /run/haproxy.pid 2>/dev/null)
    haproxy -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid ${old:+-sf $old} </dev/null >/var/log/haproxy.out 2>&1
    ;;
  *)
    echo "systemctl $*: not played" >&2
    exit 1
    ;;
esac
