//! Fuzzing with proptest: arbitrary JSON, and mutated events.

use crate::cloud::*;
use crate::one_answer::check;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Arbitrary JSON, with strings that events contain, and unusual ones.
fn any_json() -> impl Strategy<Value = Value> {
    let string = prop_oneof![
        Just("Create".to_owned()),
        Just("Delete".to_owned()),
        Just(String::new()),
        Just("true".to_owned()),
        Just("vpce-0123456789abcdef0".to_owned()),
        Just(SERVICE.to_owned()),
        Just("\u{0}\u{1b}[31m\u{202e}\u{fffd}\u{d7ff}".to_owned()),
        Just("ü€😀".repeat(2_000)),
        "\\PC{0,40}",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        string.prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((".{0,12}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// A change of an event.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    Drop(usize),
    Replace(usize, Value),
    Nest(usize),
    Add(String, Value),
    /// A change of `ResourceProperties`.
    Inside(Box<Mutation>),
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let plain = prop_oneof![
        any::<usize>().prop_map(Mutation::Drop),
        (any::<usize>(), any_json()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        any::<usize>().prop_map(Mutation::Nest),
        (".{0,20}", any_json()).prop_map(|(name, value)| Mutation::Add(name, value)),
    ];
    plain.prop_recursive(1, 2, 1, |inner| inner.prop_map(|inside| Mutation::Inside(Box::new(inside))))
}

pub(crate) fn mutate(event: &mut Value, mutation: &Mutation) {
    let Value::Object(map) = event else { return };
    let nth = |at: &usize| map.keys().nth(at % map.len().max(1)).cloned().unwrap_or_default();
    match mutation {
        Mutation::Drop(at) => drop(map.remove(&nth(at))),
        Mutation::Replace(at, value) => drop(map.insert(nth(at), value.clone())),
        Mutation::Nest(at) => {
            let key = nth(at);
            let inside = map.remove(&key);
            map.insert(key.clone(), json!({ key: inside }));
        }
        Mutation::Add(name, value) => drop(map.insert(name.clone(), value.clone())),
        Mutation::Inside(inside) => {
            if let Some(properties) = map.get_mut("ResourceProperties") {
                mutate(properties, inside);
            }
        }
    }
}

fn event(cloud: &Cloud, kind: usize) -> Value {
    let stack = cloud.stack("orders");
    let full = with(
        properties(),
        json!({
            "SubnetIds": [SUBNET_AZ1], "Port": 4001, "PrivateDnsEnabled": true, "ServiceTimeout": 900,
            "Tags": [{ "Key": "team", "Value": "web" }], "IpAddressType": "ipv4",
        }),
    );
    match kind {
        0 => stack.event("Create", &full),
        1 => stack.update_event("vpce-0123456789abcdef0", &full, &properties()),
        2 => stack.delete_event("vpce-0123456789abcdef0", &full),
        _ => stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &full),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_event_gets_one_valid_response(kind in 0_usize..4, mutations in prop::collection::vec(mutation(), 1..4)) {
        check(|cloud| {
            let mut event = event(cloud, kind);
            for mutation in &mutations {
                mutate(&mut event, mutation);
            }
            event
        });
    }

    #[test]
    fn any_json_with_a_response_url_gets_one_valid_response(mut raw in any_json(), url in any::<bool>()) {
        check(|_| {
            if let (true, Value::Object(map)) = (url, &mut raw) {
                map.insert("ResponseURL".to_owned(), json!(RESPONSE_URL));
            }
            raw
        });
    }
}
