#!/usr/bin/env bash
# Hits end to end, on the loopback interface: one axum server alone, behind scrimp's layer, behind
# axum-response-cache, behind nginx and behind Varnish. Servers share one core, wrk has another.
# Prints requests per second, the ratio to the bare server, and the CPU time of the servers per
# request, which hardly depends on other work on the machine.
#
#   wrk.sh [SECONDS [ROUNDS]]
#
# Needs Debian's wrk, nginx and varnish, and installs missing ones if permitted.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-5}
rounds=${2:-3}
server_core=0
client_core=1
path='/api/products?category=electronics&page=2'
scratch=$(mktemp -d)
# For the user of nginx's workers.
chmod 755 "$scratch"
started=()

stop() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    started=()
}
trap 'stop; rm -rf "$scratch"' EXIT

need() { # COMMAND PACKAGE
    PATH=$PATH:/usr/sbin command -v "$1" >/dev/null && return
    echo "installing $2" >&2
    apt-get install -y --no-install-recommends "$2" >/dev/null || {
        echo "$1 is missing; install Debian's package $2" >&2
        exit 1
    }
}
need wrk wrk
need nginx nginx-light
need varnishd varnish

cargo build --quiet --release --no-default-features
server=${CARGO_TARGET_DIR:-target}/release/scrimp-bench

pinned() { # COMMAND...
    PATH=$PATH:/usr/sbin taskset -c $server_core "$@" >"$scratch/log" 2>&1 &
    started+=($!)
}

await() { # PORT
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.1
    done
    echo "nothing listens on port $1:" >&2
    cat "$scratch/log" >&2
    exit 1
}

serve() { # PORT FRONT
    pinned "$server" serve --listen "127.0.0.1:$1" --front "$2"
    await "$1"
}

nginx_conf() {
    cat <<END
daemon off;
worker_processes 1;
pid $scratch/nginx.pid;
error_log $scratch/nginx.log;
events { worker_connections 256; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $scratch/body;
    proxy_temp_path $scratch/proxy;
    fastcgi_temp_path $scratch/fastcgi;
    uwsgi_temp_path $scratch/uwsgi;
    scgi_temp_path $scratch/scgi;
    proxy_cache_path $scratch/cache keys_zone=hits:10m;
    server {
        listen 127.0.0.1:8082;
        location / {
            proxy_pass http://127.0.0.1:8081;
            proxy_cache hits;
        }
    }
}
END
}

start() { # SUBJECT
    case $1 in
    bare) serve 8082 none ;;
    scrimp) serve 8082 scrimp ;;
    axum-response-cache) serve 8082 axum-response-cache ;;
    nginx)
        serve 8081 none
        nginx_conf >"$scratch/nginx.conf"
        pinned nginx -c "$scratch/nginx.conf" -e "$scratch/nginx.log"
        ;;
    varnish)
        serve 8081 none
        pinned varnishd -F -n "$scratch/varnish" -a 127.0.0.1:8082 -b 127.0.0.1:8081 -s malloc,64m
        ;;
    esac
    await 8082
}

family() { # PID, and what it has started
    echo "$1"
    for child in $(pgrep -P "$1"); do
        family "$child"
    done
}

ticks() { # CPU time of all servers
    for pid in "${started[@]}"; do
        family "$pid"
    done | while read -r pid; do
        # The text after the command's name, which may contain spaces.
        sed 's/.*) //' "/proc/$pid/stat"
    done | awk '{ sum += $12 + $13 } END { print sum }'
}

round() { # prints requests per second and CPU microseconds per request
    local url="http://127.0.0.1:8082$path" before after
    taskset -c $client_core wrk -t1 -c32 -d1s "$url" >/dev/null
    before=$(ticks)
    taskset -c $client_core wrk -t1 -c32 -d"${seconds}s" "$url" >"$scratch/wrk"
    after=$(ticks)
    if grep -q 'Non-2xx' "$scratch/wrk"; then
        cat "$scratch/wrk" >&2
        exit 1
    fi
    awk -v ticks=$((after - before)) -v hertz="$(getconf CLK_TCK)" '
        / requests in / { requests = $1 }
        /^Requests\/sec/ { print $2, ticks / hertz * 1e6 / requests }' "$scratch/wrk"
}

median() { # COLUMN FILE
    cut -d' ' -f"$1" "$2" | sort -n | sed -n "$(((rounds + 1) / 2))p"
}

subjects=(bare scrimp axum-response-cache nginx varnish)
# Rounds are interleaved; the median of each subject counts.
for _ in $(seq "$rounds"); do
    for subject in "${subjects[@]}"; do
        start "$subject"
        round >>"$scratch/$subject.rounds"
        stop
    done
done

printf '%-20s %12s %6s %12s %6s\n' '' 'requests/s' 'ratio' 'CPU [us]' 'ratio'
for subject in "${subjects[@]}"; do
    rate=$(median 1 "$scratch/$subject.rounds")
    cpu=$(median 2 "$scratch/$subject.rounds")
    bare_rate=${bare_rate:-$rate}
    bare_cpu=${bare_cpu:-$cpu}
    awk -v name="$subject" -v rate="$rate" -v cpu="$cpu" \
        -v bare_rate="$bare_rate" -v bare_cpu="$bare_cpu" \
        'BEGIN { printf "%-20s %12.0f %6.2f %12.1f %6.2f\n",
                 name, rate, rate / bare_rate, cpu, bare_cpu / cpu }'
done
