//! The vectors of the contract, and one request for each rule that breaks it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const AK: &str = "TESTAK0000000000EXAM";
const SK: &[u8] = b"TestSK/0000000000000000000000000000example";
const PROJECT: &str = "0123456789abcdef0123456789abcdef";
const INSTANCE: &str = "5560df16-cebf-4473-95c4-d1b573c16e79";
const USUAL: &str = "content-type;host;user-agent;x-project-id;x-sdk-date";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        (name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
    });
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name, value);
    }
    map
}

fn usual_headers(content_type: &str) -> HeaderMap {
    headers(&[
        ("Content-Type", content_type),
        ("Host", "127.0.0.1:18080"),
        ("User-Agent", "huaweicloud-usdk-python/3.0"),
        ("X-Project-Id", PROJECT),
        ("X-Sdk-Date", "20260102T030405Z"),
    ])
}

fn authorization(access_key: &str, signed: &str, signature: &str) -> String {
    format!("SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={signed}, Signature={signature}")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Signs as a client does, for cases whose signature no vector has.
fn sign(request: Request<'_>, signed: &str, body_hash: &str) -> String {
    let canonical = canonical_request(request, signed, body_hash).expect("canonical");
    let date = request.headers.get("x-sdk-date").expect("a date").to_str().expect("text");
    let to_sign = format!("{SCHEME}\n{date}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut mac = Hmac::<Sha256>::new_from_slice(SK).expect("any key");
    mac.update(to_sign.as_bytes());
    authorization(AK, signed, &hex(&mac.finalize().into_bytes()))
}

fn verify(authorization: &str, request: Request<'_>) -> Result<(), Refusal> {
    Authorization::parse(authorization)?.verify(SK, request, at("2026-01-02T03:04:05Z"))
}

fn path_a() -> String {
    format!("/v2/{PROJECT}/instances/{INSTANCE}/bigkey-tasks")
}

const SIGNATURE_A: &str = "a67a92cc6cc91305252cf8411a985608f6b923eb27c78151c19fb68564bd8062";

#[test]
fn vector_0_of_the_signing_guide_holds() {
    let headers = headers(&[
        ("content-type", "application/json"),
        ("host", "service.region.example.com"),
        ("x-sdk-date", "20191115T033655Z"),
    ]);
    let request = Request {
        method: "GET",
        path: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
        query: "limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
        headers: &headers,
        body: b"",
    };
    let signed = "content-type;host;x-sdk-date";
    let canonical = canonical_request(request, signed, &hex(&Sha256::digest(b""))).expect("canonical");
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    assert_eq!(digest, "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a");
    let header = authorization(
        "QTWAOYTTINDUT2QVKYUC",
        signed,
        "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
    );
    let parsed = Authorization::parse(&header).expect("parses");
    let secret = b"MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc";
    assert_eq!(parsed.verify(secret, request, at("2019-11-15T03:40:00Z")), Ok(()));
}

#[test]
fn vector_a_holds_for_any_order_of_parameters() {
    let (path, headers) = (path_a(), usual_headers("application/json"));
    for query in ["status=success&offset=0&limit=10", "limit=10&offset=0&status=success"] {
        let request = Request { method: "GET", path: &path, query, headers: &headers, body: b"" };
        assert_eq!(verify(&authorization(AK, USUAL, SIGNATURE_A), request), Ok(()));
    }
}

#[test]
fn vector_b_holds_with_its_body() {
    let headers = usual_headers("application/json;charset=utf-8");
    let path = format!("/v2/{PROJECT}/instances/{INSTANCE}/bigkey/autoscan");
    let body = br#"{"enable_auto_scan": true, "schedule_at": ["21:00"]}"#;
    let request = Request { method: "PUT", path: &path, query: "", headers: &headers, body };
    let signature = "ccea27bb5027219d4fc88a6d8d2cb1b997dcabf7b238b81b53e895e55e1d9124";
    assert_eq!(verify(&authorization(AK, USUAL, signature), request), Ok(()));
    let other = Request { body: br#"{"enable_auto_scan":true,"schedule_at":["21:00"]}"#, ..request };
    assert_eq!(verify(&authorization(AK, USUAL, signature), other), Err(Refusal::Mismatch));
}

#[test]
fn vector_c_holds_with_its_encoded_path() {
    let headers = headers(&[("host", "127.0.0.1:18080"), ("x-sdk-date", "20260102T030405Z")]);
    let path = format!("/v2/{PROJECT}/instances/a%20b%21~c/bigkey-task");
    let request = Request { method: "POST", path: &path, query: "", headers: &headers, body: b"" };
    let signature = "1909dca97aee2a9b62c133aeed7e23e6d45e7349f5bcaa3812948fc243f7d607";
    assert_eq!(verify(&authorization(AK, "host;x-sdk-date", signature), request), Ok(()));
    let plain = path.replace("%21", "!").replace('~', "%7e");
    assert_eq!(
        verify(&authorization(AK, "host;x-sdk-date", signature), Request { path: &plain, ..request }),
        Ok(())
    );
}

#[test]
fn any_change_of_signed_data_breaks_vector_a() {
    let (path, headers) = (path_a(), usual_headers("application/json"));
    let query = "status=success&offset=0&limit=10";
    let good = Request { method: "GET", path: &path, query, headers: &headers, body: b"" };
    let header = authorization(AK, USUAL, SIGNATURE_A);
    let mut other_host = headers.clone();
    other_host.insert("host", HeaderValue::from_static("127.0.0.1"));
    let mut no_agent = headers.clone();
    no_agent.remove("user-agent");
    let mut twice = headers.clone();
    twice.append("x-project-id", HeaderValue::from_static("other"));
    for bad in [
        Request { method: "POST", ..good },
        Request { path: "/v2/other", ..good },
        Request { query: "status=success&offset=0&limit=11", ..good },
        Request { query: "", ..good },
        Request { body: b"{}", ..good },
        Request { headers: &other_host, ..good },
        Request { headers: &no_agent, ..good },
        Request { headers: &twice, ..good },
    ] {
        assert_eq!(verify(&header, bad), Err(Refusal::Mismatch), "{bad:?}");
    }
    let mut flipped = SIGNATURE_A.to_owned();
    flipped.replace_range(63.., "3");
    assert_eq!(verify(&authorization(AK, USUAL, &flipped), good), Err(Refusal::Mismatch));
    let parsed = Authorization::parse(&header).expect("parses");
    assert_eq!(parsed.verify(b"another", good, at("2026-01-02T03:04:05Z")), Err(Refusal::Mismatch));
}

#[test]
fn clocks_may_differ_by_fifteen_minutes_and_no_more() {
    let (path, headers) = (path_a(), usual_headers("application/json"));
    let query = "status=success&offset=0&limit=10";
    let request = Request { method: "GET", path: &path, query, headers: &headers, body: b"" };
    let header = authorization(AK, USUAL, SIGNATURE_A);
    let parsed = Authorization::parse(&header).expect("parses");
    for (now, outcome) in [
        ("2026-01-02T03:19:05Z", Ok(())),
        ("2026-01-02T02:49:05Z", Ok(())),
        ("2026-01-02T03:19:06Z", Err(Refusal::Date)),
        ("2026-01-02T02:49:04Z", Err(Refusal::Date)),
    ] {
        assert_eq!(parsed.verify(SK, request, at(now)), outcome, "{now}");
    }
}

#[test]
fn the_date_must_be_signed_present_once_and_well_formed() {
    fn request(headers: &HeaderMap) -> Request<'_> {
        Request { method: "GET", path: "/v2", query: "", headers, body: b"" }
    }
    let unsigned = usual_headers("application/json");
    let header = sign(request(&unsigned), "content-type;host", &hex(&Sha256::digest(b"")));
    assert_eq!(verify(&header, request(&unsigned)), Err(Refusal::Date));
    for date in [
        "20260102T030405",
        "2026-01-02T03:04:05Z",
        "20260102030405ZZ",
        "20261302T030405Z",
        "+0260102T030405Z",
    ] {
        let headers = headers(&[("host", "h"), ("x-sdk-date", date)]);
        let header = sign(request(&headers), "host;x-sdk-date", &hex(&Sha256::digest(b"")));
        assert_eq!(verify(&header, request(&headers)), Err(Refusal::Date), "{date}");
    }
    let mut twice = usual_headers("application/json");
    let header = sign(request(&twice), USUAL, &hex(&Sha256::digest(b"")));
    twice.append("x-sdk-date", HeaderValue::from_static("20260102T030405Z"));
    assert_eq!(verify(&header, request(&twice)), Err(Refusal::Date));
}

#[test]
fn a_declared_hash_must_be_the_bodys_and_only_an_empty_body_may_go_unsigned() {
    let path = path_a();
    let with = |hash: &str| {
        headers(&[("host", "h"), ("x-sdk-content-sha256", hash), ("x-sdk-date", "20260102T030405Z")])
    };
    let empty = hex(&Sha256::digest(b""));
    let signed = "host;x-sdk-content-sha256;x-sdk-date";
    let unsigned = with(UNSIGNED_PAYLOAD);
    let request = |headers, body| Request { method: "GET", path: &path, query: "", headers, body };
    for hash in [UNSIGNED_PAYLOAD, &empty] {
        let header = sign(request(&unsigned, b""), signed, hash);
        assert_eq!(verify(&header, request(&unsigned, b"")), Ok(()), "{hash}");
        assert_eq!(verify(&header, request(&unsigned, b"{}")), Err(Refusal::Mismatch), "{hash}");
    }
    let declared = with(&empty);
    let header = sign(request(&declared, b""), signed, &empty);
    assert_eq!(verify(&header, request(&declared, b"")), Ok(()));
    assert_eq!(verify(&header, request(&declared, b"{}")), Err(Refusal::Mismatch));
}

#[test]
fn signed_names_are_lower_case_and_ascend() {
    let (path, headers) = (path_a(), usual_headers("application/json"));
    let request = Request { method: "GET", path: &path, query: "", headers: &headers, body: b"" };
    for signed in ["x-sdk-date;host", "Host;x-sdk-date", "host;host;x-sdk-date", ";x-sdk-date"] {
        let header = authorization(AK, signed, SIGNATURE_A);
        assert_eq!(verify(&header, request), Err(Refusal::Mismatch), "{signed}");
    }
}

#[test]
fn a_header_that_is_not_a_signature_is_refused() {
    for header in [
        "",
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SM3 Access=a, SignedHeaders=x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=a, Access=b, SignedHeaders=x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 nonsense",
    ] {
        assert_eq!(Authorization::parse(header).err(), Some(Refusal::Malformed), "{header}");
    }
    let not_hex = authorization(AK, USUAL, &"g".repeat(64));
    assert_eq!(Authorization::parse(&not_hex).err(), Some(Refusal::Malformed));
}

#[test]
fn paths_and_queries_are_decoded_and_encoded_again() {
    let path = |text| {
        let mut out = String::new();
        push_path(&mut out, text);
        out
    };
    let query = |text| {
        let mut out = String::new();
        push_query(&mut out, text);
        out
    };
    assert_eq!(path("/a%2fb/%e4%b8%ad/%zz%"), "/a/b/%E4%B8%AD/%25zz%25/");
    assert_eq!(path("/"), "/");
    assert_eq!(query("b=2&a=%2B+&a=%20&c&=d"), "=d&a=%20&a=%2B%2B&b=2&c=");
    assert_eq!(query("&&"), "");
}
