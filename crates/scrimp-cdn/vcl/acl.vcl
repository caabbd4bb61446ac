# Addresses that may purge. Put those of your servers here.
acl scrimp_purgers {
    "127.0.0.1";
    "::1";
}
