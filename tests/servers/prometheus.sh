# A private Prometheus that scrapes what the tests name. Sourced by ./test, which provides say, die and free_port.
#
# It scrapes every target of the files that tests write into a folder, each second; all its state lies in one temporary
# folder. Coordinates go to the tests in one variable, as words of the form key=value:
#
#   NOTIFYHUB_TEST_PROMETHEUS="url=http://127.0.0.1:… targets=FOLDER promtool=PROGRAM"

prometheus_dir=
prometheus_pid=

prometheus_start() {
  command -v prometheus > /dev/null && command -v promtool > /dev/null || install_packages prometheus
  prometheus_dir=$(mktemp -d)
  mkdir "$prometheus_dir"/{targets,data}
  cat > "$prometheus_dir/prometheus.yml" << CONFIG
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: tests
    file_sd_configs: [{ files: ["$prometheus_dir/targets/*.json"], refresh_interval: 1s }]
CONFIG
  local port
  port=$(free_port)
  prometheus --config.file="$prometheus_dir/prometheus.yml" --storage.tsdb.path="$prometheus_dir/data" \
    --web.listen-address="127.0.0.1:$port" > "$prometheus_dir/log" 2>&1 &
  prometheus_pid=$!
  wait_for_port "$port" || die "prometheus: did not start: $(tail -n 3 "$prometheus_dir/log" | tr '\n' ' ')"
  export NOTIFYHUB_TEST_PROMETHEUS="url=http://127.0.0.1:$port targets=$prometheus_dir/targets promtool=$(command -v promtool)"
  say "prometheus: started on 127.0.0.1, port $port, in $prometheus_dir"
}

prometheus_stop() {
  [ -n "$prometheus_dir" ] || return 0
  [ -z "$prometheus_pid" ] || { kill "$prometheus_pid" 2> /dev/null; wait "$prometheus_pid" 2> /dev/null; }
  rm -rf "$prometheus_dir"
  say "prometheus: stopped, $prometheus_dir removed"
  prometheus_dir= prometheus_pid=
}
