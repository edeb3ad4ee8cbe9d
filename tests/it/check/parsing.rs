//! What the network sends is read within bounds, whatever it is.

use super::*;
use ec2_sim::gateway;
use proptest::prelude::*;
use tidb_private_endpoint::check::Layer;
use tidb_private_endpoint::check::certificate::describe;
use tidb_private_endpoint::check::greeting::{Greeting, HEADER, MAX_GREETING, length};

#[test]
fn a_greeting_is_read() {
    let packet = gateway::greeting(1 << 11);
    assert_eq!(length(*packet.first_chunk().unwrap()), Some(packet.len() - HEADER));
    let read = |tls| Greeting::read(&gateway::greeting(tls)[HEADER..]);
    assert_eq!(read(1 << 11), Greeting::MySql { version: gateway::VERSION.to_owned(), offers_tls: true });
    assert_eq!(read(0), Greeting::MySql { version: gateway::VERSION.to_owned(), offers_tls: false });
    let error = [&[0xff, 0x15, 0x04][..], b"#08004Too many connections"].concat();
    assert_eq!(Greeting::read(&error), Greeting::Error { code: 1045, message: "Too many connections".to_owned() });
}

#[test]
fn a_header_that_no_greeting_has_ends_the_reading() {
    let of = |length: usize, sequence: u8| {
        let [a, b, c, _] = u32::try_from(length).unwrap().to_le_bytes();
        [a, b, c, sequence]
    };
    assert_eq!(length(of(MAX_GREETING, 0)), Some(MAX_GREETING));
    assert_eq!(length(of(MAX_GREETING + 1, 0)), None);
    assert_eq!(length(of(0, 0)), None);
    assert_eq!(length(of(70, 1)), None);
    assert_eq!(length(*b"HTTP"), None);
    assert_eq!(length(*b"SSH-"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_some_greeting(bytes in prop::collection::vec(any::<u8>(), 0..200), first in prop_oneof![Just(10), Just(255), any::<u8>()]) {
        let packet = [&[first][..], &bytes].concat();
        let text = match Greeting::read(&packet) {
            Greeting::MySql { version, .. } => version,
            Greeting::Error { message, .. } => message,
            Greeting::Other(sent) => sent,
        };
        prop_assert!(text.len() <= 200 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }

    #[test]
    fn any_bytes_in_place_of_a_certificate_are_described(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(describe(&bytes).issuer.len() <= 800);
    }

    /// A certificate in which a few bytes are different.
    #[test]
    fn a_damaged_certificate_is_described(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut der = AUTHORITY.der().to_vec();
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        let described = describe(&der);
        prop_assert!(!described.issuer.chars().any(char::is_control), "{described:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A resolver can answer anything.
    #[test]
    fn whatever_a_name_resolves_to_the_check_ends(found in prop::collection::vec(any::<IpAddr>(), 0..30), expected in prop::collection::vec(any::<IpAddr>(), 0..2)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut net = Net::new(&[]);
            for address in &found {
                net = net.with(&address.to_string(), Place::Fails(ErrorKind::ConnectionRefused));
            }
            let net = net.resolving(vec![Ok(found.clone())]);
            let spec = spec(json!({ "EndpointAddresses": expected.iter().map(ToString::to_string).collect::<Vec<_>>() }));
            let report = run(&net, &tls(), &spec, 0).await;
            let others = found.iter().take(16).any(|address| !expected.is_empty() && !expected.contains(address));
            assert!(!report.reachable && (!others || report.failed_layer == Some(Layer::Name)), "{report:?}");
        });
    }

    /// A server can send anything, at once or after its greeting.
    #[test]
    fn whatever_a_server_sends_the_check_ends_with_a_finding(bytes in prop::collection::vec(any::<u8>(), 0..300), greets in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let bytes = if greets { [gateway::greeting(1 << 11), bytes].concat() } else { bytes };
        runtime.block_on(async {
            let report = once(&Net::new(&[(A, Fault::Sends(bytes))])).await;
            assert!(!report.reachable && !report.report.chars().any(char::is_control), "{report:?}");
        });
    }
}
