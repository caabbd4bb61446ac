# Purges by URL, bans, and lifetimes from CDN-Cache-Control. Needs Varnish 7.0.
import purge;
import std;

sub vcl_recv {
    if (req.method == "PURGE" || req.method == "BAN") {
        if (client.ip !~ scrimp_purgers) {
            return (synth(403, "Forbidden"));
        }
        if (req.method == "BAN") {
            if (std.ban(req.http.x-scrimp-ban)) {
                return (synth(200, "Banned"));
            }
            return (synth(400, "Bad ban"));
        }
        if (req.http.x-scrimp-soft) {
            # Not behind a fetch of the same URL.
            set req.hash_ignore_busy = true;
            return (hash);
        }
        return (purge);
    }
}

sub vcl_hit {
    if (req.method == "PURGE") {
        purge.soft(0s);
        return (synth(200, "Soft purged"));
    }
}

sub vcl_miss {
    if (req.method == "PURGE") {
        purge.soft(0s);
        return (synth(200, "Soft purged"));
    }
}

sub vcl_backend_response {
    # Bans on fields of objects are tested in the background.
    set beresp.http.x-scrimp-host = bereq.http.host;
    set beresp.http.x-scrimp-url = bereq.url;
    std.collect(beresp.http.xkey, " ");
    if (beresp.http.CDN-Cache-Control ~ "(^|,) *(no-store|private)") {
        set beresp.uncacheable = true;
        return (deliver);
    }
    if (beresp.http.CDN-Cache-Control ~ "(^|,) *max-age=[0-9]+") {
        set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control,
            "^(.*, *)?max-age=([0-9]+).*$", "\2s"), 0s) - beresp.age;
    }
    if (beresp.http.CDN-Cache-Control ~ "stale-while-revalidate=[0-9]+") {
        set beresp.grace = std.duration(regsub(beresp.http.CDN-Cache-Control,
            "^.*stale-while-revalidate=([0-9]+).*$", "\1s"), 0s);
    }
}

sub vcl_deliver {
    unset resp.http.x-scrimp-host;
    unset resp.http.x-scrimp-url;
    unset resp.http.xkey;
}
