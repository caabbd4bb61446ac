# Purges by key. Needs vmod xkey (Debian: varnish-modules).
import xkey;

sub vcl_recv {
    if (req.method == "PURGE" && req.http.xkey && client.ip ~ scrimp_purgers) {
        if (req.http.x-scrimp-soft) {
            set req.http.x-scrimp-gone = xkey.softpurge(req.http.xkey);
        } else {
            set req.http.x-scrimp-gone = xkey.purge(req.http.xkey);
        }
        return (synth(200, "Purged " + req.http.x-scrimp-gone + " objects"));
    }
}
