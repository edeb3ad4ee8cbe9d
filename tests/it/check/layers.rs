//! Each fault of the network and of the gateway has exactly its sentence, and what passes is told.

use super::*;
use tidb_private_endpoint::check::Layer;
use tidb_private_endpoint::check::report::Step;

/// The finding's sentence in a report of one attempt.
#[track_caller]
fn failed(report: &Report, layer: Layer) -> &str {
    assert!(!report.reachable, "{report:#?}");
    assert_eq!(report.failed_layer, Some(layer));
    let begins = format!("The connection to {HOST}:4000 fails at the layer {layer}. ");
    let ends = format!(" See {}.", layer.hint());
    let sentence = report.report.strip_prefix(&begins).and_then(|rest| rest.strip_suffix(&ends));
    let last = report.steps.last().unwrap();
    assert!(report.steps.iter().all(|step| step.layer <= layer) && last.layer == layer, "it stops there");
    sentence.unwrap_or_else(|| panic!("{}", report.report))
}

#[tokio::test(start_paused = true)]
async fn a_database_that_answers_is_reachable() {
    for addresses in [&[A][..], &[A, B], &["fd00::25"], &["2600:1f18::25", A]] {
        let places: Vec<_> = addresses.iter().map(|address| (*address, Fault::None)).collect();
        let net = Net::new(&places);
        let report = once(&net).await;
        assert!(report.reachable, "{report:#?}");
        let mut expected: Vec<IpAddr> = addresses.iter().map(|text| address(text)).collect();
        expected.sort_unstable();
        assert_eq!(report.addresses, expected);
        assert_eq!(report.connect_milliseconds, Some(2));
        assert_eq!(report.server_version, "8.0.11-TiDB-v8.5.0");
        assert_eq!(report.tls_version, "TLSv1.3");
        assert_eq!(report.certificate_issuer, "CN=private authority");
        assert_eq!(report.certificate_expires, "2090-01-01T00:00:00Z");
        assert_eq!(report.steps.len(), 1 + 3 * addresses.len());
        tokio::task::yield_now().await;
        assert_eq!(net.complaints.lock().unwrap().as_slice(), [""; 0], "the gateway has understood everything");
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_says_in_words_what_was_reached() {
    let report = once(&Net::new(&[(A, Fault::None), (B, Fault::None)])).await;
    assert_eq!(
        report.report,
        format!(
            "{HOST}:4000 is reachable: 10.0.1.25, 10.0.2.31 lead to the database with TLSv1.3 and a certificate that is \
             valid until 2090-01-01T00:00:00Z."
        )
    );
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_gateway_has_its_sentence() {
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    let cases = [
        (Fault::Silent, Layer::Greeting, "10.0.1.25 accepted the connection to port 4000 and sent nothing within 10 s"),
        (
            Fault::Closes,
            Layer::Greeting,
            "10.0.1.25 accepted the connection to port 4000 and closed it without a greeting",
        ),
        (Fault::HalfGreeting, Layer::Greeting, "10.0.1.25 closed the connection in the middle of its greeting"),
        (Fault::ByteASecond, Layer::Greeting, "10.0.1.25 did not complete its greeting within 10 s"),
        (
            Fault::Sends(http),
            Layer::Greeting,
            "The server at 10.0.1.25, port 4000, is not a MySQL server: it sent 'HTTP",
        ),
        (Fault::Sends(vec![3, 0, 0, 0, 9, 1, 0]), Layer::Greeting, "is not a MySQL server: it sent '...'"),
        (
            Fault::Rejects(1040, "Too many connections".to_owned()),
            Layer::Greeting,
            "10.0.1.25 refused the connection with the MySQL error 1040, 'Too many connections'",
        ),
        (Fault::NoTls, Layer::Tls, "The MySQL server at 10.0.1.25 does not offer TLS"),
        (Fault::OldTls, Layer::Tls, "10.0.1.25 offers no version of TLS that this client accepts"),
        (Fault::SilentInTls, Layer::Tls, "10.0.1.25 did not complete the TLS handshake within 10 s"),
        (Fault::ClosesInTls, Layer::Tls, "The TLS handshake with 10.0.1.25 failed (tls handshake eof)"),
        (
            Fault::WrongName("db.example.com".to_owned()),
            Layer::Tls,
            "The certificate that 10.0.1.25 presents is for db.example.com, not for gateway01-privatelink",
        ),
        (Fault::Expired, Layer::Tls, "expired (2000-01-01T00:00:00Z)"),
        (Fault::NotYetValid, Layer::Tls, "is not valid yet (2100-01-01T00:00:00Z)"),
        (Fault::OtherAuthority, Layer::Tls, "is not from an authority that this system trusts"),
    ];
    let mut sentences = Vec::new();
    for (fault, layer, says) in cases {
        let report = once(&Net::new(&[(A, fault.clone())])).await;
        let sentence = failed(&report, layer);
        assert!(sentence.contains(says), "{fault:?}: {sentence}");
        sentences.push(sentence.to_owned());
    }
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), 15, "no two faults have the same sentence: {sentences:#?}");
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_way_has_its_sentence() {
    let cases = [
        (Place::Fails(ErrorKind::ConnectionRefused), "10.0.1.25 refused the connection to port 4000"),
        (Place::Drops, "10.0.1.25 did not respond on port 4000 within 5 s, so something on the way drops the packets"),
        (Place::Fails(ErrorKind::TimedOut), "10.0.1.25 did not respond on port 4000 within 5 s"),
        (Place::Fails(ErrorKind::HostUnreachable), "There is no route to 10.0.1.25 (host unreachable)"),
        (Place::Fails(ErrorKind::NetworkUnreachable), "There is no route to 10.0.1.25 (network unreachable)"),
        (
            Place::Fails(ErrorKind::PermissionDenied),
            "The connection to 10.0.1.25, port 4000, failed (permission denied)",
        ),
    ];
    for (place, says) in cases {
        let report = once(&Net::new(&[]).with(A, place)).await;
        assert!(failed(&report, Layer::Tcp).starts_with(says), "{}", report.report);
    }
    // In another VPC than the endpoint's, what is missing is a route more often than a rule.
    let report = once(&Net::new(&[]).with(A, Place::Drops)).await;
    for words in
        ["the endpoint's security group", "route tables of both subnets lead to the other VPC", "that it exists"]
    {
        assert!(failed(&report, Layer::Tcp).contains(words), "{}", report.report);
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_name_has_its_sentence() {
    let net = || Net::new(&[(A, Fault::None)]);
    let report = once(&net().resolving(vec![Err(ErrorKind::Other)])).await;
    assert!(failed(&report, Layer::Name).starts_with(&format!("{HOST} does not resolve here (Name not known). ")));
    for words in ["a private hosted zone with exactly this name", "leads to an endpoint that exists"] {
        assert!(failed(&report, Layer::Name).contains(words), "{}", report.report);
    }
    let report = once(&net().resolving(vec![Ok(Vec::new())])).await;
    assert!(failed(&report, Layer::Name).starts_with(&format!("{HOST} does not resolve here (it has no addresses). ")));
    let mut slow = net();
    slow.resolves_in = Duration::from_mins(10);
    let report = once(&slow).await;
    assert!(failed(&report, Layer::Name).starts_with(&format!("{HOST} does not resolve here (timed out). ")));
    let report = once(&net().resolving(vec![Ok(vec![address("44.10.20.30"), address(A)])])).await;
    let says = format!("{HOST} resolves to the public address 44.10.20.30, so connections do not go through");
    assert!(failed(&report, Layer::Name).starts_with(&says), "{}", report.report);
    for private in ["172.31.255.1", "192.168.0.1", "100.64.0.1", "100.127.255.254"] {
        assert!(once(&Net::new(&[(private, Fault::None)])).await.reachable, "{private} is an address of a VPC");
    }
    for public in ["172.32.0.1", "100.128.0.1", "9.255.255.255"] {
        let report = once(&net().resolving(vec![Ok(vec![address(public)])])).await;
        assert!(failed(&report, Layer::Name).contains(public), "{public}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_addresses_are_compared_with_the_endpoints() {
    let net = Net::new(&[(A, Fault::None), (B, Fault::None)]);
    let report = run(&net, &tls(), &spec(json!({ "EndpointAddresses": [A] })), 0).await;
    let says = format!("{HOST} resolves to 10.0.2.31, which EndpointAddresses does not contain (10.0.1.25). ");
    assert!(failed(&report, Layer::Name).starts_with(&says), "{}", report.report);
    assert!(run(&net, &tls(), &spec(json!({ "EndpointAddresses": [B, A] })), 0).await.reachable);
    // Some VPCs use a public block inside.
    let (net, spec) = (Net::new(&[("44.0.0.1", Fault::None)]), spec(json!({ "EndpointAddresses": "44.0.0.1" })));
    assert!(run(&net, &tls(), &spec, 0).await.reachable);
}

/// A client may use any address, so one that fails is enough.
#[tokio::test(start_paused = true)]
async fn one_address_that_fails_fails_the_check() {
    let report = once(&Net::new(&[(A, Fault::None)]).with(B, Place::Drops)).await;
    let sentence = failed(&report, Layer::Tcp);
    assert!(sentence.starts_with("10.0.2.31 did not respond"), "{sentence}");
    assert!(sentence.ends_with("This layer is in order at 10.0.1.25."), "{sentence}");
    let report = once(&Net::new(&[(A, Fault::Silent), (B, Fault::Silent)])).await;
    assert!(failed(&report, Layer::Greeting).starts_with("10.0.1.25, 10.0.2.31 accepted"), "one sentence for both");
    let report = once(&Net::new(&[(A, Fault::Closes), (B, Fault::Silent)])).await;
    let sentence = failed(&report, Layer::Greeting);
    assert!(sentence.contains("10.0.1.25 accepted") && sentence.contains("10.0.2.31 accepted"), "{sentence}");
}

/// A function without an IPv6 address connects to a dual-stack endpoint like every other client without one.
#[tokio::test(start_paused = true)]
async fn an_address_family_that_the_client_does_not_have_is_left_out() {
    let unreachable = || Place::Fails(ErrorKind::NetworkUnreachable);
    // 97 is the number for a family that the system does not know.
    for place in [unreachable(), Place::FailsWith(97)] {
        let report = once(&Net::new(&[(A, Fault::None)]).with("2600:1f18::25", place)).await;
        assert!(report.reachable, "{report:#?}");
        assert_eq!(report.addresses.len(), 2, "they are what the name resolves to");
        let says = "is reachable: 10.0.1.25 leads to the database";
        let and = "Not checked, because this client has no route to them: 2600:1f18::25.";
        assert!(report.report.contains(says) && report.report.ends_with(and), "{}", report.report);
    }
    let report = once(&Net::new(&[]).with("2600:1f18::25", unreachable())).await;
    assert!(failed(&report, Layer::Tcp).starts_with("There is no route to 2600:1f18::25"), "there is no other");
    let report = once(&Net::new(&[]).with(A, unreachable()).with("2600:1f18::25", unreachable())).await;
    assert!(
        failed(&report, Layer::Tcp).starts_with("There is no route to 10.0.1.25, 2600:1f18::25"),
        "none has a route"
    );
}

#[tokio::test(start_paused = true)]
async fn without_root_certificates_the_check_says_so() {
    tls();
    let report = run(&Net::new(&[(A, Fault::None)]), &Tls::new([]), &spec(json!({})), 0).await;
    assert!(failed(&report, Layer::Tls).starts_with("This system has no root certificates"));
}

/// The name of a new endpoint resolves after a while.
#[tokio::test(start_paused = true)]
async fn the_check_keeps_trying_within_its_time() {
    let not_yet = || Err(ErrorKind::NotFound);
    let net = Net::new(&[(A, Fault::None)]);
    let names = vec![not_yet(), not_yet(), Ok(vec![address("44.0.0.1")]), Ok(vec![address(A)])];
    let report = run(&net.clone().resolving(names), &tls(), &spec(json!({})), 60).await;
    assert!(report.reachable, "{report:#?}");
    let begun = tokio::time::Instant::now();
    let report = run(&net.clone().resolving(vec![not_yet()]), &tls(), &spec(json!({})), 60).await;
    assert!(report.report.contains(" Tried 20 times in 57 s. See"), "{}", report.report);
    assert!(begun.elapsed() < Duration::from_mins(1));
}

/// A certificate does not become valid by waiting.
#[tokio::test(start_paused = true)]
async fn what_does_not_pass_ends_the_check_at_once() {
    let begun = tokio::time::Instant::now();
    for fault in [
        Fault::NoTls,
        Fault::WrongName("x.example.com".to_owned()),
        Fault::Expired,
        Fault::OtherAuthority,
        Fault::OldTls,
    ] {
        assert!(!run(&Net::new(&[(A, fault)]), &tls(), &spec(json!({})), 600).await.reachable);
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

/// Whatever the other side does, an attempt ends in the time that the function leaves for it.
#[tokio::test(start_paused = true)]
async fn an_attempt_ends() {
    for fault in [Fault::Silent, Fault::ByteASecond, Fault::SilentInTls] {
        let mut net = Net::new(&[(A, fault)]);
        net.resolves_in = Duration::from_secs(9);
        let begun = tokio::time::Instant::now();
        once(&net).await;
        assert!(begun.elapsed() < probe::ATTEMPT.unsigned_abs(), "{:?}", begun.elapsed());
    }
}

/// What `observe` shows is what the report has.
#[tokio::test(start_paused = true)]
async fn the_layers_are_shown_as_they_happen() {
    let net = Net::new(&[(A, Fault::None), (B, Fault::NoTls)]);
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let mut seen = Vec::new();
    let mut observe = |step: &_| seen.push(Step::clone(step));
    let report = probe::check(&net, &tls(), &spec(json!({})), &Clock::starting_at(start), start, &mut observe).await;
    assert_eq!(report.steps, seen);
    let order: Vec<_> = seen.iter().map(|step| (step.layer, step.passed)).collect();
    let passed = |layer| (layer, true);
    assert_eq!(
        order,
        [
            passed(Layer::Name),
            passed(Layer::Tcp),
            passed(Layer::Tcp),
            passed(Layer::Greeting),
            passed(Layer::Greeting),
            passed(Layer::Tls),
            (Layer::Tls, false),
        ]
    );
}

/// A name may have any number of addresses. An endpoint has one in each zone.
#[tokio::test(start_paused = true)]
async fn no_more_addresses_are_tried_than_an_endpoint_can_have() {
    let names: Vec<String> = (0..40).map(|n| format!("10.0.3.{n}")).collect();
    let places: Vec<_> = names.iter().map(|name| (name.as_str(), Fault::None)).collect();
    let report = once(&Net::new(&places)).await;
    assert!(report.reachable);
    assert_eq!((report.addresses.len(), report.steps.len()), (16, 1 + 3 * 16));
    // The same address twice is one.
    let twice = Net::new(&[(A, Fault::None)]).resolving(vec![Ok(vec![address(A), address(A)])]);
    assert_eq!(once(&twice).await.steps.len(), 4);
}
