//! Lines in the shapes that vendors document, with values of our own.

use std::time::Duration;

use super::{Entry, Reader};

/// A line, and the facts in it. The first part may have lines that name its fields.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) host: &'static str,
    pub(super) request: (&'static str, &'static str),
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) micros: Option<u64>,
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "ALB over HTTP/2, without SNI",
        text: r#"h2 2024-05-02T08:23:00.186641Z app/shop/50dc6c495c0c9188 192.0.2.39:2817 10.0.1.252:80 0.000 0.002 0.001 200 200 5 257 "GET https://10.0.2.105:773/a?b=1 HTTP/2.0" "curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337327-72bd00b0343d75b906739c42" "-" "-" 1 2024-05-02T08:22:48.364000Z "redirect" "https://example.com:80/" "-" "10.0.1.252:80" "200" "-" "-" TID_dc57cebed65b444ebc8177bb698fe166"#,
        host: "10.0.2.105:773",
        request: ("GET", "/a?b=1"),
        status: 200,
        bytes: 257,
        micros: Some(3_000),
    },
    Sample {
        name: "ALB to a function that failed",
        text: r#"http 2024-05-02T08:23:00.186641Z app/shop/50dc6c495c0c9188 192.0.2.39:2817 - 0.000 0.001 0.000 502 - 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/8.5.0" - - arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-" 0 2024-05-02T08:22:48.364000Z "forward" "-" "LambdaInvalidResponse" "-" "-" "-" "-""#,
        host: "www.example.com",
        request: ("GET", "/"),
        status: 502,
        bytes: 366,
        micros: Some(1_000),
    },
    Sample {
        name: "ALB that answered itself",
        text: r#"https 2024-05-02T08:23:00.186641Z app/shop/50dc6c495c0c9188 192.0.2.39:2817 - -1 -1 -1 301 - 34 366 "GET https://www.example.com:443/x HTTP/1.1" "curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 - "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:x" 1 2024-05-02T08:22:48.364000Z "redirect" "https://a.example/" "-" "-" "-" "-" "-""#,
        host: "www.example.com",
        request: ("GET", "/x"),
        status: 301,
        bytes: 366,
        micros: None,
    },
    Sample {
        name: "Classic load balancer",
        text: r#"2024-05-13T23:39:43.945958Z shop 192.0.2.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#,
        host: "www.example.com",
        request: ("GET", "/"),
        status: 200,
        bytes: 29,
        micros: Some(1_178),
    },
    Sample {
        name: "S3, a listing",
        text: r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be shop [06/Feb/2024:00:00:38 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /shop?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader shop.s3.us-west-1.amazonaws.com TLSV1.2 arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes"#,
        host: "shop.s3.us-west-1.amazonaws.com",
        request: ("GET", "/shop?versioning"),
        status: 200,
        bytes: 113,
        micros: Some(7_000),
    },
    Sample {
        name: "S3, an upload",
        text: r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be shop [06/Feb/2024:00:01:57 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be DD6CC733AEXAMPLE REST.PUT.OBJECT guide.pdf "PUT /shop/guide.pdf HTTP/1.1" 200 - - 4406583 41754 28 "-" "S3Console/0.4" - 10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTLX0TgS37kYUBKQW3+bPdrg1234= SigV4 ECDHE-RSA-AES128-SHA AuthHeader shop.s3.us-west-1.amazonaws.com TLSV1.2 - -"#,
        host: "shop.s3.us-west-1.amazonaws.com",
        request: ("PUT", "/shop/guide.pdf"),
        status: 200,
        bytes: 0,
        micros: Some(41_754_000),
    },
    Sample {
        name: "CloudFront as JSON",
        text: r#"{"date":"2024-05-13","time":"22:36:27","x-edge-location":"SEA19-C1","sc-bytes":"902","c-ip":"192.0.2.200","cs-method":"GET","cs(Host)":"d111111abcdef8.cloudfront.net","cs-uri-stem":"/view/my/file.html","sc-status":"200","cs(Referer)":"www.displaymyfiles.com","cs(User-Agent)":"Mozilla/4.0","cs-uri-query":"-","cs(Cookie)":"-","x-edge-result-type":"RefreshHit","x-host-header":"d222.example","cs-protocol":"http","cs-bytes":"5","time-taken":"0.001"}"#,
        host: "d222.example",
        request: ("GET", "/view/my/file.html"),
        status: 200,
        bytes: 902,
        micros: Some(1_000),
    },
    Sample {
        name: "HAProxy behind syslog, with captures",
        text: r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2024:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {shop.example} {} "GET /index.html HTTP/1.1""#,
        host: "shop.example",
        request: ("GET", "/index.html"),
        status: 200,
        bytes: 2_750,
        micros: Some(109_000),
    },
    Sample {
        name: "HAProxy, written before the end",
        text: r#"haproxy[674]: 10.0.1.2:33319 [15/Oct/2024:08:31:57.130] relais-http relais-http/Srv1 9/0/7/14/+30 200 +243 - - ---- 3/3/3/3/0 0/0 "GET http://shop.example/a HTTP/1.1""#,
        host: "shop.example",
        request: ("GET", "/a"),
        status: 200,
        bytes: 243,
        micros: Some(30_000),
    },
    Sample {
        name: "HAProxy over TLS",
        text: r#"10.0.1.2:33317 [06/Feb/2024:12:14:14.655] https-in~ static/srv2 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {} {} "GET /index.html HTTP/1.1" 0/0000000000000000/0/0/0 shop.example/TLSv1.3/TLS_AES_256_GCM_SHA384"#,
        host: "shop.example",
        request: ("GET", "/index.html"),
        status: 200,
        bytes: 2_750,
        micros: Some(109_000),
    },
    Sample {
        name: "Envoy",
        text: r#"[2024-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#,
        host: "locations",
        request: ("POST", "/api/v1/locations"),
        status: 204,
        bytes: 0,
        micros: Some(226_000),
    },
    Sample {
        name: "Istio",
        text: r#"[2024-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0-DEV" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "10.44.1.27:80" outbound|8000||httpbin.foo.svc.cluster.local 10.44.1.23:37652 10.0.45.184:8000 10.44.1.23:46520 - default"#,
        host: "httpbin:8000",
        request: ("GET", "/status/418"),
        status: 418,
        bytes: 135,
        micros: Some(3_000),
    },
    Sample {
        name: "Traefik",
        text: r#"192.0.2.9 - - [15/Apr/2024:10:12:01 +0000] "GET /api?x=1 HTTP/2.0" 200 1932 "-" "curl/8.5.0" 14 "api@docker" "http://172.18.0.3:80" 31ms"#,
        host: "",
        request: ("GET", "/api?x=1"),
        status: 200,
        bytes: 1_932,
        micros: Some(31_000),
    },
    Sample {
        name: "Kong, with sizes as text",
        text: r#"{"request":{"querystring":{},"size":"75","uri":"/","url":"http://shop.example:8000/","headers":{"accept-encoding":"gzip, deflate","host":"shop.example:8000","user-agent":"HTTPie/0.9.9"},"method":"GET"},"upstream_uri":"/","response":{"status":200,"size":"434","headers":{"Content-Length":"197","via":"kong/0.3.0"}},"tries":[{"state":"next","code":502,"ip":"127.0.0.1","port":8000}],"authenticated_entity":{"consumer_id":"80f74eef","id":"eaa330c0"},"route":{"created_at":1521555129,"hosts":null,"id":"75818c5f","methods":["GET"],"paths":["/example-path"],"protocols":["http"],"service":{"id":"0590139e"}},"service":{"connect_timeout":60000,"created_at":1521554518,"host":"backend.internal","id":"0590139e","name":"myservice","path":"/","port":80,"protocol":"http"},"latencies":{"proxy":1430,"kong":9,"request":1921},"client_ip":"127.0.0.1","started_at":1714464000425}"#,
        host: "shop.example:8000",
        request: ("GET", "/"),
        status: 200,
        bytes: 434,
        micros: Some(1_921_000),
    },
    Sample {
        name: "Fastly",
        text: r#"{"timestamp":"2024-05-13T23:39:43+0000","client_ip":"192.0.2.7","geo_country":"germany","geo_city":"berlin","host":"shop.example","url":"/a?b=c","request_method":"GET","request_protocol":"HTTP/2","request_referer":"","request_user_agent":"curl/8.5.0","response_state":"HIT-CLUSTER","response_status":200,"response_reason":"OK","response_body_size":1932,"fastly_server":"cache-fra1","fastly_is_edge":true}"#,
        host: "shop.example",
        request: ("GET", "/a?b=c"),
        status: 200,
        bytes: 1_932,
        micros: None,
    },
    Sample {
        name: "API Gateway, HTTP API",
        text: r#"{"requestId":"JKJaXmPLvHcESHA=","ip":"192.0.2.1","requestTime":"10/Mar/2024:18:25:36 +0000","httpMethod":"GET","routeKey":"GET /pets","status":"200","protocol":"HTTP/1.1","responseLength":"55"}"#,
        host: "",
        request: ("GET", "/pets"),
        status: 200,
        bytes: 55,
        micros: None,
    },
    Sample {
        name: "Azure Application Gateway v1, which adds to the query",
        text: r#"{"resourceId":"/SUBSCRIPTIONS/X/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/G","operationName":"ApplicationGatewayAccess","time":"2024-04-26T19:27:38Z","category":"ApplicationGatewayAccessLog","properties":{"instanceId":"ApplicationGatewayRole_IN_0","clientIP":"192.0.2.97","clientPort":46886,"httpMethod":"GET","requestUri":"/scripts/setup.php","requestQuery":"a=1&X-AzureApplicationGateway-CACHE-HIT=0&SERVER-ROUTED=10.4.0.4&X-AzureApplicationGateway-LOG-ID=874f1f0f-6807-41c9-b7bc-f3cfa74aa0b1&SERVER-STATUS=404","userAgent":"-","httpStatus":404,"httpVersion":"HTTP/1.0","receivedBytes":65,"sentBytes":553,"timeTaken":205,"sslEnabled":"off"}}"#,
        host: "",
        request: ("GET", "/scripts/setup.php?a=1"),
        status: 404,
        bytes: 553,
        micros: Some(205_000),
    },
    Sample {
        name: "Azure Application Gateway v2",
        text: r#"{"timeStamp":"2024-10-14T22:17:11+00:00","resourceId":"/SUBSCRIPTIONS/X","listenerName":"HTTP-Listener","ruleName":"Rule1","backendPoolName":"pool","backendSettingName":"settings","operationName":"ApplicationGatewayAccess","category":"ApplicationGatewayAccessLog","properties":{"instanceId":"appgw_1","clientIP":"192.0.2.252","clientPort":58464,"httpMethod":"GET","originalRequestUriWithArgs":"/shop?x=1","requestUri":"/rewritten","requestQuery":"y=2","userAgent":"Mozilla/5.0","httpStatus":200,"httpVersion":"HTTP/1.1","receivedBytes":65,"sentBytes":553,"timeTaken":0.205,"WAFEvaluationTime":"0.002","WAFMode":"Prevention","transactionId":"a5bd","sslEnabled":"on","sslCipher":"TLS_AES_256_GCM_SHA384","serverRouted":"104.41.114.59:80","serverStatus":"200","serverResponseLatency":"0.052","upstreamSourcePort":"","originalHost":"shop.example","host":"10.0.0.4"}}"#,
        host: "shop.example",
        request: ("GET", "/shop?x=1"),
        status: 200,
        bytes: 553,
        micros: Some(205_000),
    },
    Sample {
        name: "Google Cloud load balancer",
        text: r#"{"insertId":"1oek5rg3l3fxj7","jsonPayload":{"statusDetails":"response_sent_by_backend","cacheId":"SFO-fbae48ad","@type":"type.googleapis.com/google.cloud.loadbalancing.type.LoadBalancerLogEntry"},"httpRequest":{"requestMethod":"GET","requestUrl":"http://shop.example/a?b=1","requestSize":"96","status":200,"responseSize":"291","userAgent":"curl/8.5.0","remoteIp":"192.0.2.5","serverIp":"10.0.0.2","latency":"0.117543s"},"resource":{"type":"http_load_balancer","labels":{"url_map_name":"web"}},"timestamp":"2024-02-05T22:44:46.129Z","severity":"INFO","logName":"projects/p/logs/requests","trace":"projects/p/traces/241d","receiveTimestamp":"2024-02-05T22:44:47.028Z","spanId":"87eb"}"#,
        host: "shop.example",
        request: ("GET", "/a?b=1"),
        status: 200,
        bytes: 291,
        micros: Some(117_543),
    },
    Sample {
        name: "IIS",
        text: "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2024-05-02 17:42:15\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n2024-05-02 17:42:15 172.22.255.255 GET /images/picture.jpg x=1 80 - 172.30.255.255 Mozilla/4.0+(compatible;MSIE+5.5) - 200 0 0 31",
        host: "",
        request: ("GET", "/images/picture.jpg?x=1"),
        status: 200,
        bytes: 0,
        micros: Some(31_000),
    },
    Sample {
        name: "Akamai DataStream",
        text: r#"{"version":1,"streamId":"12345","cp":"123456","reqId":"1239f220","reqTimeSec":"1714464000.250","bytes":"4995","cliIP":"192.0.2.68","statusCode":"206","proto":"HTTPS","reqHost":"shop.example","reqMethod":"GET","reqPath":"/path1/file.ext","reqPort":"443","queryStr":"a=1&b=2","rspContentLen":"5000","rspContentType":"text/html","UA":"Mozilla%2F5.0","tlsVersion":"TLSv1.3","totalBytes":"5000","turnAroundTimeMSec":"11","transferTimeMSec":"125","cacheStatus":"1"}"#,
        host: "shop.example",
        request: ("GET", "/path1/file.ext?a=1&b=2"),
        status: 206,
        bytes: 4_995,
        micros: Some(125_000),
    },
    Sample {
        name: "Vercel",
        text: r#"{"id":"1573817187330377061717300000","deploymentId":"dpl_1","source":"edge","host":"shop.vercel.app","timestamp":1714464000250,"projectId":"p","level":"info","statusCode":200,"path":"/api/x","proxy":{"timestamp":1714464000250,"method":"GET","host":"shop.example","path":"/api/x?route=1","userAgent":["Mozilla/5.0"],"region":"sfo1","statusCode":200,"clientIp":"192.0.2.1","scheme":"https","vercelCache":"MISS"}}"#,
        host: "shop.example",
        request: ("GET", "/api/x?route=1"),
        status: 200,
        bytes: 0,
        micros: None,
    },
    Sample {
        name: "Squid",
        text: "1714464000.586    921 192.0.2.68 TCP_MISS/200 507 GET http://shop.example/a?b=1 - HIER_DIRECT/192.0.2.128 application/xml",
        host: "shop.example",
        request: ("GET", "/a?b=1"),
        status: 200,
        bytes: 507,
        micros: Some(921_000),
    },
    Sample {
        name: "Caddy",
        text: r#"{"level":"info","ts":1714464000.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"127.0.0.1","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"/x","headers":{"User-Agent":["curl/8.5.0"],"Accept":["*/*"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"localhost"}},"bytes_read":0,"user_id":"","duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Encoding":["gzip"]}}"#,
        host: "localhost",
        request: ("GET", "/x"),
        status: 200,
        bytes: 10_900,
        micros: Some(930),
    },
];

fn read(sample: &Sample) -> Result<Entry, String> {
    let mut reader = Reader::new(None);
    let lines: Vec<_> = sample.text.lines().map(str::as_bytes).collect();
    reader.detect(&lines.iter().copied());
    let mut last = Err("no request".to_owned());
    for line in lines {
        match reader.read(line) {
            Ok(Some(parsed)) => last = Ok(parsed.entry),
            Ok(None) => {}
            Err(reason) => last = Err(reason.to_string()),
        }
    }
    last
}

#[test]
fn lines_in_the_shapes_that_vendors_document_are_read_field_by_field() {
    check(SAMPLES);
}

/// Reads each line, and compares its facts.
pub(super) fn check(samples: &[Sample]) {
    let mut wrong = Vec::new();
    for sample in samples {
        let expected = (
            sample.host,
            sample.request.0,
            sample.request.1,
            sample.status,
            sample.bytes,
            sample.micros.map(Duration::from_micros),
        );
        match read(sample) {
            Ok(entry) => {
                let Entry {
                    status,
                    bytes,
                    latency,
                    ..
                } = entry;
                let found = (
                    &*entry.host,
                    &*entry.method,
                    &*entry.target,
                    status,
                    bytes,
                    latency,
                );
                if found != expected {
                    wrong.push(format!(
                        "{}: {found:?} instead of {expected:?}",
                        sample.name
                    ));
                }
                // 2024-02-01 to 2024-12-31.
                assert!(
                    (1_706_745_600..1_735_689_600).contains(&(entry.time / super::MICROS)),
                    "{}",
                    sample.name
                );
            }
            Err(reason) => wrong.push(format!("{}: {reason}", sample.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
